import assert from 'node:assert/strict';
import { test } from 'node:test';
import { theService } from '../../src/management/audit.ts';
import { createActive, newDatabase } from '../management/region.ts';
import { Mortal } from './mortal.ts';
import { testRegion } from './region.ts';

/** More than any kind has; a worker that outlives its death ends the table. */
const lastSteps = Array.from({ length: 30 }, (_, i) => i);

test('provision: placed, started, answering, active', async (t) => {
  const { management, worker, addHost } = await testRegion(t);
  const { databases, tasks, hosts } = management;
  const host = await addHost('h1');
  const { database, task } = await databases.createDatabase(newDatabase('a1', 'plant'), theService);
  await worker().runner.run({ taskId: task.id });
  const done = (await tasks.getTask(task.id))!;
  assert.equal(done.state, 'succeeded');
  assert.deepEqual([done.progress?.done, done.progress?.total, done.progress?.unit], [3, 3, 'steps']);
  const active = (await databases.getDatabase('a1', 'plant'))!;
  assert.equal(active.status, 'active');
  assert.equal(active.hostId, 'h1');
  assert.deepEqual(active.endpoint, host.running.get(database.id)?.endpoint);
  assert.equal((await hosts.getHost('h1'))?.usedSlots, 1);
  // A message that comes twice changes nothing.
  await worker().runner.run({ taskId: task.id });
  assert.deepEqual(await tasks.getTask(task.id), done);
});

test('provision: the worker dies at any step, and the next one finishes', async (t) => {
  const { management, worker, addMemoryHost } = await testRegion(t);
  const { databases, tasks, hosts, clock } = management;
  const memory = await addMemoryHost('h1');
  let died = 0;
  for (const lastStep of lastSteps) {
    const name = `died after step ${lastStep}`;
    const { database, task } = await databases.createDatabase(newDatabase('a1', name), theService);
    const mortal = new Mortal(lastStep);
    await worker({ mortal, memory })
      .runner.run({ taskId: task.id })
      .catch(() => {});
    if (mortal.dead) died += 1;
    clock.aheadMs += 15_001;
    await hosts.heartbeat('h1');
    await worker({ memory }).runner.run({ taskId: task.id });
    assert.equal((await tasks.getTask(task.id))?.state, 'succeeded', name);
    const active = (await databases.getDatabase('a1', name))!;
    assert.equal(active.status, 'active', name);
    assert.deepEqual(active.endpoint, memory.databases.get(database.id), name);
    const placed = await databases.databasesOfHost('h1');
    assert.equal((await hosts.getHost('h1'))?.usedSlots, placed.length, name);
    assert.equal(memory.databases.size, placed.length, name);
    if (!mortal.dead) break;
  }
  assert.ok(died >= 8, `only ${died} deaths`);
});

test('deprovision: the worker dies at any step, and the next one finishes', async (t) => {
  const { management, worker, addMemoryHost } = await testRegion(t);
  const { accounts, databases, series, tasks, hosts, usage, clock } = management;
  const memory = await addMemoryHost('h1');
  const { id: accountId } = (await accounts.createAccount('acme', theService, { limits: { storageBytes: 500 } }))
    .account;
  let died = 0;
  for (const lastStep of lastSteps) {
    const name = `died after step ${lastStep}`;
    await hosts.heartbeat('h1');
    const creation = await databases.createDatabase(newDatabase(accountId, 'plant'), theService);
    await worker({ memory }).runner.run({ taskId: creation.task.id });
    assert.equal(memory.databases.size, 1, name);
    const { id } = creation.database;
    await series.follow(id, ['cpu'], async (name) => ({ series: name, tags: [], fields: [] }));
    await usage.setStored(creation.database, 1_000);
    await accounts.judgeStorage(accountId, 1_000);
    const { task } = await databases.requestDelete(accountId, 'plant', theService);
    const mortal = new Mortal(lastStep);
    await worker({ mortal, memory })
      .runner.run({ taskId: task.id })
      .catch(() => {});
    if (mortal.dead) died += 1;
    clock.aheadMs += 15_001;
    await worker({ memory }).runner.run({ taskId: task.id });
    assert.equal((await tasks.getTask(task.id))?.state, 'succeeded', name);
    assert.equal(await databases.getDatabase(accountId, 'plant'), undefined, name);
    assert.deepEqual(await Array.fromAsync(series.everySeries(id)), [], name);
    assert.equal((await hosts.getHost('h1'))?.usedSlots, 0, name);
    assert.equal(memory.databases.size, 0, name);
    assert.equal((await accounts.getAccount(accountId))?.overStorageBytes, null, name);
    assert.equal(await usage.storedBytes(accountId), 0, name);
    if (!mortal.dead) break;
  }
  assert.ok(died >= 6, `only ${died} deaths`);
});

test('a host that refuses is left for the next one', async (t) => {
  const { management, worker, addHost } = await testRegion(t);
  const { databases, hosts } = management;
  // Its agent takes none, whatever the table says; it has the most room there.
  await addHost('full', { slots: 0, registeredSlots: 100 });
  await addHost('next');
  const { task } = await databases.createDatabase(newDatabase('a1', 'plant'), theService);
  await worker().runner.run({ taskId: task.id });
  assert.equal((await databases.getDatabase('a1', 'plant'))?.hostId, 'next');
  assert.equal((await hosts.getHost('full'))?.usedSlots, 0);
});

test('no room: the task waits and says why', async (t) => {
  const { management, worker, addHost } = await testRegion(t);
  const { databases, tasks } = management;
  const { task } = await databases.createDatabase(newDatabase('a1', 'plant'), theService);
  const first = worker();
  await first.runner.run({ taskId: task.id });
  const waiting = (await tasks.getTask(task.id))!;
  assert.equal(waiting.state, 'queued');
  assert.match(waiting.error!, /no host in eu-west-1 has room/);
  assert.equal(first.sent.length, 1);
  await addHost('h1');
  await worker().runner.run({ taskId: task.id });
  assert.equal((await tasks.getTask(task.id))?.state, 'succeeded');
});

test('a task about a database that is gone, or another one of its name, does nothing', async (t) => {
  const { management, worker } = await testRegion(t);
  const { databases, tasks } = management;
  const { database, task } = await databases.createDatabase(newDatabase('a1', 'plant'), theService);
  await databases.remove(database);
  const other = (await createActive(databases, 'a1', 'plant')).database;
  await worker().runner.run({ taskId: task.id });
  assert.equal((await tasks.getTask(task.id))?.state, 'succeeded');
  assert.deepEqual(await databases.getDatabase('a1', 'plant', { fresh: true }), other);
});

test('given up: the database is failed and can be deleted', async (t) => {
  const { management, worker, addHost } = await testRegion(t);
  const { databases, tasks, clock } = management;
  const { task } = await databases.createDatabase(newDatabase('a1', 'plant'), theService);
  for (let attempt = 1; attempt <= 20; attempt++) {
    assert.equal((await tasks.getTask(task.id))?.state, 'queued');
    await worker().runner.run({ taskId: task.id });
  }
  assert.equal((await tasks.getTask(task.id))?.state, 'failed');
  assert.equal((await databases.getDatabase('a1', 'plant'))?.status, 'failed');
  await addHost('h1');
  const deletion = await databases.requestDelete('a1', 'plant', theService);
  clock.aheadMs += 1;
  await worker().runner.run({ taskId: deletion.task.id });
  assert.equal(await databases.getDatabase('a1', 'plant'), undefined);
});
