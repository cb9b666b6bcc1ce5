import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Dated, defaultRule, keptUntilMs, supersededBackups } from '../../src/management/backup-rule.ts';

const dayMs = 24 * 3_600_000;

function backup(createdAt: string): Dated {
  return { id: createdAt, createdAt };
}

/** One every day at 02:00 up to and including the last one. */
function daily(days: number, last: string): Dated[] {
  return Array.from({ length: days }, (_, i) => backup(new Date(Date.parse(last) - i * dayMs).toISOString())).reverse();
}

test('a daily schedule of two years leaves 7 days, the ends of 4 weeks and of 12 months', () => {
  const all = daily(730, '2026-11-22T02:00:00.000Z');
  const gone = new Set(supersededBackups(all, defaultRule, Date.parse('2026-11-22T03:00:00Z')).map(({ id }) => id));
  const kept = all.filter(({ id }) => !gone.has(id)).map(({ id }) => id.slice(0, 10));
  assert.deepEqual(kept, [
    ...['2025-12-31', '2026-01-31', '2026-02-28', '2026-03-31', '2026-04-30', '2026-05-31'],
    ...['2026-06-30', '2026-07-31', '2026-08-31', '2026-09-30', '2026-10-31'],
    ...['2026-11-01', '2026-11-08', '2026-11-15'],
    ...['2026-11-16', '2026-11-17', '2026-11-18', '2026-11-19', '2026-11-20', '2026-11-21', '2026-11-22'],
  ]);
});

test('of several on one day the newest is kept, and none is kept longer than its date says', () => {
  const day = fc.integer({ min: 0, max: 800 * 24 }).map((hour) => new Date(hour * 3_600_000 + 1.7e12).toISOString());
  fc.assert(
    fc.property(fc.uniqueArray(day, { maxLength: 60 }), fc.nat(900 * 24), (dates, nowHour) => {
      const nowMs = nowHour * 3_600_000 + 1.7e12;
      const there = dates.filter((date) => Date.parse(date) <= nowMs).map(backup);
      const gone = supersededBackups(there, defaultRule, nowMs);
      const kept = there.filter((each) => !gone.includes(each));
      for (const each of kept) {
        assert.ok(nowMs < keptUntilMs(each, defaultRule), `${each.id} is kept at ${new Date(nowMs).toISOString()}`);
      }
      // Expiring step by step ends where expiring at once does.
      const halfway = there.filter((each) => !supersededBackups(there, defaultRule, nowMs - 3 * dayMs).includes(each));
      assert.deepEqual(
        halfway.filter((each) => !supersededBackups(halfway, defaultRule, nowMs).includes(each)),
        kept,
      );
      const newestToday = there
        .filter(({ createdAt }) => nowMs - Date.parse(createdAt) < 6 * dayMs)
        .toSorted()
        .at(-1);
      if (newestToday) assert.ok(kept.includes(there.toSorted((a, b) => (a.id < b.id ? -1 : 1)).at(-1)!));
    }),
  );
});
