import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { theService } from '../../src/management/audit.ts';
import { newDatabase } from '../management/region.ts';
import { until } from '../until.ts';
import { testRegion } from './region.ts';

test('two workers with one message: one does the task', async (t) => {
  const { management, worker } = await testRegion(t);
  const { task } = await management.databases.createDatabase(newDatabase('a1', 'plant'), theService);
  let runs = 0;
  const kind = {
    run: async () => {
      runs += 1;
    },
  };
  await Promise.all([1, 2, 3, 4].map(() => worker({ kind }).runner.run({ taskId: task.id })));
  assert.equal(runs, 1);
  assert.equal((await management.tasks.getTask(task.id))?.state, 'succeeded');
});

test('a fault: back to the queue with the reason, later each time', async (t) => {
  const { management, worker } = await testRegion(t);
  const { task } = await management.databases.createDatabase(newDatabase('a1', 'plant'), theService);
  const kind = { run: () => Promise.reject(new Error('the agent is away', { cause: new Error('ECONNREFUSED') })) };
  const { runner, sent } = worker({ kind });
  for (let i = 0; i < 7; i++) await runner.run({ taskId: task.id });
  const queued = (await management.tasks.getTask(task.id))!;
  assert.equal(queued.state, 'queued');
  assert.equal(queued.attempts, 7);
  // The cause is for the log.
  assert.equal(queued.error, 'the agent is away');
  const nominal = [1, 2, 4, 8, 16, 30, 30].map((s) => s * 1_000);
  assert.deepEqual(
    sent.map(({ taskId }) => taskId),
    nominal.map(() => task.id),
  );
  for (const [i, { delayMs }] of sent.entries()) {
    assert.ok(delayMs >= nominal[i]! * 0.75 && delayMs <= nominal[i]! * 1.25, `${delayMs}`);
  }
  // Not due before its time.
  assert.deepEqual(await management.claims.due(10), []);
});

test('what sockets and clients say of themselves is for the log', async (t) => {
  const { management, worker } = await testRegion(t);
  const raw = 'connect ECONNREFUSED 10.0.0.7:9000';
  for (const [i, members] of [{ syscall: 'connect' }, { code: 'ECONNRESET' }, { $metadata: {} }].entries()) {
    const { task } = await management.databases.createDatabase(newDatabase('a1', `plant${i}`), theService);
    const kind = { run: () => Promise.reject(Object.assign(new Error(raw), members)) };
    await worker({ kind }).runner.run({ taskId: task.id });
    assert.equal((await management.tasks.getTask(task.id))?.error, 'a part of the service does not answer');
  }
});

test('after twenty attempts it is given up, once what it left behind is in order', async (t) => {
  const { management, worker } = await testRegion(t);
  const { task } = await management.databases.createDatabase(newDatabase('a1', 'plant'), theService);
  const calls: string[] = [];
  const kind = {
    run: () => Promise.reject(new Error('hopeless')),
    giveUp: async () => void calls.push((await management.tasks.getTask(task.id))!.state),
  };
  const { runner, sent } = worker({ kind });
  for (let i = 0; i < 25; i++) await runner.run({ taskId: task.id });
  const failed = (await management.tasks.getTask(task.id))!;
  assert.equal(failed.state, 'failed');
  assert.equal(failed.error, 'hopeless');
  assert.equal(failed.attempts, 20);
  assert.equal(sent.length, 19);
  assert.deepEqual(calls, ['running']);
});

test('a task whose workers end again and again is given up without another try', async (t) => {
  const { management, worker } = await testRegion(t);
  const { tasks, claims, databases, clock } = management;
  const { task } = await databases.createDatabase(newDatabase('a1', 'plant'), theService);
  for (let i = 0; i < 20; i++) {
    await claims.claim(task.id, `w${i}`);
    clock.aheadMs += 15_001;
  }
  await worker({ kind: { run: () => assert.fail('it was tried') } }).runner.run({ taskId: task.id });
  const failed = (await tasks.getTask(task.id))!;
  assert.equal(failed.state, 'failed');
  assert.match(failed.error!, /again and again/);
});

test('a worker that stops hands its task back at once', async (t) => {
  const { management, worker } = await testRegion(t);
  const { task } = await management.databases.createDatabase(newDatabase('a1', 'plant'), theService);
  const started = Promise.withResolvers<void>();
  const first = worker({
    kind: {
      run: ({ signal }) => {
        started.resolve();
        return delay(60_000, undefined, { signal });
      },
    },
  });
  const running = first.runner.run({ taskId: task.id });
  await started.promise;
  first.runner.stop();
  await running;
  assert.deepEqual(first.sent, [{ taskId: task.id, delayMs: 0 }]);
  assert.equal((await management.tasks.getTask(task.id))?.state, 'queued');
  await assert.rejects(first.runner.run({ taskId: task.id }));
  await worker({ kind: { run: async () => {} } }).runner.run({ taskId: task.id });
  assert.equal((await management.tasks.getTask(task.id))?.state, 'succeeded');
});

test('a worker that was overtaken leaves the task alone', async (t) => {
  const { management, worker } = await testRegion(t);
  const { tasks, claims, databases, clock } = management;
  const { task } = await databases.createDatabase(newDatabase('a1', 'plant'), theService);
  const gate = Promise.withResolvers<void>();
  const slow = worker({ kind: { run: () => gate.promise } });
  const running = slow.runner.run({ taskId: task.id });
  await until('it is claimed', async () => (await tasks.getTask(task.id))?.state === 'running');
  clock.aheadMs += 15_001;
  const other = (await claims.claim(task.id, 'other'))!;
  gate.resolve();
  await running;
  assert.deepEqual(await tasks.getTask(task.id), other);
  assert.deepEqual(slow.sent, []);
});

test('DynamoDB goes away under a task: the message must come again', async (t) => {
  const { management, worker, dynoxide } = await testRegion(t);
  const { task } = await management.databases.createDatabase(newDatabase('a1', 'plant'), theService);
  const { runner } = worker({ kind: { run: async () => void dynoxide.child.kill('SIGKILL') } });
  await assert.rejects(runner.run({ taskId: task.id }));
});
