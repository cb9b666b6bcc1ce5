// What goes wrong while a backup is made, kept and restored.

import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { withRetries } from '../../../src/base/objects/retries.ts';
import { theService } from '../../../src/management/audit.ts';
import { manifestKey } from '../../../src/management/backup-manifest.ts';
import { loadManifest } from '../../../workers/backups/stored-manifest.ts';
import { holds } from '../../../workers/backups/transfer.ts';
import { faulty } from '../../base/objects/faulty.ts';
import { newDatabase, region } from '../../management/region.ts';
import { Mortal } from '../mortal.ts';
import { accountId, backupWorld, connect, contents, insert, somePoints } from './world.ts';

const { signal } = new AbortController();

test('a worker dies at any step of a backup, and the next one finishes the same backup; a failing store delays it', async (t) => {
  const world = await backupWorld(t);
  const { management, objects, within, worker, finish } = world;
  const plant = await world.database('plant');
  await within(plant, async (engine) => {
    await insert(engine, somePoints(2));
    await engine.checkpoint();
  });
  let died = 0;
  for (let lastStep = 0; lastStep < 60; lastStep++) {
    const { id } = await management.tasks.createTask({
      kind: 'backup',
      subject: plant,
      params: { full: lastStep % 2 === 0 },
      requestedBy: theService,
    });
    const mortal = new Mortal(lastStep);
    await worker({ mortal, connect })
      .runner.run({ taskId: id })
      .catch(() => {});
    if (mortal.dead) died++;
    management.clock.aheadMs += 15_001;
    const done = await finish(id);
    assert.equal(done.state, 'succeeded', `${lastStep}: ${done.error}`);
    const record = (await management.backups.lastComplete(plant.id))!;
    assert.equal(record.taskId, id);
    for (const { object, sha256 } of (await loadManifest(objects, record)).files)
      assert.ok(await holds(objects, object, sha256, signal), `${lastStep}: ${object}`);
    if (!mortal.dead) break;
  }
  assert.ok(died > 10, `only ${died} deaths`);
  const failing = await world.task('backup', plant, { full: true }, { objects: withRetries(faulty(objects)) });
  assert.equal(failing.state, 'succeeded', failing.error ?? '');

  // One after the other they expire, and those that remain never lose an object.
  for (let left = await management.backups.listBackups(plant.id); left.length > 1; ) {
    const gone = left[(left.length * 7) % (left.length - 1)]!;
    await management.backups.requestDelete(gone, theService);
    const swept = await world.task('expire-backups', plant);
    assert.equal(swept.state, 'succeeded', swept.error ?? '');
    left = await management.backups.listBackups(plant.id);
    assert.ok(!left.some(({ id }) => id === gone.id));
    for (const record of left)
      for (const { object, bytes } of (await loadManifest(objects, record)).files)
        assert.equal((await objects.head(object))?.bytes, bytes, `${record.id}: ${object}`);
  }
  const last = (await management.backups.lastComplete(plant.id))!;
  const { task, database } = await world.restore('copy', { backup: last.id }, plant);
  assert.equal(task.state, 'succeeded', task.error ?? '');
  assert.deepEqual(await within(database, contents), await within(plant, contents));
});

test('a flipped byte is refused by the name of its file and object, and nothing remains', async (t) => {
  const world = await backupWorld(t);
  const { management, objects, within } = world;
  const plant = await world.database('plant');
  await within(plant, async (engine) => {
    await insert(engine, somePoints(1));
    await engine.checkpoint();
    await insert(engine, somePoints(1, 5));
  });
  assert.equal((await world.task('backup', plant)).state, 'succeeded');
  const backup = (await management.backups.lastComplete(plant.id))!;
  const { files } = await loadManifest(objects, backup);
  const kinds = ['part', 'state', 'journal', 'manifest'].map(
    (kind) => files.find(({ name }) => name.startsWith(kind))!,
  );
  const damaged = [
    ...kinds.map(({ name, object }) => ({
      object,
      message: new RegExp(`${name} of volume \\d is damaged .*${object}`),
    })),
    { object: manifestKey(plant.id, backup.id), message: /the manifest .* is damaged/ },
  ];
  for (const { object, message } of damaged) {
    const sound = await buffer(await objects.get(object));
    const flipped = Buffer.from(sound);
    flipped[sound.length >> 1]! ^= 1;
    await objects.put(object, flipped);
    const restore = { backup: backup.id, databaseId: plant.id, region, until: null };
    const made = await management.databases.createDatabase({ ...newDatabase(accountId, 'copy'), restore }, theService);
    const task = await world.finish(made.task.id);
    assert.equal(task.state, 'failed', object);
    assert.match(task.error!, message);
    assert.equal(await management.databases.getDatabase(accountId, 'copy', { fresh: true }), undefined);
    assert.equal(world.host.running.get(made.database.id), undefined);
    await objects.put(object, sound);
  }
  const { task } = await world.restore('copy', { backup: backup.id }, plant);
  assert.equal(task.state, 'succeeded', task.error ?? '');
});

test('a drill finds a backup as good as its source was, whatever was written since; nothing remains of it', async (t) => {
  const world = await backupWorld(t);
  const { management, within } = world;
  const plant = await world.database('plant');
  await within(plant, (engine) => insert(engine, somePoints(3)));
  assert.equal((await world.task('backup', plant)).state, 'succeeded');
  await within(plant, (engine) => insert(engine, somePoints(4)));
  const drill = await world.task('restore-drill', plant);
  assert.equal(drill.state, 'succeeded', drill.error ?? '');
  const { days, changing, different } = drill.result as Record<string, number>;
  assert.deepEqual([days, changing, different], [3, 0, 0]);
  assert.deepEqual(await management.databases.listDatabases('drill'), []);
  assert.equal(world.host.running.list().length, 1);
});
