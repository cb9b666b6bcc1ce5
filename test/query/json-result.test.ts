import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatIsoNs, maxTimeNs, minTimeNs, parseDecimalNs, unitNs } from '../../src/base/time.ts';
import type { Column, QueryResult, Strings } from '../../src/kdb/engine.ts';
import { intervalText } from '../../src/query/interval.ts';
import { encodeJson, jsonChunks } from '../../src/query/json-result.ts';
import type { TimeFormat } from '../../src/query/request.ts';
import { anyText } from '../any-text.ts';

function result(rows: number, ...columns: Column[]): QueryResult {
  return { columns, rows, next: null };
}

function text(value: QueryResult, timeFormat: TimeFormat = 'iso'): string {
  return encodeJson(value, { interval: null, timeFormat, next: null }).toString();
}

/** The rows' text, as written. */
function rows(value: QueryResult, timeFormat: TimeFormat = 'iso'): string {
  return /"rows":(.*),"interval"/s.exec(text(value, timeFormat))![1]!;
}

const times = (...values: bigint[]): Column => ({ kind: 'time', name: 'time', values: BigInt64Array.from(values) });
const longs = (...values: bigint[]): Column => ({ kind: 'long', name: 'n', values: BigInt64Array.from(values) });
const floats = (...values: number[]): Column => ({ kind: 'float', name: 'x', values: Float64Array.from(values) });

function strings(...values: (string | Uint8Array | null)[]): Column {
  const parts = values.map((value) => (typeof value === 'string' ? Buffer.from(value) : (value ?? new Uint8Array())));
  const packed: Strings = { lengths: Int32Array.from(parts, (part) => part.length), bytes: Buffer.concat(parts) };
  return {
    kind: 'string',
    name: 's',
    validity: values.includes(null) ? Uint8Array.from(values, (value) => (value === null ? 0 : 1)) : null,
    values: packed,
  };
}

test('the whole body', () => {
  const value: QueryResult = {
    columns: [
      { kind: 'tag', name: 'host', dictionary: ['a', 'b "x"\n', ''], index: Int32Array.of(0, 1, 2) },
      times(0n, 1_500_000_000n, -1n),
      floats(1.5, Number.NaN, -0),
      longs(1n, -(2n ** 63n), -7n),
      { kind: 'boolean', name: 'up', values: Uint8Array.of(1, 0, 2) },
      strings('é', null, ''),
    ],
    rows: 3,
    next: null,
  };
  const body = encodeJson(value, { interval: '60s', timeFormat: 'iso', next: 'abc' }).toString();
  const columns =
    '{"name":"host","type":"tag"},{"name":"time","type":"timestamp"},{"name":"x","type":"float"},{"name":"n","type":"long"},{"name":"up","type":"boolean"},{"name":"s","type":"string"}';
  const first = '["a","1970-01-01T00:00:00Z",1.5,1,true,"é"]';
  const second = '["b \\"x\\"\\n","1970-01-01T00:00:01.500Z",null,null,false,null]';
  const third = '["","1969-12-31T23:59:59.999999999Z",-0,-7,null,""]';
  assert.equal(body, `{"columns":[${columns}],"rows":[${first},${second},${third}],"interval":"60s","next":"abc"}`);
});

test('no rows', () => {
  assert.equal(
    text(result(0, times(), floats())),
    '{"columns":[{"name":"time","type":"timestamp"},{"name":"x","type":"float"}],"rows":[],"interval":null,"next":null}',
  );
});

test('times in each format', () => {
  const check = (ns: bigint, iso: string, nanos: string, us: string, ms: string, s: string) => {
    const all = (['iso', 'ns', 'us', 'ms', 's'] as const).map((format) => rows(result(1, times(ns)), format));
    assert.deepEqual(all, [`[["${iso}"]]`, `[["${nanos}"]]`, `[[${us}]]`, `[[${ms}]]`, `[[${s}]]`]);
  };
  check(0n, '1970-01-01T00:00:00Z', '0', '0', '0', '0');
  check(1n, '1970-01-01T00:00:00.000000001Z', '1', '0.001', '0.000001', '0.000000001');
  check(-1n, '1969-12-31T23:59:59.999999999Z', '-1', '-0.001', '-0.000001', '-0.000000001');
  check(
    1_700_000_000_000_000_000n,
    '2023-11-14T22:13:20Z',
    '1700000000000000000',
    '1700000000000000',
    '1700000000000',
    '1700000000',
  );
  check(
    1_700_000_000_123_000_000n,
    '2023-11-14T22:13:20.123Z',
    '1700000000123000000',
    '1700000000123000',
    '1700000000123',
    '1700000000.123',
  );
  check(
    1_700_000_000_000_456_000n,
    '2023-11-14T22:13:20.000456Z',
    '1700000000000456000',
    '1700000000000456',
    '1700000000000.456',
    '1700000000.000456',
  );
  check(-1_500_000_000n, '1969-12-31T23:59:58.500Z', '-1500000000', '-1500000', '-1500', '-1.5');
  check(-86_400_000_000_000n, '1969-12-31T00:00:00Z', '-86400000000000', '-86400000000', '-86400000', '-86400');
  check(
    minTimeNs,
    '1707-09-22T00:12:43.145224194Z',
    '-8276687236854775806',
    '-8276687236854775.806',
    '-8276687236854.775806',
    '-8276687236.854775806',
  );
  check(
    maxTimeNs,
    '2262-04-11T23:47:16.854775806Z',
    '9223372036854775806',
    '9223372036854775.806',
    '9223372036854.775806',
    '9223372036.854775806',
  );
});

test('times of the whole range, in any order, are exact in every format', () => {
  const near = fc
    .tuple(fc.bigInt({ min: -95_000n, max: 106_000n }), fc.bigInt({ min: -3n, max: 3n }))
    .map(([day, ns]) => day * unitNs.d + ns);
  const time = fc.oneof(fc.bigInt({ min: minTimeNs, max: maxTimeNs }), near);
  fc.assert(
    fc.property(fc.array(time, { minLength: 1, maxLength: 20 }), (list) => {
      const value = result(list.length, times(...list));
      assert.equal(rows(value, 'iso'), `[${list.map((ns) => `["${formatIsoNs(ns)}"]`).join(',')}]`);
      assert.equal(rows(value, 'ns'), `[${list.map((ns) => `["${ns}"]`).join(',')}]`);
      for (const unit of ['us', 'ms', 's'] as const) {
        const numbers = rows(value, unit).slice(2, -2).split('],[');
        assert.deepEqual(
          numbers.map((number) =>
            number.startsWith('-')
              ? -parseDecimalNs(number.slice(1), unitNs[unit])!
              : parseDecimalNs(number, unitNs[unit]),
          ),
          list,
        );
        for (const number of numbers) assert.match(number, /^-?(0|[1-9]\d*)(\.\d*[1-9])?$/);
      }
    }),
  );
});

test('floats are the shortest text of the same double', () => {
  const check = (value: number) =>
    assert.equal(rows(result(1, floats(value))), `[[${Object.is(value, -0) ? '-0' : String(value)}]]`);
  const edges = [
    0,
    -0,
    1,
    -1,
    0.1,
    0.3,
    0.1 + 0.2,
    1e-6,
    1e-7,
    0.000001,
    0.0000015,
    123456.654321,
    1e9,
    1e9 + 0.5,
    999_999_999.999999,
    999_999_999.9999999,
    1e15,
    1e21,
    1e22,
    5e-324,
    1.7976931348623157e308,
    2 ** 53,
    2 ** 53 - 1,
    -(2 ** 53),
    0.9999995,
    0.9999999,
  ];
  for (const value of edges) check(value);
  fc.assert(fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), check), { numRuns: 5000 });
  fc.assert(fc.property(fc.double({ min: -2e9, max: 2e9, noNaN: true }), check), { numRuns: 5000 });
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 0, max: 8 }), (whole, decimals) => check(whole / 10 ** decimals)),
    { numRuns: 5000 },
  );
  fc.assert(
    fc.property(fc.maxSafeInteger(), fc.integer({ min: 0, max: 15 }), (whole, decimals) =>
      check(whole / 10 ** decimals),
    ),
    { numRuns: 5000 },
  );
  assert.equal(
    rows(result(3, floats(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY))),
    '[[null],[null],[null]]',
  );
});

test('longs keep every digit', () => {
  const check = (value: bigint) => assert.equal(rows(result(1, longs(value))), `[[${value}]]`);
  for (const edge of [0n, 2n ** 31n, 2n ** 32n, 999_999_999n, 10n ** 9n, 10n ** 18n, 2n ** 53n, 2n ** 63n - 1n])
    for (const off of [-1n, 0n]) for (const sign of [1n, -1n]) check(sign * (edge + off));
  check(2n ** 53n + 1n);
  fc.assert(fc.property(fc.bigInt({ min: -(2n ** 63n) + 1n, max: 2n ** 63n - 1n }), check));
  fc.assert(fc.property(fc.maxSafeInteger(), (value) => check(BigInt(value))));
  assert.equal(rows(result(1, longs(-(2n ** 63n)))), '[[null]]');
});

test('strings and tags come back as they were', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.option(anyText), anyText), { minLength: 1 }), (list) => {
      const dictionary = [...new Set(list.map(([, tag]) => tag))];
      const tag: Column = {
        kind: 'tag',
        name: 't',
        dictionary,
        index: Int32Array.from(list, ([, value]) => dictionary.indexOf(value)),
      };
      assert.deepEqual(JSON.parse(text(result(list.length, strings(...list.map(([value]) => value)), tag))).rows, list);
    }),
  );
  assert.equal(rows(result(1, strings(Uint8Array.of(0x61, 0xff, 0xc3, 0x62)))), '[["a\ufffd\ufffdb"]]');
  assert.deepEqual(JSON.parse(rows(result(2, strings('\u0000\u001f"\\', '\u007f\u2028')))), [
    ['\u0000\u001f"\\'],
    ['\u007f\u2028'],
  ]);
});

test('columns may be views in the middle of a larger buffer', () => {
  const buffer = new ArrayBuffer(64);
  const time = new BigInt64Array(buffer, 8, 2);
  time.set([1n, 1_700_000_000_000_000_000n]);
  const long = new BigInt64Array(buffer, 32, 2);
  long.set([-3n, 2n ** 60n]);
  const value = result(2, { kind: 'time', name: 'time', values: time }, { kind: 'long', name: 'n', values: long });
  assert.equal(rows(value, 'ns'), '[["1",-3],["1700000000000000000",1152921504606846976]]');
});

async function chunksOf(value: QueryResult): Promise<Buffer[]> {
  const chunks: Buffer[] = [];
  for await (const chunk of jsonChunks(value, { interval: null, timeFormat: 'ns', next: null })) chunks.push(chunk);
  return chunks;
}

test('a large result comes in chunks that make up the same body', async () => {
  const count = 50_000;
  const value = result(
    count,
    times(...Array.from({ length: count }, (_, i) => BigInt(i))),
    strings(...Array.from({ length: count }, (_, i) => `row ${i}`)),
  );
  const chunks = await chunksOf(value);
  assert.ok(chunks.length > 2, `${chunks.length} chunks`);
  for (const chunk of chunks) assert.ok(chunk.length > 0 && chunk.length <= 256 * 1024);
  const body = Buffer.concat(chunks).toString();
  assert.equal(body, text(value, 'ns'));
  assert.deepEqual(
    JSON.parse(body).rows,
    Array.from({ length: count }, (_, i) => [String(i), `row ${i}`]),
  );
});

test('long strings and many columns fit, whatever the chunk', async () => {
  const long = ['\u0001'.repeat(65_536), 'x'.repeat(300_000), '', 'é'.repeat(100_000), 'y'];
  const value = result(long.length, strings(...long));
  assert.deepEqual(
    JSON.parse(Buffer.concat(await chunksOf(value)).toString()).rows,
    long.map((item) => [item]),
  );
  const wide = result(
    3,
    ...Array.from(
      { length: 20_000 },
      (_, i): Column => ({ kind: 'long', name: `f${i}`, values: BigInt64Array.of(1n, 2n, -(2n ** 62n)) }),
    ),
  );
  const parsed = JSON.parse(Buffer.concat(await chunksOf(wide)).toString());
  assert.deepEqual([parsed.rows.length, parsed.rows[2].length, parsed.rows[1][19_999]], [3, 20_000, 2]);
});

test('any number of rows of any length ends in whole JSON', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 120_000 }), { maxLength: 12 }), (lengths) => {
      const list = lengths.map((length) => 'z'.repeat(length));
      assert.deepEqual(
        JSON.parse(text(result(list.length, strings(...list)))).rows,
        list.map((item) => [item]),
      );
    }),
    { numRuns: 50 },
  );
});

test('interval text', () => {
  const check = (ns: bigint, expected: string) => assert.equal(intervalText(ns), expected);
  check(60_000_000_000n, '60s');
  check(604_800_000_000_000n, '604800s');
  check(500_000_000n, '500ms');
  check(1_500_000_000n, '1500ms');
  check(1_000n, '1us');
  check(1n, '1ns');
  check(1_000_000_001n, '1000000001ns');
  fc.assert(
    fc.property(fc.bigInt({ min: 1n, max: 946_684_800n * unitNs.s }), (ns) => {
      const [, number, unit] = /^(\d+)(s|ms|us|ns)$/.exec(intervalText(ns)!)!;
      assert.equal(BigInt(number!) * unitNs[unit as 's'], ns);
    }),
  );
});
