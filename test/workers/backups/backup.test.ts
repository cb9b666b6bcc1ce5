import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadManifest } from '../../../workers/backups/stored-manifest.ts';
import { backupWorld, contents, insert, somePoints } from './world.ts';

test('a backup is restored under another name, on other numbers of volumes, and answers as its source', async (t) => {
  const world = await backupWorld(t);
  const { management, objects, within } = world;
  const plant = await world.database('plant');
  await within(plant, async (engine) => {
    await insert(engine, somePoints(3));
    await engine.checkpoint();
    await insert(engine, somePoints(2, 3));
  });
  const expected = await within(plant, contents);
  const first = await world.task('backup', plant);
  assert.equal(first.state, 'succeeded', first.error ?? '');
  const record = (await management.backups.lastComplete(plant.id))!;
  assert.equal(record.status, 'complete');
  assert.ok(record.rows === 200 && record.bytes > 0 && record.uploadedBytes === record.bytes, JSON.stringify(record));
  assert.deepEqual(first.progress && [first.progress.done, first.progress.total], [record.bytes, record.bytes]);

  // What came later is not in it; the next one uploads only what is new.
  await within(plant, (engine) => insert(engine, somePoints(1, 9)));
  const second = await world.task('backup', plant);
  assert.equal(second.state, 'succeeded', second.error ?? '');
  const incremental = (await management.backups.lastComplete(plant.id))!;
  assert.ok(incremental.uploadedBytes < incremental.bytes, JSON.stringify(incremental));
  const parts = (await loadManifest(objects, incremental)).files.filter(({ name }) => name.startsWith('part'));
  assert.ok(parts.length > 0 && parts.every(({ object }) => object.includes(record.id)));
  const full = await world.task('backup', plant, { full: true });
  assert.equal((full.result as { uploadedBytes: number }).uploadedBytes, incremental.bytes);

  for (const volumes of [2, 1, 4]) {
    const { task, database } = await world.restore(`copy ${volumes}`, { backup: record.id }, plant, volumes);
    assert.equal(task.state, 'succeeded', task.error ?? '');
    assert.equal(database.status, 'active');
    assert.deepEqual(await within(database, contents), expected);
    assert.equal((task.result as { rows: number }).rows, expected.length);
  }
});
