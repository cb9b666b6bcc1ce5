import assert from 'node:assert/strict';
import { test } from 'node:test';
import { theService } from '../../src/management/audit.ts';
import { createActive, newDatabase } from '../management/region.ts';
import type { MemoryHost } from './memory-host.ts';
import { Mortal } from './mortal.ts';
import { type TestRegion, testRegion } from './region.ts';

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

test('no room: tasks wait and say why, operators learn of it once, and a host that appears lets them go on', async (t) => {
  const { management, worker, addMemoryHost } = await testRegion(t);
  const { databases, tasks, hosts, clock } = management;
  const made = ['plant', 'mill'].map((name) => databases.createDatabase(newDatabase('a1', name), theService));
  const ids = (await Promise.all(made)).map(({ task }) => task.id);
  const { runner, sent, dead } = worker();
  for (const taskId of ids) await runner.run({ taskId });
  for (const id of ids) {
    const { state, attempts, error, waits } = (await tasks.getTask(id))!;
    assert.deepEqual([state, attempts, error], ['queued', 0, null]);
    assert.match(waits!.reason, /^no host in eu-west-1 has room for \d volumes$/);
    assert.ok(Date.parse(waits!.until) <= clock() + 10_000);
  }
  const starts = sent.filter(({ taskId }) => taskId.startsWith('start-host-eu-west-1-'));
  assert.equal(starts.length, 1);
  await runner.run(starts[0]!);
  const start = (await tasks.getTask(starts[0]!.taskId))!;
  assert.equal(start.state, 'failed');
  assert.match(start.error!, /start another host agent, or delete or move databases$/);
  assert.equal(dead.length, 1);
  const memory = await addMemoryHost('h1');
  clock.aheadMs += 10_001;
  await hosts.heartbeat('h1');
  for (const taskId of ids) {
    await worker({ memory }).runner.run({ taskId });
    assert.equal((await tasks.getTask(taskId))?.state, 'succeeded');
  }
});

test('no room for as long as the kind may take: given up; tried once more, it waits anew', async (t) => {
  const { management, worker } = await testRegion(t);
  const { databases, tasks, clock } = management;
  const { task } = await databases.createDatabase(newDatabase('a1', 'plant'), theService);
  clock.aheadMs += 3_600_000;
  await worker().runner.run({ taskId: task.id });
  const failed = (await tasks.getTask(task.id))!;
  assert.equal(failed.state, 'failed');
  assert.match(failed.error!, /has room for \d volumes; it was waited for 3600 s$/);
  assert.equal((await databases.getDatabase('a1', 'plant'))?.status, 'failed');
  await tasks.retry(task.id, theService);
  await worker().runner.run({ taskId: task.id });
  assert.equal((await tasks.getTask(task.id))?.state, 'queued');
  assert.equal((await databases.getDatabase('a1', 'plant'))?.status, 'provisioning');
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

/** Its agent starts what it is asked for and breaks down before it says so. */
async function brokenHost({ addMemoryHost }: TestRegion): Promise<{ memory: MemoryHost; repair: () => void }> {
  const memory = await addMemoryHost('h1');
  const { putDatabase } = memory.agents;
  memory.agents.putDatabase = async (...asked) => {
    await putDatabase(...asked);
    throw new Error('the agent of the host failed');
  };
  return {
    memory,
    repair: () => {
      memory.agents.putDatabase = putDatabase;
    },
  };
}

test('given up: nothing is left on a host, and the failed database is tried once more, or deleted', async (t) => {
  const region = await testRegion(t);
  const { databases, tasks, hosts, clock } = region.management;
  const { memory, repair } = await brokenHost(region);
  const { database, task } = await databases.createDatabase(newDatabase('a1', 'plant'), theService);
  for (let attempt = 1; attempt <= 20; attempt++) {
    assert.equal((await tasks.getTask(task.id))?.state, 'queued');
    await region.worker({ memory }).runner.run({ taskId: task.id });
  }
  assert.equal((await tasks.getTask(task.id))?.state, 'failed');
  const { status, hostId } = (await databases.getDatabase('a1', 'plant'))!;
  assert.deepEqual([status, hostId, memory.databases.size], ['failed', null, 0]);
  assert.equal((await hosts.getHost('h1'))?.usedSlots, 0);
  repair();
  await tasks.retry(task.id, theService);
  await region.worker({ memory }).runner.run({ taskId: task.id });
  assert.deepEqual((await databases.getDatabase('a1', 'plant'))?.endpoint, memory.databases.get(database.id));
  const deletion = await databases.requestDelete('a1', 'plant', theService);
  clock.aheadMs += 1;
  await region.worker({ memory }).runner.run({ taskId: deletion.task.id });
  assert.equal(await databases.getDatabase('a1', 'plant'), undefined);
});

test('deprovision: given up and tried once more, the database goes; one that is in use by then stays', async (t) => {
  const { management, worker, addMemoryHost } = await testRegion(t);
  const { databases, tasks, hosts } = management;
  const memory = await addMemoryHost('h1');
  const creation = await databases.createDatabase(newDatabase('a1', 'plant'), theService);
  await worker({ memory }).runner.run({ taskId: creation.task.id });
  const { deleteDatabase } = memory.agents;
  memory.agents.deleteDatabase = async () => {
    throw new Error('the agent of the host failed');
  };
  const { task } = await databases.requestDelete('a1', 'plant', theService);
  await worker({ memory, kind: { maxAttempts: 1 } }).runner.run({ taskId: task.id });
  assert.equal((await tasks.getTask(task.id))?.state, 'failed');
  const failed = (await databases.getDatabase('a1', 'plant', { fresh: true }))!;
  assert.equal(failed.status, 'failed');

  const active = await databases.change(failed, { status: 'active' });
  await tasks.retry(task.id, theService);
  await worker({ memory }).runner.run({ taskId: task.id });
  const refused = (await tasks.getTask(task.id))!;
  assert.deepEqual([refused.state, refused.error], ['failed', 'the database is active: ask for its deletion again']);
  assert.equal((await databases.getDatabase('a1', 'plant', { fresh: true }))?.status, 'active');

  await databases.change(active, { status: 'failed' });
  memory.agents.deleteDatabase = deleteDatabase;
  await tasks.retry(task.id, theService);
  await worker({ memory }).runner.run({ taskId: task.id });
  assert.equal((await tasks.getTask(task.id))?.state, 'succeeded');
  assert.equal(await databases.getDatabase('a1', 'plant', { fresh: true }), undefined);
  assert.deepEqual([memory.databases.size, (await hosts.getHost('h1'))?.usedSlots], [0, 0]);
});

test('provision: cancelled halfway, nothing of the database is left, also when the worker dies meanwhile', async (t) => {
  const region = await testRegion(t);
  const { databases, tasks, hosts, clock } = region.management;
  const { memory } = await brokenHost(region);
  let died = 0;
  for (const lastStep of lastSteps) {
    const { task } = await databases.createDatabase(newDatabase('a1', 'plant'), theService);
    await hosts.heartbeat('h1');
    await region.worker({ memory }).runner.run({ taskId: task.id });
    assert.equal(memory.databases.size, 1);
    assert.equal((await tasks.cancel(task.id, theService)).state, 'cancelled');
    const mortal = new Mortal(lastStep);
    await region
      .worker({ mortal, memory })
      .runner.run({ taskId: task.id })
      .catch(() => {});
    if (mortal.dead) died += 1;
    clock.aheadMs += 15_001;
    await region.worker({ memory }).runner.run({ taskId: task.id });
    assert.equal((await tasks.getTask(task.id))?.cleanUps, null);
    assert.equal(await databases.getDatabase('a1', 'plant', { fresh: true }), undefined);
    assert.equal((await hosts.getHost('h1'))?.usedSlots, 0);
    assert.equal(memory.databases.size, 0);
    if (!mortal.dead) break;
  }
  assert.ok(died >= 4, `only ${died} deaths`);
});
