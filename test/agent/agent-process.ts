// An agent in a process of its own, to be killed: volumes as arguments. It tells its parent of the database that it runs.

import { Agent } from '../../kdb/agent/agent.ts';
import { Limits } from '../../kdb/agent/limits.ts';
import { StartTurns } from '../../kdb/agent/start-turns.ts';
import { silent } from '../management/region.ts';
import { standIn, unfenced, wanted } from './host.ts';

const agent = new Agent({
  host: '127.0.0.1',
  volumes: process.argv.slice(2),
  slots: 1,
  program: standIn,
  log: silent,
  limits: new Limits({ cgroup: undefined, memoryMb: null, log: silent }),
  fence: unfenced,
  startTurns: new StartTurns(1),
  moved: () => {},
});
await agent.start();
process.send!(await agent.put('db-1', wanted));
