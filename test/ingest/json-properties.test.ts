import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ApiError } from '../../src/base/errors.ts';
import { columnNameFault, nameFault } from '../../src/base/limits.ts';
import { decodeJson } from '../../src/ingest/json.ts';
import { anyText, anyTextNotEmpty } from '../any-text.ts';
import { pointsOf, record, type Value } from './points.ts';

const nowNs = 1_700_000_000_123_456_789n;
const options = { precision: 'ns', nowNs } as const;
const maxLong = 2n ** 63n - 1n;

const name = anyTextNotEmpty.filter((text) => !columnNameFault(text));
const tagValue = anyTextNotEmpty.filter((text) => !text.includes('\0'));
const number = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer());
const long = fc.bigInt({ min: -maxLong, max: maxLong });
const value = fc.oneof(number, long, fc.boolean(), anyText);
const time = fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n });
const series = anyTextNotEmpty.filter((text) => !nameFault(text));
const tags = fc.dictionary(name, tagValue, { maxKeys: 4 });
/** White space, and members in another order, change nothing. */
const indent = fc.constantFrom('', ' ', '\n\t');

type Json = string | number | bigint | boolean | null | Json[] | { [name: string]: Json };

/** JSON.stringify with exact integers. */
function written(json: Json, indent = ''): string {
  if (typeof json === 'bigint') return `${json}`;
  if (typeof json === 'number' && Object.is(json, -0)) return '-0';
  if (json === null || typeof json !== 'object') return JSON.stringify(json);
  if (Array.isArray(json)) return `[${indent}${json.map((item) => written(item, indent)).join(`${indent},`)}${indent}]`;
  const members = Object.entries(json).map(
    ([name, item]) => `${JSON.stringify(name)}${indent}:${indent}${written(item, indent)}`,
  );
  return `{${indent}${members.join(`${indent},${indent}`)}${indent}}`;
}

/** What the decoder makes of the value of a field that has only this one. */
function expected(value: number | bigint | boolean | string): Value {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? [Number(value)] : value;
  if (typeof value !== 'number') return value;
  // JavaScript writes integers up to 10^21 with all their digits, as far as it knows them.
  if (!Number.isInteger(value) || Number.isSafeInteger(value) || Math.abs(value) >= 1e21) return [value];
  const integer = BigInt(`${value}`);
  return integer >= -maxLong && integer <= maxLong ? integer : [value];
}

test('a row written and read is the same', () => {
  const row = fc.record({ series, tags, time, fields: fc.dictionary(name, value, { minKeys: 1, maxKeys: 4 }) });
  const shuffled = fc.shuffledSubarray(['series', 'tags', 'time', 'fields'] as const, { minLength: 4 });
  fc.assert(
    fc.property(row, shuffled, indent, (given, order, indent) => {
      fc.pre(Object.keys(given.tags).every((tag) => !Object.hasOwn(given.fields, tag)));
      const body = written(Object.fromEntries(order.map((member) => [member, given[member]])) as Json, indent);
      const batch = decodeJson(Buffer.from(body), options);
      assert.deepEqual(batch.faults, []);
      const fields = record(Object.entries(given.fields).map(([name, value]) => [name, expected(value)] as const));
      assert.deepEqual(pointsOf(batch), [
        { line: 1, series: given.series, tags: record(Object.entries(given.tags)), time: given.time, fields },
      ]);
    }),
    { numRuns: 500 },
  );
});

test('columns and rows of the same points are the same batch', () => {
  const cells = (item: fc.Arbitrary<Json>): fc.Arbitrary<Json[]> =>
    fc.array(fc.option(item, { freq: 4 }), { minLength: 6, maxLength: 6 });
  const columns = fc.dictionary(name, fc.oneof(cells(number), cells(long), cells(fc.boolean()), cells(anyText)), {
    minKeys: 1,
    maxKeys: 4,
  });
  fc.assert(
    fc.property(
      series,
      tags,
      fc.array(time, { minLength: 6, maxLength: 6 }),
      columns,
      (series, tags, times, fields) => {
        const rows = times.map((time, i) => ({
          series,
          tags,
          time,
          fields: Object.fromEntries(Object.entries(fields).map(([name, cells]) => [name, cells[i]!])),
        }));
        const byColumn = decodeJson(Buffer.from(written({ series, tags, time: times, fields })), options);
        const byRow = decodeJson(Buffer.from(written(rows)), options);
        assert.deepEqual(byColumn.faults, byRow.faults);
        assert.deepEqual(pointsOf(byColumn), pointsOf(byRow));
      },
    ),
    { numRuns: 300 },
  );
});

const seeds = fc.constantFrom(
  '[{"series":"cpu","tags":{"host":"a"},"time":1700000000000000001,"fields":{"v":1.5e3,"s":"a\\n\\u00e4","b":true}}]',
  '{"series":"cpu","time":[1,"2024-01-01T00:00:00Z",-3],"fields":{"v":[1,null,9007199254740993],"w":["x","y",""]}}',
  '[ {"fields":{"v":0},"series":"cpu"} , {"series":"cpu","fields":{"v":-0.0}} ]',
);
const fragment = fc.constantFrom(
  ...'{}[],:"\\0123.-eE \n\ttfnu',
  'null',
  'true',
  '\\u',
  '"time":',
  '""',
  'é',
  '\u0001',
  '9'.repeat(20),
);

/** Accepts exactly what JSON.parse accepts (but for depth), and never fails in another way. */
function agreesWithParse(body: Buffer): void {
  let valid = true;
  try {
    JSON.parse(new TextDecoder('utf8', { fatal: true, ignoreBOM: true }).decode(body));
  } catch {
    valid = false;
  }
  try {
    const batch = decodeJson(body, options);
    pointsOf(batch);
    assert.ok(valid);
  } catch (error) {
    assert.ok(error instanceof ApiError, `${error}`);
    assert.equal(error.code, valid ? 'InvalidRequest' : 'InvalidJson');
  }
}

test('mutated bodies are accepted where JSON.parse accepts them', () => {
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat(2), fragment), { maxLength: 4 });
  fc.assert(
    fc.property(seeds, changes, (seed, changes) => {
      let body = seed;
      for (const [at, removed, inserted] of changes) {
        const place = at % (body.length + 1);
        body = body.slice(0, place) + inserted + body.slice(place + removed);
      }
      agreesWithParse(Buffer.from(body));
    }),
    { numRuns: 3000 },
  );
});

test('text made of the grammar, and any bytes, likewise', () => {
  const text = fc.array(fragment, { maxLength: 20 }).map((parts) => Buffer.from(parts.join('')));
  fc.assert(fc.property(text, agreesWithParse), { numRuns: 3000 });
  fc.assert(
    fc.property(
      fc.json().map((text) => Buffer.from(text)),
      agreesWithParse,
    ),
    { numRuns: 1000 },
  );
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
      agreesWithParse,
    ),
    { numRuns: 2000 },
  );
});
