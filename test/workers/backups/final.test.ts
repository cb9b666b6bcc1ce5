import assert from 'node:assert/strict';
import { test } from 'node:test';
import { theService } from '../../../src/management/audit.ts';
import { shippedKey } from '../../../src/management/shipped-journal.ts';
import { Mortal } from '../mortal.ts';
import { accountId, backupWorld, connect, contents, insert, somePoints } from './world.ts';

test('a database that is deleted leaves a last backup for seven days, unless it is not wanted', async (t) => {
  const world = await backupWorld(t);
  const { management, within, finish, host, worker, objects } = world;
  const { databases, backups, clock, tasks } = management;
  const plant = await world.database('plant');
  await within(plant, (engine) => insert(engine, somePoints(2)));
  const expected = await within(plant, contents);
  const deletion = () => databases.requestDelete(accountId, 'plant', theService, { finalBackup: true });

  // Cancelled before it is complete, the database is as it was.
  const first = await deletion();
  await worker({ mortal: new Mortal(6), connect })
    .runner.run({ taskId: first.task.id })
    .catch(() => {});
  await tasks.cancel(first.task.id, theService);
  clock.aheadMs += 15_001;
  assert.equal((await finish(first.task.id)).state, 'cancelled');
  assert.equal((await databases.getDatabase(accountId, 'plant', { fresh: true }))?.status, 'active');
  assert.deepEqual(await within(plant, contents), expected);

  const { task } = await deletion();
  await worker({ connect }).runner.run({ taskId: task.id });
  assert.equal((await tasks.getTask(task.id))?.state, 'succeeded');
  assert.equal(await databases.getDatabase(accountId, 'plant', { fresh: true }), undefined);
  assert.deepEqual(host.contents(), []);
  const last = (await backups.lastComplete(plant.id))!;
  assert.equal(last.reason, 'final');
  assert.equal(Date.parse(last.expiresAt!) - Date.parse(last.createdAt), 7 * 24 * 3_600_000);
  const restored = await world.restore('again', { backup: last.id }, plant);
  assert.equal(restored.task.state, 'succeeded', restored.task.error ?? '');
  assert.deepEqual(await within(restored.database, contents), expected);

  const shipped = shippedKey(restored.database.id, { incarnation: 'i1', generation: 1 });
  await objects.put(shipped, 'a journal');
  const unwanted = await databases.requestDelete(accountId, 'again', theService);
  await finish(unwanted.task.id);
  assert.deepEqual(await backups.listBackups(restored.database.id), []);
  assert.equal(await objects.head(shipped), undefined);
});
