import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { HostFull } from '../../kdb/agent/agent.ts';
import { TooFewVolumes } from '../../kdb/agent/home.ts';
import { until } from '../until.ts';
import { answers, directoriesOf, startsOf, testHost, wanted } from './host.ts';

test('a database gets its directories and a process, once', async (t) => {
  const host = testHost(t);
  const agent = host.agent();
  await agent.start();
  const [report, again] = await Promise.all([agent.put('db-1', wanted), agent.put('db-1', wanted)]);
  assert.equal(report.state, 'running');
  assert.deepEqual(again, report);
  assert.deepEqual(agent.get('db-1'), report);
  assert.deepEqual(agent.list(), [report]);
  assert.ok(await answers(report.endpoint!));
  const directories = directoriesOf(host, 'db-1');
  assert.equal(directories.length, 2);
  assert.equal(startsOf(directories[0]!).length, 1);
  // It holds the password.
  assert.equal(statSync(join(directories[0]!, 'database.json')).mode & 0o777, 0o600);
  assert.equal(statSync(directories[1]!).mode & 0o777, 0o700);
});

test('databases spread over the volumes', async (t) => {
  const host = testHost(t);
  const agent = host.agent();
  await agent.start();
  for (const id of ['db-1', 'db-2']) await agent.put(id, wanted);
  const used = ['db-1', 'db-2'].flatMap((id) => directoriesOf(host, id));
  assert.equal(new Set(used.map((path) => path.split('/').at(-2))).size, 4);
});

test('what does not fit is refused and leaves nothing', async (t) => {
  const host = testHost(t);
  const agent = host.agent({ slots: 1 });
  await agent.start();
  await assert.rejects(agent.put('db-1', { ...wanted, volumes: 5 }), TooFewVolumes);
  assert.deepEqual(host.contents(), []);
  await agent.put('db-1', wanted);
  await assert.rejects(agent.put('db-2', wanted), HostFull);
});

test('removal stops the process and takes all that it had; again, and of an unknown one, nothing happens', async (t) => {
  const host = testHost(t);
  const agent = host.agent();
  await agent.start();
  const { endpoint } = await agent.put('db-1', wanted);
  await Promise.all([agent.remove('db-1'), agent.remove('db-1'), agent.remove('db-2')]);
  assert.equal(await answers(endpoint!), false);
  assert.deepEqual(host.contents(), []);
  assert.equal(agent.get('db-1'), undefined);
});

test('the next agent brings all databases back on their ports', async (t) => {
  const host = testHost(t);
  const first = host.agent();
  await first.start();
  const before = await Promise.all(['db-1', 'db-2', 'db-3'].map((id) => first.put(id, wanted)));
  await first.stop();
  assert.equal(await answers(before[0]!.endpoint!), false);
  const second = host.agent();
  await second.start();
  for (const { id, endpoint } of before) {
    assert.deepEqual((await second.put(id, wanted)).endpoint, endpoint);
    assert.ok(await answers(endpoint!));
  }
});

test('a database that crashes comes back on its port, and says why when it cannot', async (t) => {
  const host = testHost(t);
  const agent = host.agent();
  await agent.start();
  const { endpoint } = await agent.put('db-1', wanted);
  const [home] = directoriesOf(host, 'db-1');
  process.kill(startsOf(home!)[0]!, 'SIGKILL');
  await until('it is back', async () => startsOf(home!).length === 2 && (await answers(endpoint!)));
  assert.deepEqual(agent.get('db-1')?.endpoint, endpoint);

  writeFileSync(join(home!, 'broken'), '');
  process.kill(startsOf(home!)[1]!, 'SIGKILL');
  const report = await until('it says why', () => {
    const now = agent.get('db-1');
    return now?.fault?.includes('something is broken') ? now : undefined;
  });
  assert.equal(report.state, 'crashed');
  assert.match(report.fault!, /^it ended with code 1\n/);
  rmSync(join(home!, 'broken'));
  await until('it runs', () => agent.get('db-1')?.state === 'running');
  assert.equal(agent.get('db-1')?.fault, null);
});

test('a port that was taken meanwhile is given up for another one', async (t) => {
  const host = testHost(t);
  const first = host.agent();
  await first.start();
  const { endpoint } = await first.put('db-1', wanted);
  await first.stop();
  const other = createServer().listen(endpoint!.port, endpoint!.host);
  await once(other, 'listening');
  t.after(() => other.close());
  let moves = 0;
  const second = host.agent({ moved: () => moves++ });
  await second.start();
  const moved = await second.put('db-1', wanted);
  assert.notEqual(moved.endpoint!.port, endpoint!.port);
  assert.ok(await answers(moved.endpoint!));
  assert.equal(moves, 1);
  await second.stop();
  const third = host.agent();
  await third.start();
  assert.deepEqual((await third.put('db-1', wanted)).endpoint, moved.endpoint);
});

test('a volume that is missing is named, and the other databases run', async (t) => {
  const host = testHost(t);
  const first = host.agent();
  await first.start();
  for (const id of ['db-1', 'db-2']) await first.put(id, wanted);
  await first.stop();
  const [, missing] = directoriesOf(host, 'db-1');
  renameSync(missing!, `${missing}.away`);
  const second = host.agent();
  await second.start();
  await until('it is named', () => second.get('db-1')?.fault?.includes(missing!));
  assert.equal((await second.put('db-2', wanted)).state, 'running');
  renameSync(`${missing}.away`, missing!);
  await until('it runs', () => second.get('db-1')?.state === 'running');
});

test('a removal that was cut short is finished at the next start, and nothing else is touched', async (t) => {
  const host = testHost(t);
  const first = host.agent();
  await first.start();
  for (const id of ['db-1', 'db-2', 'db-3']) await first.put(id, wanted);
  await first.stop();
  // After the first step, and after the last but one.
  const [home] = directoriesOf(host, 'db-1');
  renameSync(home!, `${home}.deleting`);
  const directories = directoriesOf(host, 'db-2');
  renameSync(directories[0]!, `${directories[0]}.deleting`);
  rmSync(directories[1]!, { recursive: true });
  rmSync(join(`${directories[0]}.deleting`, 'database.json'));
  mkdirSync(join(host.volumes[0]!, 'lost+found'));
  writeFileSync(join(host.volumes[1]!, 'lost+found'), '');
  const second = host.agent();
  await second.start();
  assert.deepEqual(
    second.list().map(({ id }) => id),
    ['db-3'],
  );
  const left = host.volumes.flatMap((_, i) => [
    `v${i}/db-1`,
    `v${i}/db-1.deleting`,
    `v${i}/db-2`,
    `v${i}/db-2.deleting`,
  ]);
  const contents = host.contents();
  assert.ok(['v0/lost+found', 'v1/lost+found'].every((path) => contents.includes(path)));
  assert.ok(left.every((path) => !contents.includes(path)));
});

test('a creation that was cut short is finished by the next request, on the volumes of the first', async (t) => {
  const host = testHost(t);
  const [v0, v1, v2] = host.volumes as [string, string, string];
  mkdirSync(join(v2, 'db-1'));
  const draft = {
    databaseId: 'db-1',
    host: '127.0.0.1',
    port: 0,
    ...wanted,
    volumes: [join(v2, 'db-1'), join(v0, 'db-1')],
  };
  writeFileSync(join(v2, 'db-1', 'creating.json'), JSON.stringify(draft));
  const agent = host.agent();
  await agent.start();
  assert.deepEqual(agent.list(), []);
  await agent.put('db-1', wanted);
  assert.deepEqual(directoriesOf(host, 'db-1'), draft.volumes);
  // One that never got further goes away with a removal.
  mkdirSync(join(v1, 'db-2'));
  writeFileSync(join(v1, 'db-2', 'creating.json'), JSON.stringify({ ...draft, volumes: [join(v1, 'db-2')] }));
  await agent.remove('db-2');
  assert.ok(!host.contents().some((path) => basename(path) === 'db-2'));
});

test('databases end with a killed agent, and the next one starts them where they were', async (t) => {
  const host = testHost(t);
  const child = fork(join(import.meta.dirname, 'agent-process.ts'), [...host.volumes], { execPath: process.execPath });
  t.after(() => child.kill('SIGKILL'));
  const [report] = await once(child, 'message');
  assert.ok(await answers(report.endpoint));
  const [home] = directoriesOf(host, report.id);
  child.kill('SIGKILL');
  const next = host.agent();
  await next.start();
  assert.deepEqual((await next.put(report.id, wanted)).endpoint, report.endpoint);
  assert.equal(new Set(startsOf(home!)).size, 2);
});
