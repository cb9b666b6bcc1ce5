// What holds for every kind of task: cancelling, limits, slices, checkpoints, lanes, deaths.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { theService } from '../../src/management/audit.ts';
import type { Task } from '../../src/management/records.ts';
import { type Kind, Permanent, Postponed, SliceOver, type TaskRun } from '../../workers/kinds/kind.ts';
import { createActive } from '../management/region.ts';
import { until } from '../until.ts';
import { Mortal } from './mortal.ts';
import { type TestRegion, testRegion } from './region.ts';

/** A test's kind stands in for provision. */
async function provisionTask({ management }: TestRegion, params: unknown = {}): Promise<Task> {
  const { database } = await createActive(management.databases, 'a1', `d${Math.random()}`);
  return management.tasks.createTask({ kind: 'provision', subject: database, params, requestedBy: theService });
}

const untilAborted = ({ signal }: TaskRun): Promise<never> => delay(60_000, undefined as never, { signal });
const never = (): Promise<never> => new Promise(() => {});

for (const [what, run] of [
  ['heeds its signal', untilAborted],
  ['does not heed its signal', never],
] as const) {
  test(`cancel, running, the kind ${what}: within 5 s, and then cleaned up once`, async (t) => {
    const region = await testRegion(t);
    const { tasks } = region.management;
    const { id } = await provisionTask(region);
    let cleanUps = 0;
    const cancel = async ({ task }: TaskRun): Promise<void> => {
      assert.equal(task.state, 'cancelled');
      cleanUps += 1;
    };
    // What does not end is waited for before it is cleaned up, unless the worker stops.
    const working = region.worker({ kind: { run, cancel } });
    const running = working.runner.run({ taskId: id });
    await until('it runs', async () => (await tasks.getTask(id))?.state === 'running');
    assert.equal((await tasks.cancel(id, theService)).cancelRequested, true);
    await until('it is cancelled', async () => (await tasks.getTask(id))?.state === 'cancelled', 20_000);
    const { history } = (await tasks.getTask(id))!;
    assert.deepEqual(
      history.map(({ outcome }) => outcome),
      ['cancelled'],
    );
    if (run === never) {
      working.runner.stop();
      await running;
      assert.deepEqual([cleanUps, working.sent.length], [0, 1]);
      await region.worker({ kind: { cancel } }).runner.run({ taskId: id });
    }
    await running;
    assert.equal(cleanUps, 1);
    assert.equal((await tasks.getTask(id))?.cleanUps, null);
    // Once more changes nothing.
    assert.equal((await tasks.cancel(id, theService)).state, 'cancelled');
  });
}

test('cancel, queued: at once, and a worker cleans up, also after faults and a death', async (t) => {
  const region = await testRegion(t);
  const { tasks, claims, clock } = region.management;
  const { id } = await provisionTask(region);
  const cancelled = await tasks.cancel(id, theService);
  assert.deepEqual([cancelled.state, cancelled.cleanUps], ['cancelled', 0]);
  // A message from before means nothing any more.
  await region.worker({ kind: { run: () => assert.fail('it ran') } }).runner.run({ taskId: id, send: 0 });
  const failing = { run: () => assert.fail('it ran'), cancel: () => Promise.reject(new Error('not yet')) };
  await region.worker({ kind: failing }).runner.run({ taskId: id });
  await claims.claim(id, 'dies');
  clock.aheadMs += 15_001;
  assert.ok((await claims.due(10)).some((task) => task.id === id));
  let started: string | null | undefined;
  const cancel = async ({ task }: TaskRun): Promise<void> => {
    started = task.startedAt;
  };
  await region.worker({ kind: { run: () => assert.fail('it ran'), cancel } }).runner.run({ taskId: id });
  assert.equal(started, null);
  const done = (await tasks.getTask(id))!;
  assert.deepEqual([done.state, done.cleanUps, done.leaseOwner], ['cancelled', null, null]);
  assert.deepEqual(await claims.unfinished().then((all) => all.filter((task) => task.id === id)), []);
});

test('cancel, finished: refused; failed or cancelled tasks can be tried once more', async (t) => {
  const region = await testRegion(t);
  const { tasks } = region.management;
  const { id } = await provisionTask(region);
  await region.worker({ kind: { run: async () => ({ rows: 3 }) } }).runner.run({ taskId: id });
  const done = (await tasks.getTask(id))!;
  assert.deepEqual([done.state, done.result], ['succeeded', { rows: 3 }]);
  await assert.rejects(tasks.cancel(id, theService), { code: 'TaskNotCancellable' });
  await assert.rejects(tasks.retry(id, theService), { code: 'TaskNotRetryable' });
  await assert.rejects(tasks.cancel('none', theService), { code: 'TaskNotFound' });

  const second = await provisionTask(region);
  const failing = region.worker({
    kind: { run: () => Promise.reject(new Permanent('no such file')), giveUp: async () => {} },
  });
  await failing.runner.run({ taskId: second.id });
  const failed = (await tasks.getTask(second.id))!;
  assert.deepEqual([failed.state, failed.error, failed.attempts], ['failed', 'no such file', 1]);
  assert.deepEqual(failing.dead, [{ taskId: second.id, reason: 'no such file' }]);
  assert.equal((await tasks.retry(second.id, theService)).state, 'queued');
  await region.worker({ kind: { run: async () => null } }).runner.run({ taskId: second.id });
  const again = (await tasks.getTask(second.id))!;
  assert.deepEqual([again.state, again.history.map(({ outcome }) => outcome)], ['succeeded', ['failed', 'succeeded']]);
});

test('slices and checkpoints: the work goes on where it was, and no attempt is counted', async (t) => {
  const region = await testRegion(t);
  const { tasks } = region.management;
  const { id } = await provisionTask(region);
  const seen: unknown[] = [];
  const run = async ({ checkpoint, saveCheckpoint, progress }: TaskRun): Promise<unknown> => {
    seen.push(checkpoint);
    const at = (checkpoint as { at: number } | null)?.at ?? 0;
    progress(at + 1, 3, 'parts');
    if (at === 2) return { parts: 3 };
    await saveCheckpoint({ at: at + 1, deep: JSON.parse(`${'['.repeat(50)}${']'.repeat(50)}`) });
    throw new SliceOver();
  };
  const { runner, sent } = region.worker({ kind: { run } });
  for (let i = 0; i < 3; i++) await runner.run({ taskId: id });
  assert.deepEqual(
    seen.map((checkpoint) => (checkpoint as { at: number } | null)?.at ?? null),
    [null, 1, 2],
  );
  const done = (await tasks.getTask(id))!;
  assert.deepEqual([done.state, done.attempts, done.history.length, sent.length], ['succeeded', 1, 1, 2]);
  assert.deepEqual([done.progress?.done, done.progress?.total], [3, 3]);
  const large = await provisionTask(region);
  const tooLarge = { run: ({ saveCheckpoint }: TaskRun) => saveCheckpoint('x'.repeat(70_000)) };
  await region.worker({ kind: tooLarge }).runner.run({ taskId: large.id });
  assert.match((await tasks.getTask(large.id))!.error!, /a checkpoint of 70002 bytes/);
});

test('what waits says for what and until when, and can be woken', async (t) => {
  const region = await testRegion(t);
  const { tasks, claims, clock } = region.management;
  const { id } = await provisionTask(region);
  const untilMs = clock() + 3_600_000;
  const waiting = { run: () => Promise.reject(new Postponed(untilMs, 'waits for its parts')) };
  await region.worker({ kind: waiting }).runner.run({ taskId: id });
  const waits = (await tasks.getTask(id))!;
  assert.deepEqual([waits.state, waits.attempts, waits.error], ['queued', 0, null]);
  assert.deepEqual(waits.waits, { reason: 'waits for its parts', until: new Date(untilMs).toISOString() });
  await region.worker({ kind: { run: () => assert.fail('too early') } }).runner.run({ taskId: id });
  assert.equal((await tasks.wake(id))?.waits, null);
  assert.equal(await tasks.wake(id), undefined);
  await region.worker({ kind: { run: async () => null } }).runner.run({ taskId: id });
  assert.equal((await tasks.getTask(id))?.state, 'succeeded');
  assert.ok(!(await claims.unfinished()).some((task) => task.id === id));
});

test('a time limit holds over all attempts, and wrong parameters fail at once', async (t) => {
  const region = await testRegion(t);
  const { tasks } = region.management;
  const { id } = await provisionTask(region);
  let givenUp = 0;
  const giveUp = async (): Promise<void> => {
    givenUp += 1;
  };
  await region.worker({ kind: { run: untilAborted, giveUp, timeLimitMs: 300 } }).runner.run({ taskId: id });
  const failed = (await tasks.getTask(id))!;
  assert.deepEqual([failed.state, failed.error, givenUp], ['failed', 'it took longer than 0.3 s', 1]);
  assert.ok(failed.workedMs >= 300);
  const wrong = await provisionTask(region, { rows: 'many' });
  const kind: Partial<Kind> = {
    run: () => assert.fail('it ran'),
    giveUp,
    params: { type: 'object', properties: { rows: { type: 'number' } } },
  };
  await region.worker({ kind }).runner.run({ taskId: wrong.id });
  assert.match((await tasks.getTask(wrong.id))!.error!, /params\/rows must be number/);
});

test('a worker that stops lets go also of a task that does not heed it', { timeout: 60_000 }, async (t) => {
  const region = await testRegion(t);
  const { tasks } = region.management;
  const { id } = await provisionTask(region);
  const { runner, sent } = region.worker({ kind: { run: never } });
  const running = runner.run({ taskId: id });
  await until('it runs', async () => (await tasks.getTask(id))?.state === 'running');
  runner.stop();
  await running;
  const task = (await tasks.getTask(id))!;
  assert.deepEqual([task.state, task.leaseOwner, task.attempts, sent.length], ['queued', null, 0, 1]);
});

test('no more of a kind at once than it has lanes; one waits, the others go back to the queue', async (t) => {
  const region = await testRegion(t);
  const { tasks } = region.management;
  const gate = Promise.withResolvers<void>();
  let most = 0;
  let now = 0;
  const run = async (): Promise<void> => {
    most = Math.max(most, ++now);
    await gate.promise;
    now -= 1;
  };
  const all = [];
  for (let i = 0; i < 6; i++) all.push(await provisionTask(region));
  const { runner, sent } = region.worker({ kind: { run, lanes: 2 } });
  const runs = all.map(({ id }) => runner.run({ taskId: id }));
  await until('two run, and the rest went back', () => now === 2 && sent.length === 3);
  gate.resolve();
  assert.equal((await Promise.all(runs)).filter((hadRoom) => !hadRoom).length, 3);
  assert.equal(most, 2);
  for (const { taskId } of sent) assert.equal((await tasks.getTask(taskId))?.sends, 1);
});

test('a worker dies at any change of a task, and the next one brings it to its end', async (t) => {
  const region = await testRegion(t);
  const { tasks, claims, clock } = region.management;
  let effects: string[] = [];
  const steps: Partial<Kind> = {
    async run({ checkpoint, saveCheckpoint }: TaskRun) {
      const at = (checkpoint as number | null) ?? 0;
      if (at === 0) {
        effects.push('first');
        await saveCheckpoint(1);
        throw new SliceOver();
      }
      effects.push('second');
      await saveCheckpoint(2);
      return 'done';
    },
  };
  let deaths = 0;
  for (let lastStep = 1; ; lastStep++) {
    effects = [];
    const { id } = await provisionTask(region);
    const mortal = new Mortal(lastStep);
    const first = region.worker({ mortal, kind: steps });
    for (let i = 0; i < 2; i++) await first.runner.run({ taskId: id }).catch(() => {});
    if (!mortal.dead) break;
    deaths += 1;
    clock.aheadMs += 15_001;
    for (let i = 0; i < 2; i++) await region.worker({ kind: steps }).runner.run({ taskId: id });
    const task = (await tasks.getTask(id))!;
    assert.deepEqual([task.state, task.result, task.leaseOwner], ['succeeded', 'done', null], `died after ${lastStep}`);
    assert.deepEqual([...new Set(effects)], ['first', 'second']);
    assert.ok(task.history.every(({ outcome }) => outcome !== null));
    assert.ok(!(await claims.unfinished()).some((other) => other.id === id));
  }
  assert.ok(deaths >= 6, `only ${deaths}`);
});
