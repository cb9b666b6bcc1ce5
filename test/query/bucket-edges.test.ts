// Against what the clocks show: Intl tells the local time of each moment, by itself.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ApiError } from '../../src/base/errors.ts';
import { endOfTimeNs, maxTimeNs, minTimeNs, parseIsoNs } from '../../src/base/time.ts';
import { bucketEdges } from '../../src/query/bucket-edges.ts';
import { parseOffset, parseWidth, widthForPoints } from '../../src/query/bucket-width.ts';
import { SpecFault } from '../../src/query/fault.ts';

const hourNs = 3_600_000_000_000n;

function edges(width: string, zone: string, from: string, until: string, offset = '0s'): bigint[] {
  const range = { fromNs: parseIsoNs(from)!, toNs: parseIsoNs(until)! };
  return [...bucketEdges(parseWidth(width, 'w'), zone, parseOffset(offset, 'o'), range)];
}

function hours(all: readonly bigint[]): number[] {
  return all.slice(1).map((edge, i) => Number(edge - all[i]!) / Number(hourNs));
}

/** What the clock shows then: 2024-03-31 00:00:00. */
function shown(zone: string, timeNs: bigint): string {
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' });
  return format.format(Number(timeNs / 1_000_000n));
}

test('days are 23 and 25 hours long where clocks are changed', () => {
  const check = (zone: string, from: string, until: string, expected: number[]) =>
    assert.deepEqual(hours(edges('1d', zone, from, until)), expected, `${zone} ${from}`);
  check('Europe/Berlin', '2024-03-29T23:00:00Z', '2024-04-01T22:00:00Z', [24, 23, 24]);
  check('Europe/Berlin', '2024-10-25T22:00:00Z', '2024-10-28T23:00:00Z', [24, 25, 24]);
  check('America/New_York', '2024-11-02T04:00:00Z', '2024-11-05T05:00:00Z', [24, 25, 24]);
  check('Australia/Lord_Howe', '2024-04-05T13:00:00Z', '2024-04-08T13:30:00Z', [24, 24.5, 24]);
  // Midnight comes twice.
  check('America/Havana', '2024-11-02T04:00:00Z', '2024-11-05T05:00:00Z', [24, 25, 24]);
  // There is no midnight: the day begins at one.
  check('America/Sao_Paulo', '2018-11-03T03:00:00Z', '2018-11-06T02:00:00Z', [24, 23, 24]);
  // There is no 30 December.
  check('Pacific/Apia', '2011-12-29T10:00:00Z', '2012-01-01T10:00:00Z', [24, 24, 24]);
  check('Asia/Kathmandu', '2024-01-01T18:15:00Z', '2024-01-02T18:15:00Z', [24]);
});

test('parts of a day follow the clock', () => {
  const check = (width: string, from: string, until: string, expected: number[]) =>
    assert.deepEqual(hours(edges(width, 'Europe/Berlin', from, until)), expected, `${width} ${from}`);
  const day = ['2024-03-30T23:00:00Z', '2024-03-31T22:00:00Z'] as const;
  const longDay = ['2024-10-26T22:00:00Z', '2024-10-27T23:00:00Z'] as const;
  check('1h', ...day, Array(23).fill(1));
  check('1h', ...longDay, Array(25).fill(1));
  check('30m', ...longDay, Array(50).fill(0.5));
  check('6h', ...day, [5, 6, 6, 6]);
  check('6h', ...longDay, [7, 6, 6, 6]);
  check('12h', ...longDay, [13, 12]);
});

test('weeks begin on Mondays, months and years on their first days', () => {
  const iso = (width: string, from: string, until: string, expected: string, offset?: string) =>
    assert.equal(
      edges(width, 'UTC', from, until, offset)
        .map((edge) => shown('UTC', edge).slice(0, 13))
        .join(),
      expected,
    );
  iso('1mo', '2024-01-15T00:00:00Z', '2024-03-01T00:00:00Z', '2024-01-01 00,2024-02-01 00,2024-03-01 00');
  iso('3mo', '2024-02-15T00:00:00Z', '2024-05-01T00:00:00Z', '2024-01-01 00,2024-04-01 00,2024-07-01 00');
  iso('1y', '1969-06-01T00:00:00Z', '1971-01-01T00:00:00Z', '1969-01-01 00,1970-01-01 00,1971-01-01 00');
  iso('1mo', '2024-02-01T00:00:00Z', '2024-02-02T00:00:00Z', '2024-01-01 06,2024-02-01 06,2024-03-01 06', '6h');
  assert.equal(
    shown('Europe/Berlin', edges('1w', 'Europe/Berlin', '2024-05-16', '2024-05-17')[0]!),
    '2024-05-13 00:00:00',
  );
});

test('every moment is in the bucket of its local date', () => {
  const zones = [
    'Europe/Berlin',
    'America/Havana',
    'America/Sao_Paulo',
    'Australia/Lord_Howe',
    'Africa/Casablanca',
    'Asia/Kathmandu',
    'Pacific/Apia',
  ];
  const dates = { '1d': 10, '1mo': 7, '1y': 4 } as const;
  const moment = fc.integer({ min: -3_000_000_000, max: 3_000_000_000 });
  fc.assert(
    fc.property(
      fc.constantFrom(...zones),
      fc.constantFrom(...(['1d', '1mo', '1y'] as const)),
      moment,
      fc.nat(20_000_000),
      (zone, width, fromS, spanS) => {
        const fromNs = BigInt(fromS) * 1_000_000_000n;
        const toNs = fromNs + BigInt(spanS + 1) * 1_000_000_000n;
        const all = [...bucketEdges(parseWidth(width, 'w'), zone, 0n, { fromNs, toNs })];
        assert.ok(all[0]! <= fromNs && all.at(-1)! >= toNs);
        assert.ok(all.every((edge, i) => i === 0 || edge > all[i - 1]!));
        const date = (timeNs: bigint) => shown(zone, timeNs).slice(0, dates[width]);
        // An hour that comes twice across midnight may show the day before once more: it is the later day's.
        for (const [i, edge] of all.slice(0, -1).entries()) {
          const middle = edge + (all[i + 1]! - edge) / 2n;
          assert.equal(date(edge), date(middle), `${zone} ${width} ${edge}`);
          assert.ok(date(edge - 1_000_000_000n) < date(edge), `${zone} ${width}: ${edge} begins no date`);
        }
      },
    ),
    { numRuns: 20 },
  );
});

test('at both ends of time', () => {
  for (const [fromNs, toNs] of [
    [minTimeNs, minTimeNs + 1n],
    [maxTimeNs, endOfTimeNs],
    [-1n, 1n],
  ] as const) {
    for (const width of ['1d', '1w', '1mo', '1y', '30y', '5h']) {
      const all = bucketEdges(parseWidth(width, 'w'), 'America/New_York', 0n, { fromNs, toNs });
      assert.ok(all.length >= 2 && all[0]! <= fromNs && all.at(-1)! >= toNs, `${width} ${fromNs}`);
    }
  }
});

test('what is no width, offset or zone, and too many buckets', () => {
  for (const text of ['', '1', 'm', '0s', '-1h', '1.5h', '1M', '31y', '361mo', '10958d', '9999999999s', '1h30m'])
    assert.throws(() => parseWidth(text, 'bucket.width'), SpecFault, text);
  for (const text of ['', '1', '1mo', '--1h', '100000w'])
    assert.throws(() => parseOffset(text, 'bucket.offset'), SpecFault);
  assert.throws(() => edges('1d', 'Mars/Base', '2024-01-01', '2024-01-02'), RangeError);
  const tooMany = (error: unknown) => error instanceof ApiError && error.code === 'TooManyBuckets';
  assert.throws(() => edges('1s', 'Europe/Berlin', '2024-01-01', '2024-03-02'), tooMany);
  assert.throws(() => edges('1ns', 'Europe/Berlin', '1707-10-01', '2262-01-01'), tooMany);
});

test('about so many points', () => {
  fc.assert(
    fc.property(fc.bigInt(1n, 2n ** 63n), fc.integer({ min: 2, max: 10_000 }), (spanNs, points) => {
      const widthNs = widthForPoints(spanNs, points);
      const buckets = Number(spanNs) / Number(widthNs);
      if (widthNs > 1n && widthNs < 300_000_000_000_000_000n)
        assert.ok(buckets <= points && buckets * 2.6 >= points, `${spanNs} ${points}: ${widthNs}`);
    }),
  );
  assert.equal(widthForPoints(86_400_000_000_000n, 300), 300_000_000_000n);
});
