import assert from 'node:assert/strict';
import { test } from 'node:test';
import { theService } from '../../src/management/audit.ts';
import type { CompactionResult } from '../../workers/kinds/compaction.ts';
import { accountId, backupWorld, contents, insert, somePoints } from './backups/world.ts';

test('small parts of old days become fewer, without a change of what is answered', async (t) => {
  const world = await backupWorld(t);
  const plant = await world.database('plant');
  await world.within(plant, async (engine) => {
    await insert(engine, somePoints(40));
    await engine.checkpoint();
  });
  const before = await world.within(plant, contents);
  const { result, progress } = await world.task('compaction', plant);
  const { parts, into } = result as CompactionResult;
  assert.ok(parts >= 40 && into <= 4, `${parts} parts became ${into}`);
  assert.equal((await world.within(plant, (engine) => engine.stats())).parts, BigInt(into));
  assert.deepEqual(await world.within(plant, contents), before);
  assert.deepEqual([progress?.done, progress?.total, progress?.unit], [parts, parts, 'parts']);
  assert.equal(((await world.task('compaction', plant)).result as CompactionResult).parts, 0);
});

test('a database keeps points for as many days as it is told', async (t) => {
  const world = await backupWorld(t);
  const plant = await world.database('plant');
  const today = Math.floor(Date.now() / 86_400_000);
  await world.within(plant, (engine) => insert(engine, somePoints(4, today - 3)));
  assert.deepEqual((await world.task('retention', plant)).result, { removed: 0 });
  await world.management.databases.changeSettings(accountId, 'plant', { retentionDays: 2 }, theService);
  assert.deepEqual((await world.task('retention', plant)).result, { removed: 40 });
  assert.equal((await world.within(plant, contents)).length, 120);
});
