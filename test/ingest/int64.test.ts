import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { maxTimeNs, minTimeNs } from '../../src/base/time.ts';
import { Int64 } from '../../src/ingest/int64.ts';

const int64 = new Int64();
const anyLong = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });

function value(): bigint {
  return BigInt.asIntN(64, (BigInt(int64.high) << 32n) | BigInt(int64.low >>> 0));
}

test('int64 by halves', () => {
  fc.assert(
    fc.property(anyLong, (long) => {
      int64.setBigInt(long);
      assert.equal(value(), long);
      assert.equal(int64.toNumber(), Number(long));
    }),
  );
  fc.assert(
    fc.property(fc.maxSafeInteger(), (integer) => {
      int64.set(integer);
      assert.equal(value(), BigInt(integer));
    }),
  );
});

test('int64 from digits', () => {
  const anyInteger = fc.oneof(anyLong, fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }), fc.bigInt(-99n, 99n));
  fc.assert(
    fc.property(anyInteger, fc.nat(5), (long, leadingZeros) => {
      const digits = Buffer.from(`>${'0'.repeat(leadingZeros)}${long < 0n ? -long : long}<`);
      const fits = long > -(2n ** 63n) && long < 2n ** 63n;
      assert.equal(int64.setLong(digits, 1, digits.length - 1, long < 0n), fits);
      if (fits) assert.equal(value(), long);
    }),
    { numRuns: 1000 },
  );
});

test('times from digits', () => {
  const edges = fc.tuple(fc.constantFrom(minTimeNs, maxTimeNs, 0n), fc.bigInt(-3n, 3n)).map(([a, b]) => a + b);
  fc.assert(
    fc.property(fc.oneof(anyLong, edges), fc.constantFrom(0, 3, 6, 9), (timeNs, zeros) => {
      const time = timeNs / 10n ** BigInt(zeros);
      const digits = Buffer.from(`${time < 0n ? -time : time}`);
      const expected = time * 10n ** BigInt(zeros);
      const fits = expected >= minTimeNs && expected <= maxTimeNs;
      assert.equal(int64.setTime(digits, 0, digits.length, time < 0n, zeros), fits);
      if (fits) assert.equal(value(), expected);
    }),
    { numRuns: 1000 },
  );
});
