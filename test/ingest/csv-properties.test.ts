import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeCsv } from '../../src/ingest/csv.ts';
import { CsvRecords } from '../../src/ingest/csv-record.ts';
import { defaultTable } from '../../src/ingest/table.ts';
import { pointsOf } from './points.ts';
import { readCsv, readRows, type Types } from './reference-csv.ts';

const types: Types = { f: 'float', l: 'long', b: 'boolean', s: 'string' };
const nowNs = 0n;

const usual = {
  time: fc.constantFrom('1', '2000', '2024-01-02T03:04:05Z', '2024-01-02 03:04:05.123456789', '1969-12-31T23:59:59.5Z'),
  tag: fc.constantFrom('a', 'b', '', 'x y', '"q"', '"q,\n""r"""', 'é'),
  f: fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }).map(String), fc.constantFrom('', '1.5', '-3', ' 7 ')),
  l: fc.oneof(fc.bigInt({ min: -(2n ** 63n) + 1n, max: 2n ** 63n - 1n }).map(String), fc.constantFrom('', '1', '2.0')),
  b: fc.constantFrom('true', 'f', '', 'FALSE'),
  s: fc.constantFrom('text', '', '""', '"a,b"', '"line\nbreak"', '"say ""x"""', 'in"side'),
};
const rubbish = fc.constantFrom(
  '"',
  '""',
  '"a"b',
  'x',
  '-',
  '1e400',
  '9223372036854775808',
  'nan',
  '\r',
  '\n',
  ',',
  '1.2.3',
  '"\n',
);
const cell = (good: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.oneof({ weight: 30, arbitrary: good }, { weight: 1, arbitrary: rubbish });
const orders = fc.shuffledSubarray(['time', 'h', 'r', 'f', 'l', 'b', 's'], { minLength: 7 });
const kinds: Record<string, fc.Arbitrary<string>> = { ...usual, h: usual.tag, r: usual.tag };

const body = orders.chain((order) =>
  fc
    .array(fc.tuple(...order.map((name) => cell(kinds[name]!))), { maxLength: 12 })
    .chain((rows) =>
      fc
        .constantFrom('\n', '\r\n')
        .map((end) => [order.join(','), ...rows.map((row) => row.join(','))].join(end) + end),
    ),
);

test('bodies agree with the reference', () => {
  fc.assert(
    fc.property(body, fc.boolean(), (text, partial) => {
      const table = { ...defaultTable, series: 'cpu', tagColumns: ['h', 'r'], types };
      const batch = decodeCsv(Buffer.from(text), { precision: 'ns', nowNs, table, partial });
      const expected = readCsv(text, { series: 'cpu', tags: ['h', 'r'], types, delimiter: ',' });
      assert.deepEqual(
        batch.faults.map(({ line }) => line),
        expected.badLines,
      );
      assert.equal(batch.lines, expected.badLines.length + expected.points.length);
      if (partial || expected.badLines.length === 0) assert.deepEqual(pointsOf(batch), expected.points);
      else assert.equal(batch.points, 0);
    }),
    { numRuns: 2000 },
  );
});

test('records end where the reference ends them', () => {
  const text = fc
    .array(fc.constantFrom('a', ',', '"', '\n', '""', ',"', '"\n', '\r\n'))
    .map((parts) => `${parts.join('')}\n`);
  fc.assert(
    fc.property(text, (text) => {
      const bytes = Buffer.from(text);
      const records = new CsvRecords(bytes, 44);
      const ends: number[] = [];
      for (let pos = 0; pos < bytes.length; ) {
        const end = records.end(pos);
        if (end < 0) break;
        if (end > pos && text.slice(pos, end) !== '\r') ends.push(text.slice(0, pos).split('\n').length);
        pos = end + 1;
      }
      const rows = readRows(text, ',').map(({ line }) => line);
      // An unclosed quote leaves the last one open.
      assert.deepEqual(ends, rows.slice(0, ends.length));
      assert.ok(rows.length - ends.length <= 1);
    }),
    { numRuns: 3000 },
  );
});
