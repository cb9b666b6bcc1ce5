import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { columnNameFault } from '../../src/base/limits.ts';
import { decodeJson } from '../../src/ingest/json.ts';
import { decodeNdjson } from '../../src/ingest/ndjson.ts';
import { defaultTable } from '../../src/ingest/table.ts';
import { anyText, anyTextNotEmpty } from '../any-text.ts';
import { pointsOf, record, type Value } from './points.ts';

const table = { ...defaultTable, series: 'cpu', tagColumns: ['h', 'r'] };
const options = { precision: 'ns', nowNs: 7n } as const;

const good: readonly (readonly [line: string, fields: Record<string, Value>, tags?: Record<string, string>])[] = [
  ['{"time":1,"h":"a","v":1.5,"s":"x","b":true}', { v: [1.5], s: 'x', b: true }, { h: 'a' }],
  [' { "v" : 1 , "time" : "1" , "r" : 12 } \r', { v: [1] }, { r: '12' }],
  ['{"time":"1970-01-01T00:00:00.000000001Z","h":null,"v":1,"w":null}', { v: [1] }],
  ['{"t\\u0069me":1,"\\u0068":"a\\u0062","v\\"":2}', { 'v"': [2] }, { h: 'ab' }],
  ['{"time":1,"v":9007199254740993}', { v: 9007199254740993n }],
];

for (const [line, fields, tags = {}] of good) {
  test(`row ${line}`, () => {
    const batch = decodeNdjson(Buffer.from(`\n${line}\n`), { ...options, table });
    assert.deepEqual(batch.faults, []);
    const [point] = pointsOf(batch);
    assert.deepEqual(point, {
      line: 2,
      series: 'cpu',
      tags: record(Object.entries(tags)),
      fields: record(Object.entries(fields)),
      time: 1n,
    });
  });
}

const bad: readonly (readonly [line: string, code: string, column?: string])[] = [
  ['[]', 'InvalidLine'],
  ['{"time":1,"v":1', 'InvalidLine'],
  ['{"time":1,"v":1}}', 'InvalidLine'],
  ['{"time":1,"v":\n1}', 'InvalidLine'],
  ['{"v":1}', 'InvalidTimestamp', 'time'],
  ['{"time":1}', 'MissingFields'],
  ['{"time":1,"v":[1]}', 'InvalidValue', 'v'],
  ['{"time":1,"v":1,"v":2}', 'InvalidPoint', 'v'],
  ['{"time":1,"v":1,"h":{}}', 'InvalidValue', 'h'],
  ['{"time":1,"v":1e999}', 'NotFinite', 'v'],
  ['{"time":1,"ok":"x"}', 'FieldTypeClash', 'ok'],
];

for (const [line, code, column] of bad) {
  test(`bad row ${line} is named and the others stay`, () => {
    const body = `{"time":1,"ok":1}\n${line}\n{"time":2,"ok":2}\n`;
    const batch = decodeNdjson(Buffer.from(body), { ...options, table, partial: true });
    const [fault] = batch.faults;
    assert.deepEqual([fault?.line, fault?.code, fault?.column], [2, code, column]);
    assert.deepEqual(
      pointsOf(batch).map(({ fields }) => fields['ok']),
      [[1], [2]],
    );
    assert.equal(decodeNdjson(Buffer.from(body), { ...options, table }).points, 0);
  });
}

test('rows whose tags stand as in rows before are read as if each came alone', () => {
  // Of few members, so that tags come again: side by side, apart, twice, as a number that goes on, before white space.
  const members = ['"h":"a"', '"h":"b"', '"r":"a"', '"r":1', '"r":12', '"h":null', '"v":1', '"w":2', '"time":3'];
  const some = [...members, '"h":"a","r":1', '"h":"a","r":1 ', '"time":3,"h":"a","r":1,"v":1', '"h":"b","r":"a"'];
  const row = fc.array(fc.constantFrom(...some), { maxLength: 5 }).map((given) => `{${given.join(',')}}`);
  const partial = { ...options, table, partial: true };
  const told = (text: string) => {
    const batch = decodeNdjson(Buffer.from(text), partial);
    return {
      points: pointsOf(batch).map(({ line: _, ...point }) => point),
      faults: batch.faults.map(({ line: _, ...fault }) => fault),
    };
  };
  fc.assert(
    fc.property(fc.array(row, { minLength: 1, maxLength: 12 }), (rows) => {
      // Three times: what is learned of the first reading is used for the second.
      const lines = [...rows, ...rows, ...rows];
      const alone = lines.map(told);
      const { points, faults } = told(lines.join('\n'));
      assert.deepEqual(
        points,
        alone.flatMap((each) => each.points),
      );
      assert.deepEqual(
        faults,
        alone.flatMap((each) => each.faults),
      );
    }),
    { numRuns: 300 },
  );
});

test('points that name their series are those of JSON', () => {
  const points = ['{"series":"a","tags":{"h":"x"},"time":1,"fields":{"v":1}}', '{"fields":{"w":"y"},"series":"b"}'];
  const lines = pointsOf(decodeNdjson(Buffer.from(points.join('\n')), options));
  assert.deepEqual(lines, pointsOf(decodeJson(Buffer.from(`[${points}]`), options)));
  const { faults } = decodeNdjson(Buffer.from(`\n${points[0]}\nx\n{"series":"a","fields":{}}\n`), options);
  assert.deepEqual(
    faults.map(({ line, code }) => [line, code]),
    [
      [3, 'InvalidLine'],
      [4, 'MissingFields'],
    ],
  );
});

test('rows agree with JSON.parse', () => {
  const name = anyTextNotEmpty.filter((text) => !columnNameFault(text) && text !== 'h' && text !== 'r');
  const value = fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e15, max: 1e15 }),
    anyText,
    fc.boolean(),
    fc.constant(null),
  );
  const tag = anyText.filter((text) => !text.includes('\0'));
  const row = fc.tuple(fc.integer(), tag, tag, fc.dictionary(name, value, { maxKeys: 4 }));
  fc.assert(
    fc.property(fc.array(row, { maxLength: 8 }), (rows) => {
      const lines = rows.map(([time, h, r, fields]) => JSON.stringify({ h, ...fields, time, r }));
      const batch = decodeNdjson(Buffer.from(lines.join('\n')), { ...options, table, partial: true });
      const types = new Map<string, string>();
      const expected = lines.flatMap((line, i) => {
        const { time, h, r, ...fields } = JSON.parse(line) as Record<string, string | number | boolean | null>;
        const given = Object.entries(fields).filter(([, value]) => value !== null);
        const clash = given.some(([name, value]) => (types.get(name) ?? typeof value) !== typeof value);
        if (given.length === 0 || clash) return [];
        for (const [name, value] of given) types.set(name, typeof value);
        const values = given.map(([name, value]) => [name, typeof value === 'number' ? [value] : value] as const);
        const tags = Object.entries({ h, r }).filter(([, value]) => value !== '');
        return [
          { line: i + 1, series: 'cpu', time: BigInt(time as number), tags: record(tags), fields: record(values) },
        ];
      });
      assert.deepEqual(pointsOf(batch), expected);
      assert.equal(batch.faultCount, rows.length - expected.length);
    }),
    { numRuns: 500 },
  );
});
