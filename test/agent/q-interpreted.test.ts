// The agent with kdb/q itself: a writer, a reader, a hold, a crash of the writer. Our interpreter plays q.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addFigures } from '../../kdb/agent/figures.ts';
import { qProgram } from '../../kdb/agent/program.ts';
import { StartTurns } from '../../kdb/agent/start-turns.ts';
import { readAgentConfig } from '../../src/base/config.ts';
import { Metrics } from '../../src/base/metrics.ts';
import { createEngineClient } from '../../src/kdb/client.ts';
import { batchOf, point, queryOf, rowsOf } from '../engines/points.ts';
import { interpreter } from '../engines/q-process.ts';
import { until } from '../until.ts';
import { testHost, unfenced, wanted } from './host.ts';

test('an agent runs kdb/q: a writer and a reader, a hold, a writer that is killed', async (t) => {
  const host = testHost(t);
  const { q } = readAgentConfig({
    TSG_REGION: 'r',
    TSG_ZONE: 'z',
    TSG_OBJECT_STORE: 's3://bucket',
    TSG_HOST_ID: 'h1',
    TSG_AGENT_SECRET: 'secret',
    TSG_VOLUMES: '/v0',
    TSG_Q: interpreter,
    TSG_Q_THREADS: '2',
    TSG_Q_MEMORY_MB: '2048',
  });
  const agent = host.agent({ program: qProgram(q!), durablePort: () => 4_321 });
  await agent.start();
  t.after(() => agent.stop());
  await agent.put('db-1', wanted);
  const { port, readerPorts } = await until('a reader', () => {
    const endpoint = agent.get('db-1')?.endpoint;
    return (endpoint?.readerPorts?.length ?? 0) > 0 && { port: endpoint!.port, readerPorts: endpoint!.readerPorts! };
  });
  const client = createEngineClient({
    host: '127.0.0.1',
    port,
    readerPorts,
    user: wanted.user,
    password: wanted.password,
  });
  t.after(() => client.close());
  for (let i = 0; i < 5; i++) await client.insert(batchOf([point('m', { h: 'a' }, BigInt(i), { f: i })]));
  assert.equal(rowsOf(await client.query(queryOf('m'))).length, 5);
  await client.checkpoint();
  assert.equal(rowsOf(await client.query(queryOf('m'))).length, 5);

  const { readers } = agent.processes()[0]!;
  const metrics = new Metrics({ region: 'r', zone: 'z' });
  addFigures(metrics, { agent, slots: 1, startTurns: new StartTurns(1), fence: unfenced, syncTimes: undefined });
  const figure = async (name: string): Promise<number> =>
    Number(new RegExp(`^${name}\\{database="db-1",.*\\} (.*)$`, 'm').exec(await metrics.text())?.[1]);
  await until('the reader has it all', async () => (await figure('tsg_database_reader_lag_bytes')) === 0);
  assert.equal(await figure('tsg_database_readers'), 1);
  process.kill(readers.pids[0]!, 'SIGSTOP');
  await client.insert(batchOf([point('m', { h: 'a' }, 4n, { f: 4 })]));
  assert.ok((await figure('tsg_database_reader_lag_bytes')) > 0);
  process.kill(readers.pids[0]!, 'SIGCONT');
  await until('it caught up', async () => (await figure('tsg_database_reader_lag_bytes')) === 0);

  await agent.hold('db-1', { held: true, by: 'me' });
  await assert.rejects(client.insert(batchOf([point('m', { h: 'a' }, 9n, { f: 9 })])), /DatabaseHeld/);
  await agent.hold('db-1', { held: false, by: 'me' });
  const [before] = agent.processes();
  const pid = before!.pid;
  process.kill(pid!, 'SIGKILL');
  await until('again', () => agent.get('db-1')!.state === 'running' && before!.pid !== pid);
  await until('answers', () =>
    client.query(queryOf('m')).then(
      (r) => rowsOf(r).length === 5,
      () => false,
    ),
  );
});
