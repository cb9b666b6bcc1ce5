import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { noteProcess } from '../../kdb/agent/former-process.ts';
import { qProgram } from '../../kdb/agent/program.ts';
import { readAgentConfig } from '../../src/base/config.ts';
import { createEngineClient, type EngineClient } from '../../src/kdb/client.ts';
import { batchOf, point, queryOf, rowsOf } from '../engines/points.ts';
import { temporaryFolder } from '../servers.ts';
import { until } from '../until.ts';
import { directoriesOf, testHost, wanted } from './host.ts';

const environment = {
  TSG_REGION: 'r',
  TSG_ZONE: 'z',
  TSG_OBJECT_STORE: 's3://bucket',
  TSG_HOST_ID: 'h1',
  TSG_AGENT_SECRET: 'secret',
  TSG_VOLUMES: '/v0',
};

/** A program at a path, as q is. */
function standIn(t: TestContext): string {
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  const path = join(folder.path, 'q');
  writeFileSync(path, `#!/bin/sh\nexec '${process.execPath}' '${join(import.meta.dirname, 'q-stand-in.ts')}' "$@"\n`);
  chmodSync(path, 0o755);
  return path;
}

const insert = (client: EngineClient, i: number) =>
  client.insert(batchOf([point('m', { host: 'a' }, BigInt(i), { f: i })]));

test('an agent with TSG_Q runs q: its arguments and licence, a hold, a crash, an agent that is gone', async (t) => {
  const host = testHost(t);
  const { q } = readAgentConfig({
    ...environment,
    TSG_Q: standIn(t),
    TSG_Q_THREADS: '2',
    TSG_Q_MEMORY_MB: '2048',
    QHOME: '/opt/kx/q',
    QLIC: '/opt/kx/licence',
  });
  const program = qProgram(q!);
  const agent = host.agent({ program, durablePort: () => 4_321 });
  await agent.start();
  const { endpoint } = await agent.put('db-1', wanted);
  assert.equal(endpoint!.durablePort, 4_321);
  // The engine of the stand-in syncs itself.
  const { port } = endpoint!;
  const client = createEngineClient({ host: '127.0.0.1', port, user: wanted.user, password: wanted.password });
  t.after(() => client.close());
  await insert(client, 1);

  const home = directoriesOf(host, 'db-1')[0]!;
  const { args, env } = JSON.parse(readFileSync(join(home, 'start-writer.json'), 'utf8'));
  assert.match(args.join(' '), /tsg\.q -config \S+\/database\.json -role writer -s 2 -w 2048 -T 30 -q$/);
  assert.deepEqual(env, { QHOME: '/opt/kx/q', QLIC: '/opt/kx/licence' });

  assert.equal((await agent.hold('db-1', { held: true, by: 'me' })).heldBy, 'me');
  await assert.rejects(insert(client, 2), /DatabaseHeld/);
  // Nothing changes, and nothing is waited for.
  await agent.hold('db-1', { held: true, by: 'me' });
  await agent.hold('db-1', { held: false, by: 'me' });
  await insert(client, 2);

  const [before] = agent.processes();
  const { pid } = before!;
  process.kill(pid!, 'SIGTERM');
  await until('another process runs', () => agent.get('db-1')!.state === 'running' && before!.pid !== pid);
  await insert(client, 3);

  // As after a crash of the agent: q goes on, and the next agent ends it before it starts its own.
  await agent.stop();
  const [path, ...rest] = program.command(join(home, 'database.json'), null);
  const orphan = spawn(path!, rest, { stdio: 'ignore' });
  const gone = once(orphan, 'exit');
  t.after(() => orphan.kill());
  await noteProcess(join(home, 'process.json'), orphan.pid!, join(home, 'database.json'));
  const next = host.agent({ program });
  await next.start();
  await gone;
  await until('the next agent runs it', () => next.get('db-1')!.state === 'running');
  const again = createEngineClient({ ...next.get('db-1')!.endpoint!, user: wanted.user, password: wanted.password });
  t.after(() => again.close());
  const count = queryOf('m', { select: [{ op: 'count', field: 'f', as: 'n' }] });
  assert.deepEqual(rowsOf(await again.query(count)), [[3n]]);
});

test('readers answer beside the writer, come back on their ports, and take nothing down', async (t) => {
  const host = testHost(t);
  const { q } = readAgentConfig({ ...environment, TSG_Q: standIn(t), TSG_Q_READERS: '2' });
  let moves = 0;
  const agent = host.agent({ program: qProgram(q!), moved: () => moves++ });
  await agent.start();
  await agent.put('db-1', wanted);
  const ports = () => agent.get('db-1')!.endpoint!.readerPorts ?? [];
  await until('both readers are known', () => ports().length === 2);
  assert.equal(moves, 3);
  const known = ports();
  const home = directoriesOf(host, 'db-1')[0]!;
  const { args } = JSON.parse(readFileSync(join(home, 'start-reader.json'), 'utf8'));
  assert.match(args.join(' '), /tsg\.q -config \S+\/database\.json -role reader -listen 0 -s 3 -w 8192 -T 30 -q$/);

  const client = createEngineClient({ ...agent.get('db-1')!.endpoint!, user: wanted.user, password: wanted.password });
  t.after(() => client.close());
  await insert(client, 1);
  const count = queryOf('m', { select: [{ op: 'count', field: 'f', as: 'n' }] });
  const asked = (): number => readFileSync(join(home, 'reader-connections'), 'utf8').trim().split('\n').length;
  assert.deepEqual(rowsOf(await client.query(count)), [[1n]]);
  assert.equal(asked(), 1);

  const [database] = agent.processes();
  const runs = (pids: readonly number[]): boolean => pids.length === 2;
  const before = database!.readers.pids;
  for (const pid of before) process.kill(pid, 'SIGKILL');
  assert.deepEqual(rowsOf(await client.query(count)), [[1n]]);
  const isBack = (old: readonly number[]): boolean =>
    runs(database!.readers.pids) && database!.readers.pids.every((pid) => !old.includes(pid));
  await until('other readers run', () => isBack(before));
  assert.equal(database!.restarts, 0);
  assert.equal(agent.get('db-1')!.state, 'running');

  const withFirst = database!.readers.pids;
  process.kill(database!.pid!, 'SIGKILL');
  await until('readers of another writer', () => database!.restarts === 1 && isBack(withFirst));
  await until('they answer', async () => {
    await client.query(count);
    return asked() > 1;
  });
  assert.deepEqual(ports(), known);
  const last = database!.readers.pids;
  await agent.remove('db-1');
  await until('they are gone', () => last.every((pid) => !isThere(pid)));
});

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const variables: readonly (readonly [given: Record<string, string>, expected: RegExp])[] = [
  [{}, /^\/q \S+tsg\.q -config \/c -role writer -s 3 -w 8192 -T 30 -q$/],
  [{ TSG_Q_TIMEOUT_S: '5', TSG_Q_THREADS: '0' }, /^\/q \S+tsg\.q -config \/c -role writer -s 0 -w 8192 -T 5 -q$/],
  [{ TSG_Q_MEMORY_MB: '1024' }, /-w 1024 -T 30 -q$/],
  [{ TSG_Q_MEMORY_MB: '65536' }, /-w 16000 -T 30 -q$/],
  [{ TSG_Q_NUMA_NODE: '1' }, /^numactl --cpunodebind=1 --preferred=1 \/q /],
];

for (const [given, expected] of variables) {
  test(`q is started with ${JSON.stringify(given)}`, () => {
    const { q } = readAgentConfig({ ...environment, TSG_Q: '/q', ...given });
    assert.match(qProgram(q!).command('/c', 16_000).join(' '), expected);
  });
}

test('without TSG_Q there is no q; wrong numbers are refused', () => {
  assert.equal(readAgentConfig(environment).q, undefined);
  assert.throws(() => readAgentConfig({ ...environment, TSG_Q: '/q', TSG_Q_THREADS: 'many' }), /TSG_Q_THREADS/);
});
