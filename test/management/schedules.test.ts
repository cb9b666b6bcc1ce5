import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { theService } from '../../src/management/audit.ts';
import { cronFault, nextRunMs } from '../../src/management/cron.ts';
import type { Task } from '../../src/management/records.ts';
import { startDynoxide } from '../servers.ts';
import { code, createActive, openManagement } from './region.ts';

const dynoxide = await startDynoxide();
after(() => dynoxide.stop());
const { tasks, claims, databases, schedules, clock, close } = await openManagement(dynoxide.endpoint);
after(close);

const hourMs = 3_600_000;

for (const [cron, fault] of [
  ['0 3 * * *', undefined],
  ['*/5 * * * *', undefined],
  ['0 0 29 2 *', undefined],
  ['15 4 * * mon-fri', undefined],
  ['*/4 * * * *', /more often/],
  ['*/7 * * * *', /more often/],
  ['59,0 * * * *', /more often/],
  ['* * * * *', /more often/],
  ['0 0 31 2 *', /no such time/],
  ['0 3 * *', /five fields/],
  ['0 0 3 * * *', /five fields/],
  ['@daily', /five fields/],
  ['61 * * * *', /./],
  ['a b c d e', /./],
  ['', /five fields/],
] as const) {
  test(`cron ${cron}: ${fault === undefined ? 'taken' : 'refused'}`, () => {
    const found = cronFault(cron, Date.UTC(2026, 0, 1));
    if (fault === undefined) assert.equal(found, undefined);
    else assert.match(found ?? '', fault);
  });
}

test('times are UTC, also where summer time begins', () => {
  assert.equal(nextRunMs('30 2 * * *', Date.UTC(2026, 2, 29)), Date.UTC(2026, 2, 29, 2, 30));
});

async function fireAll(): Promise<Task[]> {
  const due = await schedules.due(100);
  const made = await Promise.all(due.map((schedule) => schedules.fire(schedule)));
  // Compaction has a minute of the week of its own for each database.
  return made.filter((task): task is Task => task !== undefined && task.kind !== 'compaction');
}

test('one task for a due time, however many sweepers there are; times that were missed make one together', async () => {
  const { database } = await createActive(databases, 'a1', 'plant');
  await databases.changeSettings('a1', 'plant', { schedules: { backup: '0 * * * *' } }, theService);
  assert.deepEqual(await fireAll(), []);
  clock.aheadMs += hourMs;
  const made = (await Promise.all([fireAll(), fireAll(), fireAll()])).flat();
  assert.equal(made.length, 1);
  const [first] = made as [Task];
  assert.deepEqual([first.kind, first.databaseId, first.params], ['backup', database.id, { reason: 'scheduled' }]);
  assert.deepEqual(await tasks.getTask(first.id), first);
  // While it is not finished, there is no second one.
  clock.aheadMs += hourMs;
  assert.deepEqual(await fireAll(), []);
  await claims.finish((await claims.claim(first.id, 'w1'))!, null);
  clock.aheadMs += 10 * hourMs;
  assert.equal((await fireAll()).length, 1);
  assert.deepEqual(await fireAll(), []);
});

test('a schedule ends when it is taken away, and with its database', async () => {
  const { database } = await createActive(databases, 'a1', 'gone');
  await databases.changeSettings('a1', 'gone', { schedules: { backup: '0 * * * *' } }, theService);
  await databases.changeSettings('a1', 'gone', { schedules: { backup: null } }, theService);
  clock.aheadMs += hourMs;
  assert.ok(!(await fireAll()).some(({ databaseId }) => databaseId === database.id));
  const again = await databases.changeSettings('a1', 'gone', { schedules: { backup: '0 * * * *' } }, theService);
  await databases.remove(again);
  clock.aheadMs += hourMs;
  assert.ok(!(await schedules.due(100)).some(({ databaseId }) => databaseId === database.id));
});

test('points that are kept for a while only are cleared away daily, without a schedule being named', async () => {
  const { database } = await createActive(databases, 'a1', 'kept');
  const changed = await databases.changeSettings('a1', 'kept', { retentionDays: 30 }, theService);
  assert.deepEqual([changed.retentionDays, changed.schedules], [30, { backup: null, retention: null }]);
  clock.aheadMs += 24 * hourMs;
  const made = (await fireAll()).filter(({ databaseId }) => databaseId === database.id);
  assert.deepEqual(
    made.map(({ kind }) => kind),
    ['retention'],
  );
  await databases.changeSettings('a1', 'kept', { retentionDays: null }, theService);
  clock.aheadMs += 24 * hourMs;
  assert.ok(!(await fireAll()).some(({ databaseId }) => databaseId === database.id));
});

test('what cannot be a schedule is refused by name', async () => {
  await createActive(databases, 'a1', 'often');
  const often = databases.changeSettings('a1', 'often', { schedules: { backup: '* * * * *' } }, theService);
  await assert.rejects(often, code('InvalidSchedule'));
  await assert.rejects(
    databases.changeSettings('a1', 'none', { retentionDays: 1 }, theService),
    code('DatabaseNotFound'),
  );
});

test('small parts are merged once a week, of each database at a time of its own', async () => {
  const { database } = await createActive(databases, 'a1', 'small');
  const kindsOf = async () => {
    const due = (await schedules.due(100)).filter(({ databaseId }) => databaseId === database.id);
    return (await Promise.all(due.map((schedule) => schedules.fire(schedule)))).map((task) => task?.kind);
  };
  assert.deepEqual(await kindsOf(), []);
  clock.aheadMs += 7 * 24 * hourMs;
  assert.deepEqual(await kindsOf(), ['compaction']);
  assert.deepEqual(await kindsOf(), []);
});
