// Several workers on real queues.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { theService } from '../../src/management/audit.ts';
import type { Task } from '../../src/management/records.ts';
import { createSqs, ensureQueues, TaskQueue, taskQueueNames } from '../../src/tasks/queue.ts';
import { Sweeper } from '../../workers/sweeper.ts';
import { TaskConsumer } from '../../workers/task-consumer.ts';
import { TaskRunner } from '../../workers/task-runner.ts';
import { putTasks } from '../management/pending-tasks.ts';
import { createActive, region, silent } from '../management/region.ts';
import { startFauxqs } from '../servers.ts';
import { until } from '../until.ts';
import { testRegion } from './region.ts';

const pending = 500;

test(`${pending} tasks at once, every message twice, two workers, and a queue that forgets: each is done once`, async (t) => {
  const { management } = await testRegion(t);
  const { claims, schedules } = management;
  let fauxqs = await startFauxqs();
  const port = Number(new URL(fauxqs.endpoint).port);
  t.after(() => fauxqs.stop());
  const sqs = createSqs({ region, endpoint: fauxqs.endpoint });
  t.after(() => sqs.destroy());
  await ensureQueues(sqs);
  const queue = new TaskQueue(sqs);

  const { database } = await createActive(management.databases, 'a1', 'plant');
  const made = await putTasks(
    management.dynamo,
    Array.from({ length: pending }, (_, i) => ({
      kind: i % 2 === 0 ? 'retention' : 'provision',
      subject: database,
      requestedBy: theService,
    })),
  );
  const runs = new Map<string, number>();
  const kind = {
    lanes: 4,
    timeLimitMs: 60_000,
    maxAttempts: 5,
    params: { type: 'object' },
    run: async ({ task }: { task: Task }) => void runs.set(task.id, (runs.get(task.id) ?? 0) + 1),
    giveUp: async () => {},
  };
  await queue.sendTasks(made.slice(0, 100));
  await queue.sendTasks(made.slice(0, 100));
  const stops: (() => unknown)[] = [];
  t.after(() => Promise.all(stops.map((stop) => stop())));
  for (const owner of ['w1', 'w2']) {
    const runner = new TaskRunner({
      ...{ owner, queue, log: silent, kinds: { retention: kind, provision: kind } },
      services: { management } as never,
      deadLetter: async () => {},
      ended: () => {},
    });
    const sweeper = new Sweeper({ claims, schedules, queue, isGone: () => false, log: silent });
    sweeper.start();
    stops.push(() => sweeper.stop());
    for (const name of taskQueueNames) {
      const queueUrl = await queue.url(name);
      const consumer = new TaskConsumer({
        sqs,
        queueUrl,
        log: silent,
        run: (message) => runner.run(message),
        make: async () => {},
      });
      consumer.start();
      stops.push(async () => {
        runner.stop();
        await consumer.stop();
      });
    }
  }
  await until('some are done', () => runs.size > 50, 30_000);
  await fauxqs.stop();
  fauxqs = await startFauxqs(port);
  await ensureQueues(sqs);
  await until(
    'all are done',
    async () => made.every(({ id }) => runs.has(id)) && (await claims.unfinished()).length === 0,
    90_000,
  );
  const again = [...runs].filter(([, count]) => count > 1);
  assert.deepEqual(again, []);
});
