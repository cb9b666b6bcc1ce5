import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  endOfTimeNs,
  floorDiv,
  formatIsoNs,
  maxTimeNs,
  minTimeNs,
  parseDecimalNs,
  parseIsoNs,
  unitNs,
} from '../../src/base/time.ts';

test('ISO times to nanoseconds', () => {
  const check = (text: string, ns: bigint) => assert.equal(parseIsoNs(text), ns, text);
  check('1970-01-01', 0n);
  check('1970-01-01T00:00', 0n);
  check('1970-01-01T00:00:01', 1_000_000_000n);
  check('1970-01-01 00:00:01', 1_000_000_000n);
  check('1970-01-01T00:00:00.1Z', 100_000_000n);
  check('1970-01-01T00:00:00.123456789Z', 123_456_789n);
  check('2024-01-01T00:00:00.123456789Z', 1_704_067_200_123_456_789n);
  // Before 1970 the fraction still counts up from the second.
  check('1969-12-31T23:59:59.999999999Z', -1n);
  check('1969-12-31T23:59:59Z', -1_000_000_000n);
  check('1969-12-31T23:59:58.5Z', -1_500_000_000n);
  // Zones
  check('1970-01-01T02:00:00+02:00', 0n);
  check('1970-01-01T02:00:00+0200', 0n);
  check('1970-01-01 02:00:00+02', 0n);
  check('1969-12-31T18:30:00-05:30', 0n);
  check('1970-01-01T00:00:00.000000001-00:00', 1n);
  check('1970-01-01T00:00-23:59', 86_340_000_000_000n);
  // Leap days
  check('2024-02-29', 1_709_164_800_000_000_000n);
  check('2000-02-29T12:00:00Z', 951_825_600_000_000_000n);
  check('2023-12-31T23:59:59.999999999Z', 1_704_067_199_999_999_999n);
  // The bounds of int64 and one beyond: the range is the caller's to check.
  check('1707-09-22T00:12:43.145224194Z', minTimeNs);
  check('2262-04-11T23:47:16.854775806Z', maxTimeNs);
  check('9999-12-31T23:59:59Z', 253_402_300_799_000_000_000n);
});

test('what is no ISO time', () => {
  const bad = [
    ...[
      '',
      'now',
      '2024',
      '2024-1-1',
      '20240101',
      '2024-01-01T',
      '2024-01-01T12',
      '2024-01-01Z',
      '2024-01-01T00:00:00ZZ',
    ],
    ...['2024-02-30', '2023-02-29', '1900-02-29', '2024-04-31', '2024-13-01', '2024-00-01', '2024-01-00', '2024-01-32'],
    ...['2024-01-01T24:00', '2024-01-01T00:60', '2024-01-01T00:00:60', '2024-01-01T00:00:00.', '2024-01-01T00:00.5'],
    ...[
      '2024-01-01T00:00:00.1234567890',
      '2024-01-01T00:00:00+24:00',
      '2024-01-01T00:00:00+01:60',
      '2024-01-01T00:00:00+1',
    ],
    ...['0099-01-01', '+002024-01-01', '-2024-01-01', '12024-01-01', '2024-01-01\n', ' 2024-01-01', '２０２４-01-01'],
  ];
  for (const text of bad) assert.equal(parseIsoNs(text), undefined, JSON.stringify(text));
});

test('nanoseconds to ISO times', () => {
  const check = (ns: bigint, text: string) => assert.equal(formatIsoNs(ns), text);
  check(0n, '1970-01-01T00:00:00Z');
  check(1n, '1970-01-01T00:00:00.000000001Z');
  check(1_000n, '1970-01-01T00:00:00.000001Z');
  check(1_500_000n, '1970-01-01T00:00:00.001500Z');
  check(500_000_000n, '1970-01-01T00:00:00.500Z');
  check(-1n, '1969-12-31T23:59:59.999999999Z');
  check(-1_000_000_000n, '1969-12-31T23:59:59Z');
  check(minTimeNs, '1707-09-22T00:12:43.145224194Z');
  check(maxTimeNs, '2262-04-11T23:47:16.854775806Z');
  check(endOfTimeNs, '2262-04-11T23:47:16.854775807Z');
});

test('bounds are int64 without what q reads as null or infinity, as timestamps and as longs', () => {
  assert.equal(maxTimeNs, 2n ** 63n - 2n);
  assert.equal(minTimeNs - 946_684_800_000_000_000n, -(2n ** 63n) + 2n);
});

const anyTime = fc.bigInt({ min: minTimeNs, max: maxTimeNs });

test('every time reads back from its text', () => {
  fc.assert(fc.property(anyTime, (ns) => parseIsoNs(formatIsoNs(ns)) === ns));
});

test('a zone shifts a time by its offset', () => {
  const zone = fc.tuple(fc.constantFrom('+', '-'), fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 }));
  fc.assert(
    fc.property(anyTime, zone, (ns, [sign, hours, minutes]) => {
      const offset = BigInt(hours * 60 + minutes) * unitNs.m * (sign === '+' ? 1n : -1n);
      const two = (value: number) => String(value).padStart(2, '0');
      const text = formatIsoNs(ns).replace('Z', `${sign}${two(hours)}:${two(minutes)}`);
      assert.equal(parseIsoNs(text), ns - offset);
    }),
  );
});

test('decimal numbers of a unit', () => {
  const check = (text: string, unit: keyof typeof unitNs, ns: bigint | undefined) =>
    assert.equal(parseDecimalNs(text, unitNs[unit]), ns, text);
  check('1700000000.123456789', 's', 1_700_000_000_123_456_789n);
  check('0.000000001', 's', 1n);
  check('0.0000000001', 's', undefined);
  check('1.50000000000000000000', 's', 1_500_000_000n);
  check('9007199254740993', 'ns', 9_007_199_254_740_993n);
  check('0.5', 'ns', undefined);
  check('1.5', 'h', 5_400_000_000_000n);
  check('0.1', 'w', 60_480_000_000_000n);
  for (const text of [
    '',
    '.',
    '1.',
    '.5',
    '-1',
    '+1',
    '1e3',
    '0x10',
    ' 1',
    '1_0',
    '1'.repeat(21),
    `0.${'0'.repeat(21)}`,
  ])
    check(text, 's', undefined);
});

test('division rounds down on both sides of zero', () => {
  for (const [a, b, quotient] of [
    [7n, 2n, 3n],
    [-7n, 2n, -4n],
    [-8n, 2n, -4n],
    [-1n, 10n, -1n],
    [0n, 10n, 0n],
  ] as const) {
    assert.equal(floorDiv(a, b), quotient, `${a} / ${b}`);
  }
});
