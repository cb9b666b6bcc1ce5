import assert from 'node:assert/strict';
import { test } from 'node:test';
import { theService } from '../../src/management/audit.ts';
import { accountId, backupWorld, contents, insert, somePoints } from './backups/world.ts';

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
