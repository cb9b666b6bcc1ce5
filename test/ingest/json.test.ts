import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { maxFieldsPerSeries, maxStringBytes } from '../../src/base/limits.ts';
import { maxTimeNs, minTimeNs } from '../../src/base/time.ts';
import type { Batch, Precision } from '../../src/ingest/index.ts';
import { decodeJson } from '../../src/ingest/json.ts';
import { type Point, pointsOf, record, type Value } from './points.ts';

const nowNs = 1_700_000_000_123_456_789n;

function decode(body: string | Buffer, precision: Precision = 'ns'): Batch {
  return decodeJson(Buffer.from(body as string), { precision, nowNs });
}

type Expected = Partial<Omit<Point, 'tags' | 'fields'>> & {
  tags?: Record<string, string>;
  fields?: Record<string, Value>;
};

/** The points of the body have at least what is expected of them. A JSON number is [number]. */
function check(body: string, ...expected: Expected[]): void {
  it(body, () => {
    const batch = decode(body);
    assert.deepEqual(batch.faults, []);
    const points = pointsOf(batch);
    assert.equal(points.length, expected.length);
    for (const [i, { tags, fields, ...rest }] of expected.entries()) {
      if (tags) assert.deepEqual(points[i]!.tags, record(Object.entries(tags)));
      if (fields) assert.deepEqual(points[i]!.fields, record(Object.entries(fields)));
      for (const [name, value] of Object.entries(rest)) assert.equal(points[i]![name as keyof Point], value);
    }
  });
}

/** The body's faults are these, as `line code column`, and nothing is to be written. */
function refuse(body: string, ...expected: string[]): void {
  it(body.length > 80 ? `${body.slice(0, 80)}…` : body, () => {
    const batch = decode(body);
    assert.deepEqual(
      batch.faults.map(({ line, code, column }) => `${line} ${code} ${column}`),
      expected,
    );
    assert.equal(batch.faultCount, expected.length);
    assert.deepEqual(batch.parts, []);
  });
}

function invalid(body: string | Buffer, code: string, message: RegExp): void {
  it(`${code}: ${body.length > 80 ? `${body.toString('latin1', 0, 80)}…` : body}`, () => {
    assert.throws(() => decode(body), { code, message });
  });
}

const value = (text: string): string => `{"series":"cpu","time":1,"fields":{"v":${text}}}`;
const time = (text: string): string => `{"series":"cpu","time":${text},"fields":{"v":1}}`;

describe('rows', () => {
  check('[{"series":"cpu","tags":{"host":"a"},"time":7,"fields":{"v":1.5,"s":"x","b":true}}]', {
    line: 1,
    series: 'cpu',
    tags: { host: 'a' },
    time: 7n,
    fields: { v: [1.5], s: 'x', b: true },
  });
  check(value('1'), { series: 'cpu', tags: {}, time: 1n, fields: { v: [1] } });
  check(' [ { "fields" : { "v" : 1 } ,\r\n "series" :\t"cpu" } ] \n', { time: nowNs, fields: { v: [1] } });
  check(
    '[{"series":"a","time":1,"fields":{"v":1}},{"series":"b","time":2,"fields":{"w":2}},{"series":"a","time":3,"fields":{"v":3}}]',
    { line: 1, series: 'a' },
    { line: 2, series: 'b' },
    { line: 3, series: 'a' },
  );
  check('[]');
  check('{"series":"cpu","tags":null,"time":1,"fields":{"v":1}}', { tags: {} });
  check('{"series":"cpu","tags":{"a":"","b":null,"c":"x"},"time":1,"fields":{"v":1}}', { tags: { c: 'x' } });
  check('{"series":"cpu","time":1,"fields":{"v":1,"n":null}}', { fields: { v: [1] } });
  check('{"series":"old","series":"cpu","time":1,"fields":{"v":1,"v":2}}', { series: 'cpu', fields: { v: [2] } });
  check(
    '{"\\u0073eries":"c\\u0070u","tags":{"h\\n":"\\ud83c\\udf8c"},"fields":{"v\\"":"a\\/b\\u0000c"}}'.replace(
      'h\\n',
      'h\\u00f6',
    ),
    {
      series: 'cpu',
      tags: { hö: '🎌' },
      fields: { 'v"': 'a/b\u0000c' },
    },
  );
  check('{"series":"__proto__","tags":{"__proto__":"a"},"fields":{"__proto__x":1,"constructor":2}}', {
    series: '__proto__',
    fields: { __proto__x: [1], constructor: [2] as [number] },
  });
  it('names differ where only their spelling is alike', () => {
    const points = pointsOf(
      decode('[{"series":"cpu","fields":{"v":1}},{"series":"cp\\u0075","fields":{"\\u0076":2}}]'),
    );
    assert.deepEqual(
      points.map(({ series, fields }) => [series, { ...fields }]),
      [
        ['cpu', { v: [1] }],
        ['cpu', { v: [2] }],
      ],
    );
  });
});

describe('columns', () => {
  check(
    '{"series":"cpu","tags":{"host":"a"},"time":[1,2,3],"fields":{"v":[1,null,2.5],"s":["x","y",null],"b":[true,false,true]}}',
    { line: 1, time: 1n, tags: { host: 'a' }, fields: { v: [1], s: 'x', b: true } },
    { line: 2, time: 2n, fields: { s: 'y', b: false } },
    { line: 3, time: 3n, fields: { v: [2.5], b: true } },
  );
  check(
    '[{"series":"a","time":[1,2],"fields":{"v":[1,2]}},{"series":"a","time":3,"fields":{"v":3}},{"fields":{"w":[4]},"time":[4],"series":"a"}]',
    { line: 1 },
    { line: 2 },
    { line: 3, time: 3n },
    { line: 4, fields: { w: [4] } },
  );
  check('{"series":"a","time":[],"fields":{"v":[]}}');
  refuse('{"series":"a","time":[1,2],"fields":{"v":[1,2],"w":[1]}}', '1 InvalidPoint w', '2 InvalidPoint w');
  refuse('{"series":"a","time":[1,2],"fields":{"v":[1,2,3]}}', '1 InvalidPoint v', '2 InvalidPoint v');
  refuse('{"series":"a","time":[1,2],"fields":{"v":[1,null],"w":[2,null]}}', '2 MissingFields undefined');
  refuse('{"series":"a","time":[1,2],"fields":{"v":[1,2],"v":[1,2]}}', '1 InvalidPoint v', '2 InvalidPoint v');
  refuse('{"series":"a","time":[1,2],"fields":{"v":1}}', '1 InvalidPoint v', '2 InvalidPoint v');
  refuse('{"series":"a","time":1,"fields":{"v":[1]}}', '1 InvalidValue v');
  refuse('{"series":"a","fields":{"v":[1]}}', '1 InvalidTimestamp time');
  refuse(
    '[{"series":"a","fields":{"v":1}},{"series":"a","time":[1,"x",2.5],"fields":{"v":[1,2,"x"]}}]',
    '3 InvalidTimestamp time',
    '4 InvalidTimestamp time',
  );
  refuse(
    '{"series":"a","time":[1,2,3],"fields":{"v":[1,"x",[2]],"w":["x",1,"y"]}}',
    '2 FieldTypeClash v',
    '3 InvalidValue v',
  );
});

describe('numbers', () => {
  for (const text of [
    '0',
    '-0',
    '1',
    '-1.5',
    '0.1',
    '1e3',
    '1E+3',
    '1.5e-7',
    '123456789012345',
    '9007199254740991',
    '1e17',
    '5e-324',
    '1e-999',
    '0.30000000000000004',
    '1.7976931348623157e308',
  ]) {
    check(value(text), { fields: { v: [Number(text)] } });
  }
  check(value('9007199254740993'), { fields: { v: 9007199254740993n } });
  check(value('-9223372036854775807'), { fields: { v: -9223372036854775807n } });
  // Not int64: a float is what is left.
  check(value('9223372036854775808'), { fields: { v: [2 ** 63] } });
  check(value('-9223372036854775808'), { fields: { v: [-(2 ** 63)] } });
  check(
    '{"series":"a","time":[1,2,3,4],"fields":{"v":[1,9007199254740993,-5,2.0]}}',
    { fields: { v: 1n } },
    { fields: { v: 9007199254740993n } },
    { fields: { v: -5n } },
    { fields: { v: 2n } },
  );
  check(
    '{"series":"a","time":[1,2],"fields":{"v":[0.5,9007199254740993]}}',
    { fields: { v: [0.5] } },
    { fields: { v: [9007199254740992] } },
  );
  check(
    '{"series":"a","time":[1,2],"fields":{"v":[9007199254740993,0.5]}}',
    { fields: { v: [9007199254740992] } },
    { fields: { v: [0.5] } },
  );
  refuse(value('1e999'), '1 NotFinite v');
  refuse(value('{"a":1}'), '1 InvalidValue v');
  refuse(value('[1]'), '1 InvalidValue v');
  refuse(value('null'), '1 MissingFields undefined');
});

describe('times', () => {
  const at = (text: string, precision: Precision, expected: bigint): void => {
    it(`${text} ${precision}`, () => assert.equal(pointsOf(decode(time(text), precision))[0]?.time, expected));
  };
  at('1700000000123456789', 'ns', 1700000000123456789n);
  at('"1700000000123456789"', 'ns', 1700000000123456789n);
  at('-1', 'ns', -1n);
  at('1700000000', 's', 1700000000000000000n);
  at('1700000000123', 'ms', 1700000000123000000n);
  at('1700000000123457', 'us', 1700000000123457000n);
  at('"2024-02-29T12:34:56.123456789Z"', 's', 1709210096123456789n);
  at('"2024-02-29T12:34:56+02:00"', 'ns', 1709202896000000000n);
  at(`${maxTimeNs}`, 'ns', maxTimeNs);
  at(`${minTimeNs}`, 'ns', minTimeNs);
  for (const text of ['1.5', '1e9', '1.0', '"x"', '""', 'null', 'true', '{}', '"2024-02-30"', '"-"'])
    refuse(time(text), '1 InvalidTimestamp time');
  for (const text of [
    `${maxTimeNs + 1n}`,
    `"${minTimeNs - 1n}"`,
    '"1600-01-01"',
    '"2300-01-01T00:00:00Z"',
    '123456789012345678901234567890',
  ])
    refuse(time(text), '1 TimeOutOfRange time');
});

describe('bad points', () => {
  refuse('[1,{"series":"a","fields":{"v":1}},"x"]', '1 InvalidPoint undefined', '3 InvalidPoint undefined');
  refuse('{}', '1 InvalidPoint series');
  refuse('{"series":1,"fields":{"v":1}}', '1 InvalidPoint series');
  refuse('{"series":"","fields":{"v":1}}', '1 InvalidName undefined');
  refuse('{"series":"a"}', '1 MissingFields fields');
  refuse('{"series":"a","fields":{}}', '1 MissingFields undefined');
  refuse('{"series":"a","fields":[1]}', '1 MissingFields fields');
  refuse('{"series":"a","fields":{"v":1},"timestamp":1}', '1 InvalidPoint timestamp');
  refuse('{"series":"a","tags":["x"],"fields":{"v":1}}', '1 InvalidPoint tags');
  refuse('{"series":"a","tags":{"x":1},"fields":{"v":1}}', '1 InvalidValue x');
  refuse('{"series":"a","tags":{"x":"1","x":"2"},"fields":{"v":1}}', '1 DuplicateTag x');
  refuse('{"series":"a","tags":{"time":"1"},"fields":{"v":1}}', '1 InvalidName time');
  refuse('{"series":"a","tags":{"x":"\\u0000"},"fields":{"v":1}}', '1 InvalidValue x');
  refuse('{"series":"a","tags":{"x":"\\ud800"},"fields":{"v":1}}', '1 InvalidUtf8 x');
  refuse('{"series":"a","fields":{"time":1}}', '1 InvalidName time');
  refuse('{"series":"a","fields":{"":1}}', '1 InvalidName ');
  refuse('{"series":"a\\u0007","fields":{"v":1}}', '1 InvalidName undefined');
  refuse('{"series":"a","fields":{"v":"\\udc00"}}', '1 InvalidUtf8 v');
  refuse(value(`"${'x'.repeat(maxStringBytes + 1)}"`), '1 ValueTooLong v');
  refuse('{"series":"a","tags":{"v":"x"},"fields":{"v":1}}', '1 TagFieldClash v');
  refuse(
    '[{"series":"a","fields":{"v":1}},{"series":"a","fields":{"v":"x"}},{"series":"a","fields":{"v":true}}]',
    '2 FieldTypeClash v',
    '3 FieldTypeClash v',
  );
  refuse('[{"series":"a","fields":{"v":"x","w":[]}},{"series":"a","fields":{"v":1}}]', '1 InvalidValue w');
  it('too many fields', () => {
    const fields = Array.from({ length: maxFieldsPerSeries + 1 }, (_, i) => `"f${i}":1`);
    assert.equal(decode(`{"series":"a","fields":{${fields}}}`).faults[0]?.code, 'TooManyFields');
  });
});

describe('no JSON', () => {
  for (const text of [
    '',
    ' ',
    '{',
    '[',
    '[1,',
    '{"a"',
    '{"a":',
    '{"a":1',
    '"x',
    '-',
    '[{"series":"a","fields":{"v":1}}',
  ]) {
    invalid(text, 'InvalidJson', /ends too early/);
  }
  for (const text of [
    '}',
    '[1}',
    '{]',
    '[,1]',
    '[1,]',
    '{,}',
    '{"a":1,}',
    '{a:1}',
    "{'a':1}",
    '[1 2]',
    '{"a" 1}',
    '[01]',
    '[1.]',
    '[.5]',
    '[+1]',
    '[1e]',
    '[NaN]',
    '[tru]',
    '[nulL]',
    '["\t"]',
    '["\\x"]',
    '["\\u12g4"]',
    '[1] x',
    'cpu v=1',
    '\ufeff[]',
  ]) {
    invalid(text, 'InvalidJson', /unexpected .* at byte \d+/);
  }
  for (const text of ['1', '"x"', 'null', 'true']) invalid(text, 'InvalidRequest', /a point or an array of points/);
  invalid(Buffer.from('["\xff"]', 'latin1'), 'InvalidJson', /not UTF-8/);
  invalid('['.repeat(100_000), 'InvalidJson', /deep/);
  invalid(`{"series":"a","fields":${'{"v":'.repeat(100_000)}`, 'InvalidJson', /deep/);
});
