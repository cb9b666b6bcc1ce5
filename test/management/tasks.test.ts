import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { tables } from '../../src/base/names.ts';
import { theService } from '../../src/management/audit.ts';
import { readItem } from '../../src/management/dynamo.ts';
import type { Task } from '../../src/management/records.ts';
import { LeaseLost } from '../../src/management/tasks.ts';
import { startDynoxide } from '../servers.ts';
import { newDatabase, openManagement } from './region.ts';

const dynoxide = await startDynoxide();
after(() => dynoxide.stop());
const { dynamo, tasks, databases, clock, close } = await openManagement(dynoxide.endpoint);
after(close);

let names = 0;
async function newTask(accountId = 'a1'): Promise<Task> {
  return (await databases.createDatabase(newDatabase(accountId, `d${++names}`), theService)).task;
}

test('of many workers one gets the task', async () => {
  const { id } = await newTask();
  const claims = await Promise.all(Array.from({ length: 8 }, (_, i) => tasks.claim(id, `w${i}`)));
  const [claimed, ...others] = claims.filter((task) => task !== undefined);
  assert.equal(others.length, 0);
  assert.equal(claimed?.state, 'running');
  assert.equal(claimed?.attempts, 1);
  assert.equal(await tasks.claim('unknown', 'w1'), undefined);
});

test('a lease that ran out is taken over, and the former holder can do nothing any more', async () => {
  const { id } = await newTask();
  const first = (await tasks.claim(id, 'w1'))!;
  clock.aheadMs += 10_000;
  await tasks.extend(first);
  clock.aheadMs += 10_000;
  assert.equal(await tasks.claim(id, 'w2'), undefined);
  clock.aheadMs += 5_001;
  const second = (await tasks.claim(id, 'w2'))!;
  assert.equal(second.attempts, 2);
  for (const late of [
    () => tasks.extend(first),
    () => tasks.progress(first, 1, 2),
    () => tasks.finish(first),
    () => tasks.fail(first, 'no'),
    () => tasks.requeue(first, 'no', 0),
  ])
    await assert.rejects(late, LeaseLost);
  assert.equal((await tasks.finish(second)).state, 'succeeded');
  assert.equal(await tasks.claim(id, 'w3'), undefined);
});

test('a worker that claims again is not mistaken for its former self', async () => {
  const { id } = await newTask();
  const first = (await tasks.claim(id, 'w1'))!;
  clock.aheadMs += 15_001;
  const second = (await tasks.claim(id, 'w1'))!;
  await assert.rejects(tasks.finish(first), LeaseLost);
  await tasks.finish(second);
});

test('progress, requeue with a reason, end', async () => {
  const { id } = await newTask();
  const first = (await tasks.claim(id, 'w1'))!;
  await tasks.progress(first, 1, 3);
  await tasks.requeue(first, 'the agent is away', 1_000);
  const queued = (await tasks.getTask(id))!;
  assert.deepEqual(queued.progress, { done: 1, total: 3 });
  assert.equal(queued.state, 'queued');
  assert.equal(queued.error, 'the agent is away');
  assert.equal(queued.leaseOwner, null);
  const failed = await tasks.fail((await tasks.claim(id, 'w1'))!, 'gave up');
  assert.equal(failed.state, 'failed');
  assert.equal(failed.error, 'gave up');
  const days = ((await readItem(dynamo, tables.tasks, { id }))!['goneAtS'] as number) / 86_400 - clock() / 86_400_000;
  assert.equal(Math.round(days), 90);
});

test('unfinished tasks show up when nobody takes care of them', async () => {
  const due = async (): Promise<string[]> => (await tasks.due(1_000)).map(({ id }) => id);
  const { id } = await newTask('a2');
  assert.ok((await tasks.unfinished()).some((task) => task.id === id));
  assert.ok(!(await due()).includes(id));
  clock.aheadMs += 10_001;
  assert.ok((await due()).includes(id));

  const task = (await tasks.getTask(id))!;
  const overtaken = await Promise.all([tasks.takeOver(task), tasks.takeOver(task)]);
  assert.equal(overtaken.filter(Boolean).length, 1);
  assert.ok(!(await due()).includes(id));

  const claimed = (await tasks.claim(id, 'w1'))!;
  clock.aheadMs += 14_000;
  assert.equal(await tasks.takeOver(claimed), undefined);
  clock.aheadMs += 1_001;
  assert.ok((await due()).includes(id));
  assert.equal((await tasks.takeOver(claimed))?.state, 'queued');

  await tasks.finish((await tasks.claim(id, 'w2'))!);
  clock.aheadMs += 100_000;
  assert.ok(!(await due()).includes(id));
  assert.ok(!(await tasks.unfinished()).some((other) => other.id === id));
});

test('tasks of an account, the newest first', async () => {
  const made: string[] = [];
  for (let i = 0; i < 5; i++) {
    made.unshift((await newTask('a3')).id);
    clock.aheadMs += 1;
  }
  assert.deepEqual(
    (await tasks.listTasks('a3')).map(({ id }) => id),
    made,
  );
  assert.deepEqual(
    (await tasks.listTasks('a3', 2)).map(({ id }) => id),
    made.slice(0, 2),
  );
});
