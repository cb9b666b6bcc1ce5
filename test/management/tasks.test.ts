import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { tables } from '../../src/base/names.ts';
import { theService } from '../../src/management/audit.ts';
import { readItem } from '../../src/management/dynamo.ts';
import type { Task } from '../../src/management/records.ts';
import { LeaseLost } from '../../src/management/task-claims.ts';
import { startDynoxide } from '../servers.ts';
import { newDatabase, openManagement } from './region.ts';

const dynoxide = await startDynoxide();
after(() => dynoxide.stop());
const { dynamo, tasks, claims, databases, clock, close } = await openManagement(dynoxide.endpoint);
after(close);

const half = { done: 1, total: 2, unit: 'steps', ratePerS: null, etaS: null };

let names = 0;
async function newTask(accountId = 'a1'): Promise<Task> {
  return (await databases.createDatabase(newDatabase(accountId, `d${++names}`), theService)).task;
}

test('of many workers one gets the task', async () => {
  const { id } = await newTask();
  const tries = await Promise.all(Array.from({ length: 8 }, (_, i) => claims.claim(id, `w${i}`)));
  const [claimed, ...others] = tries.filter((task) => task !== undefined);
  assert.equal(others.length, 0);
  assert.equal(claimed?.state, 'running');
  assert.equal(claimed?.attempts, 1);
  assert.equal(await claims.claim('unknown', 'w1'), undefined);
});

test('a lease that ran out is taken over, and the former holder can do nothing any more', async () => {
  const { id } = await newTask();
  const first = (await claims.claim(id, 'w1'))!;
  clock.aheadMs += 10_000;
  await claims.extend(first);
  clock.aheadMs += 10_000;
  assert.equal(await claims.claim(id, 'w2'), undefined);
  clock.aheadMs += 5_001;
  const second = (await claims.claim(id, 'w2'))!;
  assert.equal(second.attempts, 2);
  for (const late of [
    () => claims.extend(first),
    () => claims.progress(first, half),
    () => claims.finish(first, null),
    () => claims.fail(first, 'no'),
    () => claims.requeue(first, 'no', 0),
  ])
    await assert.rejects(late, LeaseLost);
  assert.equal((await claims.finish(second, null)).state, 'succeeded');
  assert.equal(await claims.claim(id, 'w3'), undefined);
});

test('a worker that claims again is not mistaken for its former self', async () => {
  const { id } = await newTask();
  const first = (await claims.claim(id, 'w1'))!;
  clock.aheadMs += 15_001;
  const second = (await claims.claim(id, 'w1'))!;
  await assert.rejects(claims.finish(first, null), LeaseLost);
  await claims.finish(second, null);
});

test('progress, requeue with a reason, end', async () => {
  const { id } = await newTask();
  const first = (await claims.claim(id, 'w1'))!;
  await claims.progress(first, half);
  await claims.requeue(first, 'the agent is away', 1_000);
  const queued = (await tasks.getTask(id))!;
  assert.deepEqual(queued.progress, half);
  assert.equal(queued.state, 'queued');
  assert.equal(queued.error, 'the agent is away');
  assert.equal(queued.leaseOwner, null);
  const failed = await claims.fail((await claims.claim(id, 'w1'))!, 'gave up');
  assert.equal(failed.state, 'failed');
  assert.equal(failed.error, 'gave up');
  const days = ((await readItem(dynamo, tables.tasks, { id }))!['goneAtS'] as number) / 86_400 - clock() / 86_400_000;
  assert.equal(Math.round(days), 90);
});

test('unfinished tasks show up when nobody takes care of them', async () => {
  const due = async (): Promise<string[]> => (await claims.due(1_000)).map(({ id }) => id);
  const { id } = await newTask('a2');
  assert.ok((await claims.unfinished()).some((task) => task.id === id));
  assert.ok(!(await due()).includes(id));
  clock.aheadMs += 10_001;
  assert.ok((await due()).includes(id));

  const task = (await tasks.getTask(id))!;
  const overtaken = await Promise.all([claims.takeOver(task), claims.takeOver(task)]);
  assert.equal(overtaken.filter(Boolean).length, 1);
  assert.ok(!(await due()).includes(id));

  const claimed = (await claims.claim(id, 'w1'))!;
  clock.aheadMs += 14_000;
  assert.equal(await claims.takeOver(claimed), undefined);
  clock.aheadMs += 1_001;
  assert.ok((await due()).includes(id));
  assert.equal((await claims.takeOver(claimed))?.state, 'queued');

  await claims.finish((await claims.claim(id, 'w2'))!, null);
  clock.aheadMs += 100_000;
  assert.ok(!(await due()).includes(id));
  assert.ok(!(await claims.unfinished()).some((other) => other.id === id));
});

test('tasks of an account, the newest first', async () => {
  const made: string[] = [];
  for (let i = 0; i < 5; i++) {
    made.unshift((await newTask('a3')).id);
    clock.aheadMs += 1;
  }
  assert.deepEqual(
    (await tasks.listTasks({ accountId: 'a3', limit: 100 })).tasks.map(({ id }) => id),
    made,
  );
  assert.deepEqual(
    (await tasks.listTasks({ accountId: 'a3', limit: 2 })).tasks.map(({ id }) => id),
    made.slice(0, 2),
  );
});
