import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ApiError } from '../../src/base/errors.ts';
import { endOfTimeNs, maxTimeNs, minTimeNs } from '../../src/base/time.ts';
import type { QuerySpec, SeriesDefinition } from '../../src/kdb/engine.ts';
import { encodeCursor } from '../../src/query/cursor.ts';
import type { RawParameters } from '../../src/query/parameter-schema.ts';
import { buildSpec, latestRequestOf } from '../../src/query/parameters.ts';
import { anyText } from '../any-text.ts';
import { queryOf } from '../engines/points.ts';

const cpu: SeriesDefinition = {
  series: 'cpu',
  tags: ['host', 'region', 'a,b', 'x=y'],
  fields: [
    { name: 'usage', type: 'float' },
    { name: 'jobs', type: 'long' },
    { name: 'up', type: 'boolean' },
    { name: 'state', type: 'string' },
    { name: 'a<b', type: 'float' },
  ],
};
const nowNs = 1_700_000_000_000_000_000n;

const everything = queryOf('cpu', { cut: false });

function check(raw: RawParameters, expected: Partial<QuerySpec>): void {
  assert.deepEqual(buildSpec(cpu, raw, nowNs).spec, { ...everything, ...expected }, JSON.stringify(raw));
}

function refused(raw: RawParameters, code: string, message: RegExp, series = cpu): void {
  assert.throws(
    () => buildSpec(series, raw, nowNs),
    (error) => {
      assert.ok(error instanceof ApiError, String(error));
      assert.equal(error.code, code, error.message);
      assert.match(error.message, message);
      return true;
    },
    JSON.stringify(raw),
  );
}

const aggregates = (op: string, ...fields: string[]) =>
  fields.map((field) => ({ op, field, as: field })) as QuerySpec['select'];
const width = (widthNs: bigint) => ({ kind: 'width', widthNs, originNs: 0n }) as const;

test('without parameters: all raw points', () => {
  check({}, {});
  assert.deepEqual(buildSpec(cpu, {}, nowNs), { spec: everything, intervalNs: null, timeFormat: 'iso' });
  check({ from: undefined }, {});
});

test('time range', () => {
  const from = (text: string, fromNs: bigint) => check({ from: text }, { fromNs });
  from('2023-11-14T22:13:20Z', nowNs);
  from('2023-11-14', 1_699_920_000_000_000_000n);
  from('2023-11-15T00:13:20.000000001+02:00', nowNs + 1n);
  from('2023-11-15T00:13:20 02:00', nowNs);
  from('1700000000', nowNs);
  from('1700000000.123456789', nowNs + 123_456_789n);
  from('-86400', -86_400_000_000_000n);
  from('-0.000000001', -1n);
  from('0', 0n);
  from('1700000000s', nowNs);
  from('1700000000000ms', nowNs);
  from('1700000000000.5ms', nowNs + 500_000n);
  from('1700000000000000us', nowNs);
  from('1700000000000000001ns', nowNs + 1n);
  from('now', nowNs);
  from('-28d', nowNs - 28n * 86_400_000_000_000n);
  from('-15m', nowNs - 900_000_000_000n);
  from('-1w', nowNs - 604_800_000_000_000n);
  from('-2h', nowNs - 7_200_000_000_000n);
  from('-1.5h', nowNs - 5_400_000_000_000n);
  from('-30s', nowNs - 30_000_000_000n);
  from('-500ms', nowNs - 500_000_000n);
  from('1707-09-22T00:12:43.145224194Z', minTimeNs);
  from('9223372036854775806ns', maxTimeNs);
  check({ until: 'now' }, { toNs: nowNs });
  check({ until: '9223372036854775807ns' }, { toNs: endOfTimeNs });
  check({ from: '-1h', until: 'now' }, { fromNs: nowNs - 3_600_000_000_000n, toNs: nowNs });
});

test('what is no time, no range, or beyond all time', () => {
  for (const text of [
    '',
    'yesterday',
    'NOW',
    '15m',
    '1d',
    '+1d',
    '--1d',
    '-d',
    '1e9',
    '0x10',
    '1.',
    '.5',
    '1.2.3',
    '-1x',
    '1700000000.1234567891',
    '0.5ns',
    'NaN',
    'Infinity',
    '1'.repeat(21),
    '2023-02-29',
  ]) {
    refused({ from: text }, 'InvalidTime', /^from: /);
    refused({ until: text }, 'InvalidTime', /^until: .* Use ISO 8601/);
  }
  for (const text of [
    '1700000000000',
    '9223372036854775808ns',
    '1707-09-22T00:12:43.145224193Z',
    '9999-12-31',
    '-99999999999999999999w',
    '99999999999999999999',
  ]) {
    refused({ from: text }, 'TimeOutOfRange', /outside 1707-09-22 to 2262-04-11/);
  }
  refused(
    { from: 'now', until: 'now' },
    'InvalidRange',
    /^from \(2023-11-14T22:13:20Z\) must be before until \(2023-11-14T22:13:20Z\)/,
  );
  refused({ from: '2', until: '1' }, 'InvalidRange', /before/);
  refused({ from: '9223372036854775807ns' }, 'InvalidRange', /before/);
});

test('aggregation and interval', () => {
  check({ aggregation: 'max' }, { select: aggregates('max', 'usage', 'jobs', 'a<b') });
  for (const op of ['avg', 'sum', 'min', 'max'])
    check({ aggregation: op }, { select: aggregates(op, 'usage', 'jobs', 'a<b') });
  for (const op of ['count', 'first', 'last'])
    check({ aggregation: op }, { select: aggregates(op, 'usage', 'jobs', 'up', 'state', 'a<b') });
  check({ aggregation: 'count', field: 'state' }, { select: aggregates('count', 'state') });
  check({ 'interval-sec': '60', field: 'jobs' }, { bucket: width(60_000_000_000n), select: aggregates('avg', 'jobs') });
  check(
    { 'interval-sec': '60', aggregation: 'sum', field: 'jobs,usage' },
    { bucket: width(60_000_000_000n), select: aggregates('sum', 'jobs', 'usage') },
  );
  const interval = (text: string, widthNs: bigint) => {
    const built = buildSpec(cpu, { 'interval-sec': text }, nowNs);
    assert.deepEqual([built.intervalNs, built.spec.bucket], [widthNs, width(widthNs)]);
  };
  interval('0.000000001', 1n);
  interval('0.1', 100_000_000n);
  interval('1.000000001', 1_000_000_001n);
  interval('00060', 60_000_000_000n);
  interval('604800', 604_800_000_000_000n);
  interval('946684800', 946_684_800_000_000_000n);
});

test('wrong aggregations and intervals', () => {
  for (const text of [
    '',
    '0',
    '0.0',
    '-1',
    '+1',
    '1e3',
    '.5',
    '5.',
    '60s',
    '0.0000000001',
    '946684801',
    '99999999999',
    'NaN',
    ' 60',
    '60\n',
    '６０',
  ]) {
    refused(
      { 'interval-sec': text },
      'InvalidRequest',
      /interval-sec: .* not allowed; give a positive number of seconds/,
    );
  }
  refused(
    { aggregation: 'medium' },
    'InvalidRequest',
    /aggregation: "medium" is not allowed; give one of count, sum, avg, /,
  );
  refused({ aggregation: '' }, 'InvalidRequest', /aggregation/);
  refused(
    { aggregation: 'avg', field: 'state' },
    'AggregationNotSupported',
    /avg does not work on field state, which is string/,
  );
  refused(
    { 'interval-sec': '1', field: ['usage', 'up'] },
    'AggregationNotSupported',
    /avg does not work on field up, which is boolean/,
  );
  const log = { series: 'log', tags: [], fields: [{ name: 'line', type: 'string' }] } as const;
  refused({ aggregation: 'sum' }, 'AggregationNotSupported', /sum does not work on field line/, log);
  refused({ aggregation: 'count' }, 'InvalidRequest', /no field/, { series: 'new', tags: ['host'], fields: [] });
});

test('field and group-by', () => {
  check({ field: 'usage' }, { fields: ['usage'] });
  check({ field: 'usage,jobs' }, { fields: ['usage', 'jobs'] });
  check({ field: ['jobs', 'usage,jobs'] }, { fields: ['jobs', 'usage'] });
  check({ field: 'a<b' }, { fields: ['a<b'] });
  check({ 'group-by': 'host' }, { by: ['host'] });
  check({ 'group-by': ['region,host', 'a\\,b'] }, { by: ['region', 'host', 'a,b'] });
  check({ 'group-by': 'host', aggregation: 'count', field: 'up' }, { by: ['host'], select: aggregates('count', 'up') });
  refused({ field: 'nope' }, 'FieldNotFound', /Series cpu has no field nope/);
  refused({ field: 'host' }, 'FieldNotFound', /no field host/);
  refused({ field: 'time' }, 'FieldNotFound', /no field time/);
  refused({ field: '__proto__' }, 'FieldNotFound', /no field __proto__/);
  refused({ 'group-by': 'usage' }, 'TagNotFound', /Series cpu has no tag usage/);
  refused({ 'group-by': 'a,b' }, 'TagNotFound', /no tag a$/);
  for (const list of ['', ',', 'usage,', ',usage', 'usage,,jobs'])
    refused({ field: list }, 'InvalidRequest', /field: .* give names of fields, comma-separated/);
  refused({ 'group-by': '' }, 'InvalidRequest', /group-by: /);
});

test('order, limit, cursor, time format', () => {
  check({ order: 'asc' }, {});
  check({ order: 'desc' }, { order: 'desc' });
  check({ limit: '1' }, { limit: 1, cut: true });
  check({ limit: '1000000' }, { limit: 1_000_000, cut: true });
  const after = { timeNs: -5n, id: 77 };
  check({ cursor: encodeCursor(after) }, { after });
  check(
    { cursor: encodeCursor(after), limit: '10', field: 'usage' },
    { after, limit: 10, cut: true, fields: ['usage'] },
  );
  for (const format of ['iso', 'ns', 'us', 'ms', 's'])
    assert.equal(buildSpec(cpu, { 'time-format': format }, nowNs).timeFormat, format);
  for (const text of ['', '0', '-1', '1.5', '1000001', '9999999', '1e3', ' 1', '01', 'all'])
    refused({ limit: text }, 'InvalidRequest', /limit: .* give an integer from 1 to 1000000/);
  for (const text of ['', 'ASC', 'up']) refused({ order: text }, 'InvalidRequest', /order: .* give one of asc, desc/);
  refused(
    { 'time-format': 'rfc' },
    'InvalidRequest',
    /time-format: "rfc" is not allowed; give one of iso, ns, us, ms, s/,
  );
  for (const text of [
    '',
    'x',
    'AAAAAAAAAAAAAAA',
    'AAAAAAAAAAAAAAAA=',
    ' AAAAAAAAAAAAAAAA',
    'gAAAAAAAAAAAAAAA',
    'AAAAAAAAAAD_____',
    '!'.repeat(16),
  ]) {
    refused({ cursor: text }, 'InvalidRequest', /cursor: .* give the text of `next`/);
  }
  for (const other of [{ aggregation: 'avg' }, { 'interval-sec': '1' }, { 'group-by': 'host' }]) {
    refused({ cursor: encodeCursor(after), ...other }, 'InvalidRequest', /^The request does not .*cursor/);
  }
});

test('parameters that do not exist or may not be repeated', () => {
  refused(
    { interval: '60' },
    'InvalidRequest',
    /there is no parameter "interval"; there are from, until, aggregation, p, weight, interval-sec, field, group-by, where, order, limit, cursor, time-format$/,
  );
  for (const name of ['From', '__proto__', 'constructor', 'toString', '', '\0', 'where[]', 'x'.repeat(10_000)]) {
    refused(Object.fromEntries([[name, '1']]), 'InvalidRequest', /there is no parameter .*time-format$/);
  }
  for (const name of ['from', 'until', 'aggregation', 'interval-sec', 'order', 'limit', 'cursor', 'time-format']) {
    refused({ [name]: ['1', '1', '1'] }, 'InvalidRequest', new RegExp(`${name} is given 3 times; give it once`));
  }
});

test('hostile parameters are refused, each with a short sentence', () => {
  const many = Array.from({ length: 10_000 }, () => 'usage');
  refused({ from: many }, 'InvalidRequest', /from is given 10000 times/);
  refused({ field: many }, 'InvalidRequest', /field is given 10000 times/);
  refused({ 'group-by': many }, 'InvalidRequest', /group-by is given 10000 times/);
  refused({ where: many }, 'InvalidRequest', /where is given 10000 times; give conditions .* at most 100/);
  refused({ field: 'x'.repeat(1_000_000) }, 'InvalidRequest', /^.{0,300}$/);
  refused({ from: '9'.repeat(1_000_000) }, 'InvalidRequest', /^.{0,300}$/);
  refused({ where: `host=${'\\'.repeat(1_000_000)}` }, 'InvalidRequest', /^.{0,300}$/);
  refused({ where: 'host=a\0b' }, 'InvalidRequest', /where: .* without NUL/);
  refused({ field: 'us\0age' }, 'InvalidRequest', /field/);
  refused({ where: 'host=\ud800' }, 'InvalidRequest', /where: .* valid Unicode/);
  refused({ where: { host: 'a' } }, 'InvalidRequest', /where: .* give conditions/);
  refused({ where: [['host=a']] }, 'InvalidRequest', /where: /);
  refused({ from: { gt: '1' } }, 'InvalidRequest', /from: /);
  refused({ limit: null }, 'InvalidRequest', /limit: /);
  refused({ from: ['now'] }, 'InvalidRequest', /from is given 1 times/);
});

test('whatever is given, the answer is a spec or an error of the caller', () => {
  const text = fc.oneof(
    anyText,
    fc.stringMatching(/^[a-z0-9=<>!,\\:TZ.+-]{0,30}$/),
    fc.constantFrom('now', 'usage', 'host=a', '1', '-1d'),
  );
  const names = [
    ...[
      'from',
      'until',
      'aggregation',
      'interval-sec',
      'field',
      'group-by',
      'where',
      'order',
      'limit',
      'cursor',
      'time-format',
    ],
    'other',
  ];
  const raw = fc.dictionary(fc.constantFrom(...names), fc.oneof(text, fc.array(text, { maxLength: 3 })), {
    maxKeys: 4,
  });
  fc.assert(
    fc.property(raw, (parameters) => {
      try {
        const { spec } = buildSpec(cpu, parameters, nowNs);
        assert.ok(spec.fromNs < spec.toNs);
      } catch (error) {
        assert.ok(error instanceof ApiError && (error.status === 400 || error.status === 404), String(error));
      }
    }),
    { numRuns: 2000 },
  );
});

test('the newest values take field, where and time-format', () => {
  assert.deepEqual(latestRequestOf(cpu, { field: 'jobs', where: 'host=a', 'time-format': 'ms' }), {
    series: 'cpu',
    where: { tag: 'host', op: '=', value: 'a' },
    fields: ['jobs'],
    timeFormat: 'ms',
  });
  assert.throws(
    () => latestRequestOf(cpu, { from: 'now' }),
    /there is no parameter "from"; there are field, where, time-format, format, timeout-ms$/,
  );
});
