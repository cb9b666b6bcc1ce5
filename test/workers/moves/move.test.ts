import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { ConnectionLost, EngineError } from '../../../src/kdb/engine-error.ts';
import { theService } from '../../../src/management/audit.ts';
import type { Database, Task } from '../../../src/management/records.ts';
import { serviceAccountId } from '../../../src/management/task-item.ts';
import type { MoveParams, MoveResult } from '../../../workers/kinds/move.ts';
import { point } from '../../engines/points.ts';
import { code, createActive, region } from '../../management/region.ts';
import { backupWorld, connect, contents, insert, program, somePoints, type World } from '../backups/world.ts';
import { Mortal } from '../mortal.ts';
import { testRegion } from '../region.ts';

interface Moves extends World {
  readonly other: Awaited<ReturnType<World['addHost']>>;
  readonly plant: Database;
  readonly now: () => Promise<Database>;
  readonly make: (params?: MoveParams) => Promise<string>;
}

async function twoHosts(t: TestContext): Promise<Moves> {
  const world = await backupWorld(t);
  const plant = await world.database('plant');
  const other = await world.addHost('h2', { program });
  return {
    ...world,
    other,
    plant,
    now: async () => (await world.management.databases.getDatabase(plant.accountId, 'plant', { fresh: true }))!,
    make: async (params = {}) =>
      (await world.management.tasks.createTask({ kind: 'move', subject: plant, params, requestedBy: theService })).id,
  };
}

/** Writes point after point until it is told to stop; gives how many were acknowledged. */
function writer({ plant, management }: Moves): { stop: () => Promise<{ written: number; refused: number }> } {
  let stopped = false;
  let [written, refused] = [0, 0];
  const writing = (async () => {
    while (!stopped) {
      const now = (await management.databases.getDatabase(plant.accountId, 'plant', { fresh: true }))!;
      const engine = await connect(now);
      try {
        while (!stopped) {
          await insert(engine, [point('count', { host: `h${written % 3}` }, BigInt(written), { f: written })]);
          written += 1;
          await delay(2);
        }
      } catch (error) {
        // As the API takes them: the same point again, at where the database is then.
        const isPassing =
          error instanceof EngineError ? error.code === 'DatabaseHeld' : error instanceof ConnectionLost;
        if (!isPassing) throw error;
        refused += 1;
        await delay(20);
      } finally {
        await engine.close();
      }
    }
  })();
  return {
    async stop() {
      stopped = true;
      await writing;
      return { written, refused };
    },
  };
}

/** What both hosts have of it: its place, and nothing on the other one. */
async function assertSettled({ host, other, now, plant, management }: Moves): Promise<void> {
  const { hostId, endpoint, move } = await now();
  assert.equal(move, null);
  const [here, there] = hostId === 'h1' ? [host, other] : [other, host];
  assert.deepEqual(here.running.get(plant.id)?.endpoint, endpoint);
  assert.equal(here.running.get(plant.id)?.heldBy, null);
  assert.equal(there.running.get(plant.id), undefined);
  assert.deepEqual(there.contents(), []);
  const slots = await Promise.all(['h1', 'h2'].map(async (id) => (await management.hosts.getHost(id))!.usedSlots));
  assert.deepEqual(slots, hostId === 'h1' ? [1, 0] : [0, 1]);
}

test('a database is written to while it moves to more volumes: no acknowledged point is lost', async (t) => {
  const moves = await twoHosts(t);
  const { plant, now, within, make, finish } = moves;
  await within(plant, (engine) => insert(engine, somePoints(5)));
  const before = await within(plant, (engine) => contents(engine));
  const writing = writer(moves);
  await delay(200);
  const task = await finish(await make({ volumes: 4 }));
  assert.equal(task.state, 'succeeded', task.error ?? '');
  const result = task.result as MoveResult;
  assert.deepEqual([result.host, result.volumes, result.series], ['h2', 4, 2]);
  assert.ok(result.days >= 6 && result.heldMs < 45_000);
  await delay(100);
  const { written } = await writing.stop();
  const moved = await now();
  assert.deepEqual([moved.hostId, moved.volumes], ['h2', 4]);
  assert.deepEqual(await within(moved, (engine) => contents(engine)), before);
  assert.equal((await within(moved, (engine) => contents(engine, 'count'))).length, written);
  await assertSettled(moves);
});

test('the worker dies at any step, and the next one finishes or begins anew', async (t) => {
  const moves = await twoHosts(t);
  const { now, within, make, worker, finish, management } = moves;
  const writing = writer(moves);
  let died = 0;
  for (const lastStep of [1, 3, 5, 9, 12, 15, 18, 21, 24]) {
    const id = await make();
    const mortal = new Mortal(lastStep);
    await worker({ mortal, connect })
      .runner.run({ taskId: id })
      .catch(() => {});
    if (mortal.dead) died += 1;
    management.clock.aheadMs += 15_001;
    for (const host of ['h1', 'h2']) await management.hosts.heartbeat(host);
    const { state, error } = await finish(id);
    assert.equal(state, 'succeeded', `died after step ${lastStep}: ${error}`);
    await assertSettled(moves);
  }
  const { written } = await writing.stop();
  assert.ok(died >= 6, `only ${died} deaths`);
  assert.equal((await within(await now(), (engine) => contents(engine, 'count'))).length, written);
});

test('cancelled at any step, it stays where it is or is where it was to go', async (t) => {
  const moves = await twoHosts(t);
  const { plant, now, within, make, worker, finish, management } = moves;
  await within(plant, (engine) => insert(engine, somePoints(2)));
  const before = await within(plant, (engine) => contents(engine));
  for (const lastStep of [0, 4, 9, 13, 18]) {
    const id = await make();
    await worker({ mortal: new Mortal(lastStep), connect })
      .runner.run({ taskId: id })
      .catch(() => {});
    await management.tasks.cancel(id, theService);
    management.clock.aheadMs += 15_001;
    const { state } = (await finish(id)) as Task;
    assert.equal(state, 'cancelled', `step ${lastStep}`);
    await assertSettled(moves);
    assert.deepEqual(await within(await now(), (engine) => contents(engine)), before);
  }
});

test('what cannot be moved', async (t) => {
  const moves = await twoHosts(t);
  const { plant, make, worker, management } = moves;
  const { tasks, databases, hosts } = management;
  const here = await make({ host: 'h1', volumes: 4 });
  await worker({ connect }).runner.run({ taskId: here });
  assert.match((await tasks.getTask(here))!.error!, /on another host only/);
  await hosts.cordon('h2', true, theService);
  const id = await make();
  await worker({ connect }).runner.run({ taskId: id });
  assert.match((await tasks.getTask(id))!.waits!.reason, /no other host .* has room/);
  await hosts.cordon('h2', false, theService);
  // While it is moved it is not deleted.
  const begun = await management.moves.begin(
    (await databases.getDatabase(plant.accountId, 'plant', { fresh: true }))!,
    (await hosts.getHost('h2'))!,
    2,
    'another',
  );
  await assert.rejects(databases.requestDelete(plant.accountId, 'plant', theService), code('DatabaseBusy'));
  assert.equal(begun!.move?.phase, 'copying');
});

test('a host is drained while its databases are written to', async (t) => {
  const moves = await twoHosts(t);
  const { now, finish, management, host, other, database, within } = moves;
  const { tasks, hosts, databases } = management;
  await hosts.cordon('h2', true, theService);
  await database('second');
  const writing = writer(moves);
  const subject = { accountId: serviceAccountId, region };
  const drain = { kind: 'drain-host', subject, params: { host: 'h1' }, requestedBy: theService } as const;

  // Nowhere to go: it waits, and is cancelled.
  const vain = await tasks.createTask(drain);
  await moves.worker({ connect }).runner.run({ taskId: vain.id });
  assert.match((await tasks.getTask(vain.id))!.waits!.reason, /2 databases are still there/);
  assert.deepEqual((await hosts.getHost('h1'))!.drain, { taskId: vain.id, done: false });
  await tasks.cancel(vain.id, theService);
  assert.equal((await finish(vain.id)).state, 'cancelled');
  const open = (await hosts.getHost('h1'))!;
  assert.deepEqual([open.cordoned, open.drain], [false, null]);

  await hosts.cordon('h2', false, theService);
  const { id } = await tasks.createTask(drain);
  const { state, result, error } = await finish(id);
  assert.deepEqual([state, result], ['succeeded', { moved: 2 }], error ?? '');
  const { written } = await writing.stop();
  assert.deepEqual(host.contents(), []);
  assert.equal(other.running.list().length, 2);
  const drained = (await hosts.getHost('h1'))!;
  assert.deepEqual([drained.usedSlots, drained.cordoned, drained.drain], [0, true, { taskId: id, done: true }]);
  assert.equal((await databases.databasesOfHost('h2')).length, 2);
  assert.equal((await within(await now(), (engine) => contents(engine, 'count'))).length, written);
});

test('a drain that has failed and is tried once more has moves of its own', async (t) => {
  const { management, worker, addMemoryHost } = await testRegion(t);
  const { databases, tasks, claims, clock } = management;
  await addMemoryHost('h1');
  const { database } = await createActive(databases, 'a1', 'plant');
  await databases.place(database, (await management.hosts.getHost('h1'))!);
  const subject = { accountId: serviceAccountId, region };
  const { id } = await tasks.createTask({
    ...{ kind: 'drain-host', subject, params: { host: 'h1' }, requestedBy: theService },
  });
  const moveId = (attempt: number) => `${id}-${database.id}-${attempt}`;
  const drain = async () => {
    clock.aheadMs += 60_000;
    await worker().runner.run({ taskId: id });
    return (await tasks.getTask(id))!;
  };
  const fail = async (attempt: number) => {
    const claimed = await claims.claim(moveId(attempt), 'somebody');
    assert.ok(claimed, `move ${attempt}`);
    await claims.fail(claimed, 'no luck');
  };
  for (const round of [0, 1]) {
    for (const attempt of [1, 2, 3]) {
      assert.equal((await drain()).state, 'queued');
      await fail(3 * round + attempt);
    }
    const failed = await drain();
    assert.deepEqual([failed.state, failed.error], ['failed', '1 databases could not be moved: plant: no luck']);
    await tasks.retry(id, theService);
  }
  assert.equal((await drain()).state, 'queued');
  await tasks.cancel(id, theService);
  await drain();
  assert.equal((await tasks.getTask(moveId(7)))?.state, 'cancelled');
  await tasks.retry(id, theService);
  assert.equal((await drain()).state, 'queued');
  assert.equal((await tasks.getTask(moveId(10)))?.state, 'queued');
});
