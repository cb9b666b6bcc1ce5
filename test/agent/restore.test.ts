import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { basename, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createControl } from '../../kdb/agent/control.ts';
import { embeddedProgram } from '../../kdb/agent/program.ts';
import type { EngineClient } from '../../src/kdb/client.ts';
import { createEngineClient } from '../../src/kdb/client.ts';
import type { DatabaseReport } from '../../src/management/host-agent.ts';
import { AgentClient } from '../../workers/agent-client.ts';
import { batchOf, point, queryOf, rowsOf } from '../engines/points.ts';
import { silent } from '../management/region.ts';
import { until } from '../until.ts';
import { directoriesOf, testHost, wanted } from './host.ts';

const { signal } = new AbortController();
const count = queryOf('m', { select: [{ op: 'count', field: 'f', as: 'n' }] });

async function open(t: TestContext) {
  const host = testHost(t, 3);
  const agent = host.agent({ program: embeddedProgram() });
  await agent.start();
  const server = createControl({ agent, secret: 's', restart: () => {}, log: silent }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close().closeAllConnections());
  const at = { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
  const connect = ({ endpoint }: DatabaseReport): EngineClient => {
    const client = createEngineClient({ ...endpoint!, user: wanted.user, password: wanted.password });
    t.after(() => client.close());
    return client;
  };
  return { host, agent, at, connect, agents: new AgentClient('s') };
}

const insert = (client: EngineClient, i: number) =>
  client.insert(batchOf([point('m', { host: `h${i % 5}` }, BigInt(i), { f: i })]));
const rows = async (client: EngineClient) => Number(rowsOf(await client.query(count))[0]![0]);

test('a database is held, also over the end of its process, and let go', async (t) => {
  const { host, agent, at, connect, agents } = await open(t);
  const client = connect(await agents.putDatabase(at, 'db-1', wanted, signal));
  await insert(client, 1);
  const writing = Promise.allSettled(Array.from({ length: 40 }, (_, i) => insert(client, i + 2)));
  assert.equal((await agents.holdDatabase(at, 'db-1', { held: true, by: 'a' }, signal)).heldBy, 'a');
  const held = await rows(client);
  await assert.rejects(insert(client, 100), { code: 'DatabaseHeld' });
  const taken = (await writing).filter(({ status }) => status === 'fulfilled').length;
  assert.deepEqual([held, await rows(client)], [taken + 1, taken + 1]);
  const { pid } = JSON.parse(readFileSync(join(directoriesOf(host, 'db-1')[0]!, 'process.json'), 'utf8'));
  process.kill(pid, 'SIGKILL');
  await until('it is back', () => agent.get('db-1')?.state === 'running' && agent.get('db-1')?.fault === null);
  const again = connect(agent.get('db-1')!);
  await until('it answers', () =>
    again.hello().then(
      () => true,
      () => false,
    ),
  );
  await assert.rejects(insert(again, 100), { code: 'DatabaseHeld' });
  assert.equal((await agents.holdDatabase(at, 'db-1', { held: false, by: 'b' }, signal)).heldBy, 'a');
  await agents.holdDatabase(at, 'db-1', { held: false, by: 'a' }, signal);
  await insert(again, 100);
  assert.equal(await rows(again), held + 1);
});

test('a backup goes through the agent into another database, up to a moment, and is written on', async (t) => {
  const { host, at, connect, agents } = await open(t);
  const client = connect(await agents.putDatabase(at, 'db-1', wanted, signal));
  for (let i = 0; i < 30; i++) await insert(client, i);
  await client.checkpoint();
  for (let i = 30; i < 40; i++) await insert(client, i);
  const untilMs = Date.now();
  await until('the clock goes on', () => Date.now() > untilMs);
  for (let i = 40; i < 50; i++) await insert(client, i);
  const files = await client.backup('b');
  await agents.putDatabase(at, 'db-2', { ...wanted, volumes: 3, filling: true }, signal);
  for (const { volume, path, sha256 } of files) {
    const contents = await agents.getFile(at, 'db-1', { volume, path }, signal);
    await agents.putFile(at, 'db-2', { volume, path: basename(path) }, sha256, contents, signal);
  }
  await agents.deleteBackup(at, 'db-1', 'b', signal);
  const gone = { volume: 0, path: files[0]!.path };
  await assert.rejects(agents.getFile(at, 'db-1', gone, signal), /does not have it/);
  const report = await agents.startDatabase(at, 'db-2', { recover: { untilMs } }, signal);
  assert.equal(report.state, 'running', report.fault ?? '');
  assert.equal(report.recovered?.untilMs, untilMs);
  assert.equal(report.recovered.records, 10);
  assert.notEqual(report.incarnation, (await agents.getDatabase(at, 'db-1', signal)).incarnation);
  const { restore } = JSON.parse(readFileSync(join(directoriesOf(host, 'db-2')[0]!, 'database.json'), 'utf8'));
  assert.equal(restore, null);
  const copy = connect(report);
  assert.equal(await rows(copy), 40);
  for (let i = 40; i < 45; i++) await insert(copy, i);
  assert.deepEqual([await rows(copy), await rows(client)], [45, 50]);
});
