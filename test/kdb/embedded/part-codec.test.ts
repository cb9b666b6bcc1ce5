import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Column, nullLong, valueAt } from '../../../kdb/embedded/memory/columns.ts';
import {
  decodeAscending,
  decodeColumn,
  encodeAscending,
  encodeColumn,
} from '../../../kdb/embedded/storage/part-codec.ts';

async function roundTrips(column: Column, rows: number): Promise<void> {
  const decoded = decodeColumn((await encodeColumn(column, rows)).bytes);
  const read = (from: Column) => Array.from({ length: rows }, (_, row) => valueAt(from, row));
  assert.deepEqual(read(decoded), read(column));
}

const value = fc.oneof(
  fc.integer({ min: -200, max: 200 }),
  fc.integer(),
  fc.integer({ min: -(2 ** 53), max: 2 ** 53 }).map(Math.trunc),
  fc.integer({ min: -99_999, max: 99_999 }).map((n) => n / 100),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(0, -0, Number.MIN_VALUE, Number.MAX_VALUE, 2 ** 31 - 1, -(2 ** 31), 127, -128, 32_767, -32_768),
  fc.constant(Number.NaN),
);
const kinds = fc.oneof(
  fc.array(value, { minLength: 1, maxLength: 300 }),
  fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 1, maxLength: 300 }),
  fc.array(
    fc.oneof(
      { weight: 5, arbitrary: fc.integer({ min: -127, max: 127 }) },
      { weight: 1, arbitrary: fc.constant(Number.NaN) },
    ),
    { minLength: 1, maxLength: 300 },
  ),
  fc.array(
    fc.integer({ min: -9999, max: 9999 }).map((n) => n / 1000),
    { minLength: 1, maxLength: 300 },
  ),
);

test('numbers', () =>
  fc.assert(
    fc.asyncProperty(kinds, (values) =>
      roundTrips({ kind: 'number', values: Float64Array.from(values) }, values.length),
    ),
    { numRuns: 300 },
  ));

test('longs, booleans, text', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          long: fc.bigInt({ min: nullLong, max: 2n ** 63n - 1n }),
          boolean: fc.integer({ min: 0, max: 2 }),
          text: fc.option(fc.string({ unit: 'grapheme' })),
        }),
        { minLength: 1 },
      ),
      async (given) => {
        await roundTrips({ kind: 'big', values: BigInt64Array.from(given, ({ long }) => long) }, given.length);
        await roundTrips({ kind: 'boolean', values: Uint8Array.from(given, ({ boolean }) => boolean) }, given.length);
        const dictionary = [...new Set(given.flatMap(({ text }) => text ?? []))];
        await roundTrips(
          {
            kind: 'text',
            dictionary,
            index: Int32Array.from(given, ({ text }) => (text === null ? -1 : dictionary.indexOf(text))),
          },
          given.length,
        );
      },
    ),
  ));

const offsets: [string, number[]][] = [
  ['one', [2 ** 52]],
  ['regular, of two tag sets', [1e15, 1e15 + 1e10, 1e15 + 2e10, 1e15, 1e15 + 1e10]],
  ['irregular to the nanosecond', [5, 6, 1e15 + 7, 2 ** 53 - 1, 0, 1]],
  ['equal steps of zero', [7, 7, 7]],
];
for (const [title, values] of offsets) {
  test(`times: ${title}`, async () => {
    assert.deepEqual([...decodeAscending((await encodeAscending(Float64Array.from(values))).bytes)], values);
  });
}
