import assert from 'node:assert/strict';
import { test } from 'node:test';
import { theService } from '../../src/management/audit.ts';
import type { QueueDepths, SentTask } from '../../src/tasks/queue.ts';
import { Sweeper } from '../../workers/sweeper.ts';
import { newDatabase, silent, type TestManagement } from '../management/region.ts';
import { testRegion } from './region.ts';

function testSweeper({ claims, schedules }: TestManagement): {
  sweep: () => Promise<string[]>;
  queue: { away: boolean; depth: number };
} {
  const queue = {
    away: false,
    sent: [] as string[],
    depth: 0,
    async depths(): Promise<QueueDepths> {
      if (this.away) throw new Error('the queue is away');
      return { interactive: this.depth, bulk: 0 };
    },
    async sendTasks(tasks: readonly SentTask[]): Promise<void> {
      this.sent.push(...tasks.map(({ id }) => id));
    },
  };
  const sweeper = new Sweeper({ claims, schedules, queue, isGone: (owner) => owner === 'dead', log: silent });
  return {
    queue,
    sweep: async () => {
      await sweeper.sweep();
      return queue.sent.splice(0);
    },
  };
}

test('the first sweep sends every queued task, later ones those whose message seems lost', async (t) => {
  const { management } = await testRegion(t);
  const { databases, clock } = management;
  const create = async (name: string): Promise<string> =>
    (await databases.createDatabase(newDatabase('a1', name), theService)).task.id;
  const old = [await create('d1'), await create('d2')];
  const { sweep } = testSweeper(management);
  assert.deepEqual((await sweep()).toSorted(), old.toSorted());
  assert.deepEqual(await sweep(), []);
  const late = await create('d3');
  clock.aheadMs += 9_000;
  assert.deepEqual(await sweep(), []);
  clock.aheadMs += 1_500;
  assert.ok((await sweep()).includes(late));
  // Not at every sweep while the queue is long.
  assert.deepEqual(await sweep(), []);
});

test('a task whose worker died is queued again, one that is worked on is left alone', async (t) => {
  const { management } = await testRegion(t);
  const { databases, tasks, claims, clock } = management;
  const { task } = await databases.createDatabase(newDatabase('a1', 'plant'), theService);
  const claimed = (await claims.claim(task.id, 'w1'))!;
  const { sweep } = testSweeper(management);
  assert.deepEqual(await sweep(), []);
  clock.aheadMs += 14_000;
  await claims.extend(claimed);
  clock.aheadMs += 14_000;
  assert.deepEqual(await sweep(), []);
  clock.aheadMs += 1_001;
  assert.deepEqual(await sweep(), [task.id]);
  assert.equal((await tasks.getTask(task.id))?.state, 'queued');
  await claims.finish((await claims.claim(task.id, 'w2'))!, null);
  clock.aheadMs += 600_000;
  assert.deepEqual(await sweep(), []);
});

test('the task of a worker that is known to be dead is queued again at once', async (t) => {
  const { management } = await testRegion(t);
  const { databases, claims } = management;
  const [d1, d2] = await Promise.all(
    ['d1', 'd2'].map((name) => databases.createDatabase(newDatabase('a1', name), theService)),
  );
  await claims.claim(d1!.task.id, 'dead');
  await claims.claim(d2!.task.id, 'alive');
  assert.deepEqual(await testSweeper(management).sweep(), [d1!.task.id]);
});

test('many sweepers send a task once', async (t) => {
  const { management } = await testRegion(t);
  const sweepers = [1, 2, 3, 4].map(() => testSweeper(management));
  for (const { sweep } of sweepers) await sweep();
  await management.databases.createDatabase(newDatabase('a1', 'plant'), theService);
  management.clock.aheadMs += 10_500;
  const sent = await Promise.all(sweepers.map(({ sweep }) => sweep()));
  assert.equal(sent.flat().length, 1);
});

test('while the queue is away nothing is taken over', async (t) => {
  const { management } = await testRegion(t);
  const { task } = await management.databases.createDatabase(newDatabase('a1', 'plant'), theService);
  const { sweep, queue } = testSweeper(management);
  queue.away = true;
  await assert.rejects(sweep());
  assert.deepEqual(await management.tasks.getTask(task.id), task);
  queue.away = false;
  assert.deepEqual(await sweep(), [task.id]);
});
