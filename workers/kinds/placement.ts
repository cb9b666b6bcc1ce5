// Where a database comes to be: on the host on which it is placed already, else on the first one that takes it.

import { setTimeout as delay } from 'node:timers/promises';
import type { DatabaseReport } from '../../src/management/host-agent.ts';
import { processLimits } from '../../src/management/plans.ts';
import type { Database, Endpoint, Host } from '../../src/management/records.ts';
import { HostRefused } from '../agent-client.ts';
import type { TaskRun } from './kind.ts';
import { waitForRoom } from './room.ts';

const helloEveryMs = 100;
const helloTimeoutMs = 10_000;

/** What is needed of a run, whatever its kind. */
type AnyRun = Pick<TaskRun, 'task' | 'services' | 'signal' | 'log'>;

export interface Placed {
  readonly placed: Database;
  readonly agent: Endpoint;
  readonly report: DatabaseReport;
}

interface PlacementOptions {
  /** Of the task's kind: for so long it waits for room. */
  readonly timeLimitMs: number;
  readonly filling?: boolean;
}

/** Its process is started; with `filling`, it waits for its files first. */
export async function placeDatabase(
  database: Database,
  run: AnyRun,
  { timeLimitMs, filling = false }: PlacementOptions,
): Promise<Placed> {
  const { databases, hosts } = run.services.management;
  let current = database;
  if (current.hostId !== null) {
    const host = await hosts.getHost(current.hostId);
    if (!host) throw new Error('the host of the database is not registered', { cause: new Error(current.hostId) });
    const report = await putOn(host, current, run, filling);
    if (report) return { placed: current, agent: host.agent, report };
    current = await databases.unplace(current);
  }
  for (const host of await hosts.hostsWithRoom(current.volumes)) {
    const placed = await databases.place(current, host);
    if (!placed) continue;
    const report = await putOn(host, placed, run, filling);
    if (report) return { placed, agent: host.agent, report };
    current = await databases.unplace(placed);
  }
  const reason = `no host in ${database.region} has room for ${database.volumes} volumes`;
  return waitForRoom(run, { reason, timeLimitMs, askForHost: true });
}

/** Undefined when the host refuses. */
async function putOn(
  { id: hostId, agent }: Host,
  { id, accountId, volumes, schema, user, password }: Database,
  { task, services, signal, log }: AnyRun,
  filling: boolean,
): Promise<DatabaseReport | undefined> {
  const account = await services.management.accounts.getAccount(accountId);
  const limits = processLimits(account, schema);
  const wanted = { volumes, schema, ...limits, user, password, ...(filling && { filling }) };
  try {
    return await services.agents.putDatabase(agent, id, wanted, signal);
  } catch (error) {
    if (!(error instanceof HostRefused)) throw error;
    log.warn('a host refuses a database', { taskId: task.id, hostId, error });
    return undefined;
  }
}

export async function untilHello(endpoint: Endpoint, database: Database, { services, signal }: AnyRun): Promise<void> {
  for (const deadline = Date.now() + helloTimeoutMs; ; await delay(helloEveryMs, undefined, { signal })) {
    try {
      await services.hello(endpoint, database);
      return;
    } catch (error) {
      if (Date.now() > deadline) {
        throw new Error('the database process does not answer', { cause: error });
      }
    }
  }
}
