import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { dayOf, Usage } from '../../src/management/usage.ts';
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
  assert.deepEqual(await usage.listDays('a1', today(), tomorrow()), [expected]);
  // Another life of the process counts from nothing, under another name.
  const again = meter('boot-3');
  again.addPoints(plant, 7);
  await again.stop();
  assert.equal((await usage.listDays('a1', today(), tomorrow()))[0]?.points, 130);
  assert.deepEqual(await usage.listDays('a2', today(), tomorrow()), []);
});

test('a total that was held up does not undo a later one', async () => {
  const plant = { accountId: 'a3', id: 'db-1', name: 'plant' };
  await usage.setWork(plant, today(), 'boot', { points: 10, queries: 2, queryMs: 5 });
  await usage.setWork(plant, today(), 'boot', { points: 4, queries: 1, queryMs: 5 });
  assert.equal((await usage.listDays('a3', today(), tomorrow()))[0]?.points, 10);
});

test('a day ends at midnight UTC', async () => {
  const plant = { accountId: 'a4', id: 'db-1', name: 'plant' };
  const one = meter('boot-1');
  one.addPoints(plant, 5);
  const [before, next] = [today(), tomorrow()];
  clock.aheadMs += 24 * 3_600_000;
  one.addPoints(plant, 6);
  await one.write();
  const days = await usage.listDays('a4', before, tomorrow());
  assert.deepEqual(
    days.map(({ day, points }) => [day, points]),
    [
      [before, 5],
      [next, 6],
    ],
  );
  assert.deepEqual(
    (await usage.listDays('a4', before, next)).map(({ points }) => points),
    [5],
  );
});

test('what cannot be written now is written later', async () => {
  const plant = { accountId: 'a5', id: 'db-1', name: 'plant' };
  let away = true;
  const flaky = Object.assign(Object.create(usage) as Usage, {
    setWork: async (...args: Parameters<Usage['setWork']>) => {
      if (away) throw new Error('away');
      await usage.setWork(...args);
    },
  });
  const one = new UsageMeter({ usage: flaky, bootId: 'boot-1', clock, log: silent });
  one.addPoints(plant, 5);
  assert.equal(await one.write(), false);
  one.addPoints(plant, 5);
  away = false;
  assert.equal(await one.write(), true);
  assert.equal((await usage.listDays('a5', today(), tomorrow()))[0]?.points, 10);
});

test('stored bytes are the last samples, while there are any', async () => {
  const [plant, mill] = ['plant', 'mill'].map((name) => ({ accountId: 'a6', id: `db-${name}`, name }));
  await usage.setStored(plant!, 1_000);
  await usage.setStored(plant!, 1_500);
  await usage.setStored(mill!, 200);
  assert.equal(await usage.storedBytes('a6'), 1_700);
  const days = await usage.listDays('a6', today(), tomorrow());
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
  assert.deepEqual(await usage.listDays('a6', today(), tomorrow()), days);
  clock.aheadMs += 3_600_000;
  assert.equal(await usage.storedBytes('a6'), 0);
});
