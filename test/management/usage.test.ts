import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { tables } from '../../src/base/names.ts';
import { countItems } from '../../src/management/dynamo.ts';
import type { Page } from '../../src/management/page.ts';
import { type DayOfUsage, dayOf, Usage } from '../../src/management/usage.ts';
import { UsageMeter } from '../../src/management/usage-meter.ts';
import { startDynoxide } from '../servers.ts';
import { openManagement, silent, testClock } from './region.ts';

const dynoxide = await startDynoxide();
after(() => dynoxide.stop());
const { dynamo, close } = await openManagement(dynoxide.endpoint);
after(close);
const clock = testClock();
const usage = new Usage({ dynamo, clock });

function meter(bootId: string): UsageMeter {
  return new UsageMeter({ usage, bootId, clock, log: silent });
}

const daysOf = async (...range: Parameters<Usage['pageOfDays']>) => (await usage.pageOfDays(...range)).records;
const today = (): string => dayOf(clock());
const tomorrow = (): string => dayOf(clock() + 24 * 3_600_000);

test('totals of several processes and lives add up, however often each is written', async () => {
  const plant = { accountId: 'a1', id: 'db-1', name: 'plant' };
  const [one, two] = [meter('boot-1'), meter('boot-2')];
  one.addPoints(plant, 100);
  two.addPoints(plant, 20);
  two.addQuery(plant, 1_500);
  await Promise.all([one.write(), two.write()]);
  one.addPoints(plant, 3);
  for (let i = 0; i < 3; i++) await one.write();
  const expected = { day: today(), database: 'plant', points: 123, queries: 1, querySeconds: 1.5, storedBytes: null };
  assert.deepEqual(await daysOf('a1', today(), tomorrow()), [expected]);
  // Another life of the process counts from nothing, under another name.
  const again = meter('boot-3');
  again.addPoints(plant, 7);
  await again.stop();
  assert.equal((await daysOf('a1', today(), tomorrow()))[0]?.points, 130);
  assert.deepEqual(await daysOf('a2', today(), tomorrow()), []);
});

test('a total that was held up does not undo a later one', async () => {
  const plant = { accountId: 'a3', id: 'db-1', name: 'plant' };
  await usage.setWork(plant, today(), 'boot', { points: 10, queries: 2, queryMs: 5 });
  await usage.setWork(plant, today(), 'boot', { points: 4, queries: 1, queryMs: 5 });
  assert.equal((await daysOf('a3', today(), tomorrow()))[0]?.points, 10);
});

test('a day ends at midnight UTC', async () => {
  const plant = { accountId: 'a4', id: 'db-1', name: 'plant' };
  const one = meter('boot-1');
  one.addPoints(plant, 5);
  const [before, next] = [today(), tomorrow()];
  clock.aheadMs += 24 * 3_600_000;
  one.addPoints(plant, 6);
  await one.write();
  const days = await daysOf('a4', before, tomorrow());
  assert.deepEqual(
    days.map(({ day, points }) => [day, points]),
    [
      [before, 5],
      [next, 6],
    ],
  );
  assert.deepEqual(
    (await daysOf('a4', before, next)).map(({ points }) => points),
    [5],
  );
});

test('what cannot be written now is written later', async () => {
  const plant = { accountId: 'a5', id: 'db-1', name: 'plant' };
  let away = true;
  const flaky = Object.assign(Object.create(usage) as Usage, {
    setWork: async (...args: Parameters<Usage['setWork']>) => {
      if (away) throw new Error('away');
      return usage.setWork(...args);
    },
  });
  const one = new UsageMeter({ usage: flaky, bootId: 'boot-1', clock, log: silent });
  one.addPoints(plant, 5);
  assert.equal(await one.write(), false);
  one.addPoints(plant, 5);
  away = false;
  assert.equal(await one.write(), true);
  assert.equal((await daysOf('a5', today(), tomorrow()))[0]?.points, 10);
});

test('stored bytes are the last samples, while there are any', async () => {
  const [plant, mill] = ['plant', 'mill'].map((name) => ({ accountId: 'a6', id: `db-${name}`, name }));
  await usage.setStored(plant!, 1_000);
  await usage.setStored(plant!, 1_500);
  await usage.setStored(mill!, 200);
  assert.equal(await usage.storedBytes('a6'), 1_700);
  const days = await daysOf('a6', today(), tomorrow());
  assert.deepEqual(
    days.map(({ database, storedBytes }) => [database, storedBytes]),
    [
      ['mill', 200],
      ['plant', 1_500],
    ],
  );
  await usage.endStored(plant!);
  await usage.endStored({ accountId: 'a6', id: 'db-never-measured' });
  assert.equal(await usage.storedBytes('a6'), 200);
  assert.deepEqual(await daysOf('a6', today(), tomorrow()), days);
  clock.aheadMs += 3_600_000;
  assert.equal(await usage.storedBytes('a6'), 0);
});

test('totals of a day that is over become one, which is never added twice, and nothing is added after it', async () => {
  const plant = { accountId: 'a7', id: 'db-1', name: 'plant' };
  const other = { accountId: 'a7', id: 'db-10', name: 'mill' };
  const day = today();
  const boots = Array.from({ length: 120 }, (_, i) => `boot-${i}`);
  for (const boot of boots) await usage.setWork(plant, day, boot, { points: 3, queries: 1, queryMs: 0.1 });
  await usage.setWork(other, day, 'boot-1', { points: 5, queries: 0, queryMs: 0 });
  const until = tomorrow();
  const entries = async (): Promise<number> =>
    countItems(dynamo, {
      TableName: tables.usage,
      KeyConditionExpression: 'accountId = :account',
      ExpressionAttributeValues: { ':account': 'a7' },
    });
  const before = await daysOf('a7', day, until);
  assert.deepEqual(
    before.map(({ database, points, queries }) => [database, points, queries]),
    [
      ['mill', 5, 0],
      ['plant', 360, 120],
    ],
  );
  await usage.foldWork(plant);
  assert.equal(await entries(), 121);
  clock.aheadMs += 3 * 24 * 3_600_000;
  await Promise.all([usage.foldWork(plant), usage.foldWork(plant), usage.foldWork(other)]);
  await usage.foldWork(plant);
  assert.equal(await entries(), 2);
  const after = await daysOf('a7', day, until);
  assert.ok(Math.abs(after[1]!.querySeconds - before[1]!.querySeconds) < 1e-6);
  assert.deepEqual(
    after.map(({ querySeconds: _, ...rest }) => rest),
    before.map(({ querySeconds: _, ...rest }) => rest),
  );
  // One of them was held up all the time.
  assert.equal(await usage.setWork(plant, day, 'boot-7', { points: 4, queries: 1, queryMs: 0.1 }), false);
  assert.deepEqual(await daysOf('a7', day, until), after);
});

test('a long time is read in pages of whole days', async () => {
  const [from, until] = [-399, 1].map((days) => dayOf(clock() + days * 24 * 3_600_000)) as [string, string];
  await usage.setWork({ accountId: 'a8', id: 'db-1', name: 'plant' }, today(), 'boot', {
    points: 1,
    queries: 0,
    queryMs: 0,
  });
  const rows = [];
  let pages = 0;
  for (let day: string | null = from; day !== null; pages++) {
    const page: Page<DayOfUsage> = await usage.pageOfDays('a8', day, until);
    rows.push(...page.records);
    day = page.next;
  }
  assert.deepEqual([pages, rows.length, rows[0]?.day], [13, 1, today()]);
});
