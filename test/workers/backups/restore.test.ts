// A restore that is broken off, that has no room, and one to a moment.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { theService } from '../../../src/management/audit.ts';
import { shippedChecksumKey, shippedKey } from '../../../src/management/shipped-journal.ts';
import { directoriesOf } from '../../agent/host.ts';
import { newDatabase, region } from '../../management/region.ts';
import { until } from '../../until.ts';
import type { MemoryHost } from '../memory-host.ts';
import { Mortal } from '../mortal.ts';
import { accountId, backupWorld, connect, contents, insert, somePoints } from './world.ts';

test('a worker dies at any step of a restore, and the next one finishes it; cancelled, nothing remains', async (t) => {
  const world = await backupWorld(t);
  const { management, within, worker, finish } = world;
  const { databases, tasks, clock } = management;
  const plant = await world.database('plant');
  await within(plant, async (engine) => {
    await insert(engine, somePoints(2));
    await engine.checkpoint();
  });
  assert.equal((await world.task('backup', plant)).state, 'succeeded');
  const backup = (await management.backups.lastComplete(plant.id))!;
  const expected = await within(plant, contents);
  const restore = { backup: backup.id, databaseId: plant.id, region, until: null };
  let died = 0;
  for (let lastStep = 1; lastStep < 60; lastStep += 2) {
    const made = await databases.createDatabase({ ...newDatabase(accountId, 'copy'), restore }, theService);
    const mortal = new Mortal(lastStep);
    await worker({ mortal, connect })
      .runner.run({ taskId: made.task.id })
      .catch(() => {});
    if (mortal.dead) died++;
    clock.aheadMs += 15_001;
    const done = await finish(made.task.id);
    assert.equal(done.state, 'succeeded', `${lastStep}: ${done.error}`);
    const copy = (await databases.getDatabase(accountId, 'copy', { fresh: true }))!;
    assert.deepEqual(await within(copy, contents), expected, String(lastStep));
    const removal = await databases.requestDelete(accountId, 'copy', theService);
    await finish(removal.task.id);
    if (!mortal.dead) break;
  }
  assert.ok(died > 4, `only ${died} deaths`);
  const made = await databases.createDatabase({ ...newDatabase(accountId, 'copy'), restore }, theService);
  await worker({ mortal: new Mortal(8), connect })
    .runner.run({ taskId: made.task.id })
    .catch(() => {});
  clock.aheadMs += 15_001;
  await tasks.cancel(made.task.id, theService);
  assert.equal((await finish(made.task.id)).state, 'cancelled');
  assert.equal(await databases.getDatabase(accountId, 'copy', { fresh: true }), undefined);
  assert.equal(world.host.running.list().length, 1);
});

test('a journal that was shipped brings a backup forward to a moment', async (t) => {
  const world = await backupWorld(t);
  const { management, objects, within, host } = world;
  const plant = await world.database('plant');
  await within(plant, (engine) => insert(engine, somePoints(1)));
  assert.equal((await world.task('backup', plant)).state, 'succeeded');
  const backup = (await management.backups.lastComplete(plant.id))!;
  await within(plant, (engine) => insert(engine, somePoints(1, 3)));
  const expected = await within(plant, contents);
  const moment = new Date().toISOString();
  await until('the clock has moved on', () => Date.now() > Date.parse(moment));
  await within(plant, (engine) => insert(engine, somePoints(1, 6)));
  // As the agent does once a minute.
  const { incarnation } = host.running.get(plant.id)!;
  for (const directory of directoriesOf(host, plant.id)) {
    for (const name of existsSync(directory) ? readdirSync(directory) : []) {
      const generation = Number(/^journal-(\d{10})\.log$/.exec(name)?.[1] ?? 0);
      if (generation < backup.journal!.generation) continue;
      const bytes = readFileSync(join(directory, name));
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      await objects.put(shippedKey(plant.id, { incarnation, generation }), bytes);
      const stored = JSON.stringify({ bytes: bytes.length, sha256 });
      await objects.put(shippedChecksumKey(plant.id, { incarnation, generation }), stored);
    }
  }
  const { task, database } = await world.restore('copy', { backup: backup.id, until: moment }, plant);
  assert.equal(task.state, 'succeeded', task.error ?? '');
  assert.deepEqual(await within(database, contents), expected);
  const result = task.result as { until: string; journalRecords: number; recoveredUntil: string };
  assert.ok(result.recoveredUntil >= backup.takenAt! && result.recoveredUntil <= moment);
  assert.equal(result.until, moment);
  assert.ok(result.journalRecords > 0);

  // As after a move: first there is only its journal, then a backup.
  const lone = shippedKey(plant.id, { incarnation: 'other', generation: 1 });
  await objects.put(lone, 'a journal');
  const between = await world.restore('between', { backup: backup.id, until: moment }, plant);
  assert.equal(between.task.state, 'failed');
  assert.match(between.task.error!, /moved after backup .* choose an earlier time/);
  await objects.remove(lone);
  const takenAt = new Date(Date.parse(backup.takenAt!) + 1).toISOString();
  const moved = await management.backups.complete(
    await management.backups.begin({ id: 'moved', createdAt: moment }, plant, {
      reason: 'manual',
      full: true,
      keepDays: null,
    }),
    { bytes: 1, uploadedBytes: 1, rows: 1, journal: { incarnation: 'other', generation: 1 }, takenAt },
  );
  const refused = await world.restore('late', { backup: backup.id, until: moment }, plant);
  assert.equal(refused.task.state, 'failed');
  assert.match(refused.task.error!, new RegExp(`restore backup ${moved.id}`));
});

test('given up while the host is away, the database can be deleted; nothing of it is left, and its backup is let go of', async (t) => {
  const world = await backupWorld(t);
  const { management, objects, finish, within, worker } = world;
  const { databases, tasks, backups, clock } = management;
  const plant = await world.database('plant');
  await within(plant, (engine) => insert(engine, somePoints(1)));
  await world.task('backup', plant);
  const backup = (await backups.lastComplete(plant.id))!;
  const restore = { backup: backup.id, databaseId: plant.id, region, until: null };
  const made = await databases.createDatabase({ ...newDatabase(accountId, 'copy'), restore }, theService);
  await worker({ mortal: new Mortal(8), connect })
    .runner.run({ taskId: made.task.id })
    .catch(() => {});
  const placed = (await databases.getDatabase(accountId, 'copy', { fresh: true }))!;
  assert.equal(placed.hostId, 'h1');
  await objects.put(shippedKey(placed.id, { incarnation: 'x', generation: 1 }), 'a journal');
  clock.aheadMs += 15_001;
  await tasks.cancel(made.task.id, theService);
  const away = await worker({ connect, memory: { agents: absent } as unknown as MemoryHost });
  clock.aheadMs += 15_001;
  await away.runner.run({ taskId: made.task.id });
  assert.equal((await databases.getDatabase(accountId, 'copy', { fresh: true }))?.status, 'failed');
  assert.equal((await finish(made.task.id)).state, 'cancelled');
  assert.equal(await databases.getDatabase(accountId, 'copy', { fresh: true }), undefined);
  assert.deepEqual(await Array.fromAsync(objects.list(`journal/${placed.id}/`)), []);

  // Its last word was lost: the next expiry lets go of what it held.
  await backups.hold({ databaseId: plant.id, id: backup.id }, made.task.id);
  await backups.requestDelete(backup, theService);
  const expiry = await world.task('expire-backups', plant);
  assert.equal(expiry.state, 'succeeded');
  assert.deepEqual(await backups.listBackups(plant.id), []);
});

/** Its agent does not answer. */
const absent = new Proxy(
  {},
  {
    get: () => async () => {
      throw new Error('the host does not answer');
    },
  },
);
