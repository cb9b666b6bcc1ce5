import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeCollectd } from '../../src/ingest/collectd.ts';
import type { Batch } from '../../src/ingest/index.ts';
import { anyText } from '../any-text.ts';
import { pointsOf, record } from './points.ts';

function decode(body: string | Buffer, partial = false): Batch {
  return decodeCollectd(Buffer.from(body as string), { precision: 'ns', nowNs: 7n, partial });
}

const list = {
  values: [1, 2.5],
  dstypes: ['derive', 'derive'],
  dsnames: ['read', 'write'],
  time: 1_280_959_128.265,
  interval: 10,
  host: 'h',
  plugin: 'disk',
  plugin_instance: 'sda',
  type: 'disk_ops',
  type_instance: '',
};

test('a list of values is a point of its type', () => {
  const body = JSON.stringify([
    list,
    { ...list, plugin_instance: '', type: 'cpu', type_instance: 'idle', values: [3], dsnames: ['value'] },
  ]);
  assert.deepEqual(pointsOf(decode(body)), [
    {
      line: 1,
      series: 'disk_ops',
      tags: record([
        ['host', 'h'],
        ['plugin', 'disk'],
        ['plugin_instance', 'sda'],
      ]),
      fields: record([
        ['read', 1],
        ['write', 2.5],
      ]),
      time: 1_280_959_128_265_000_000n,
    },
    {
      line: 2,
      series: 'cpu',
      tags: record([
        ['host', 'h'],
        ['plugin', 'disk'],
        ['type_instance', 'idle'],
      ]),
      fields: record([['value', 3]]),
      time: 1_280_959_128_265_000_000n,
    },
  ]);
});

/** What stands in the list in place of what is there; the fields that come of it. */
const good: readonly (readonly [member: string, text: string, fields: Record<string, number>])[] = [
  ['values', '[18446744073709551615, -0]', { read: 2 ** 64, write: -0 }],
  ['values', '[null, 1e300]', { write: 1e300 }],
  ['meta', '{"network:received":true,"x":[{}]}', { read: 1, write: 2.5 }],
  ['h\\u006fst', '"h"', { read: 1, write: 2.5 }],
];

const withMember = (name: string, text: string): string =>
  JSON.stringify([list]).replace(/\}\]$/, `,"${name}":${text}}]`);

for (const [member, text, fields] of good)
  test(`${member} ${text}`, () => {
    const [point] = pointsOf(decode(withMember(member, text)));
    assert.deepEqual(point!.fields, record(Object.entries(fields)));
  });

for (const [text, timeNs] of [
  ['0', 0n],
  ['1.5', 1_500_000_000n],
  ['1.000', 1_000_000_000n],
  ['1700000000.123456789', 1_700_000_000_123_456_789n],
] as const)
  test(`time ${text}`, () => assert.equal(pointsOf(decode(withMember('time', text)))[0]!.time, timeNs));

const bad: readonly (readonly [member: string, text: string, code: string, column?: string])[] = [
  ['values', '[1]', 'InvalidPoint', 'values'],
  ['values', '[1,2,3]', 'InvalidPoint', 'values'],
  ['values', '[1,"2"]', 'InvalidValue', 'write'],
  ['values', '[1,{}]', 'InvalidValue', 'write'],
  ['values', '[1,1e999]', 'NotFinite', 'write'],
  ['values', '{}', 'InvalidPoint', 'values'],
  ['dsnames', '["read"]', 'InvalidPoint', 'values'],
  ['dsnames', '["read","read"]', 'InvalidPoint', 'dsnames'],
  ['dsnames', '["read",7]', 'InvalidPoint', 'dsnames'],
  ['dsnames', '["read","time"]', 'InvalidName', 'time'],
  ['dsnames', '[]', 'InvalidPoint', 'dsnames'],
  ['time', '"1"', 'InvalidTimestamp', 'time'],
  ['time', '-1', 'InvalidTimestamp', 'time'],
  ['time', '1e9', 'InvalidTimestamp', 'time'],
  ['time', '9999999999', 'TimeOutOfRange', 'time'],
  ['time', 'null', 'InvalidTimestamp', 'time'],
  ['host', '7', 'InvalidPoint', 'host'],
  ['plugin', 'null', 'InvalidPoint', 'plugin'],
  ['type', '[]', 'InvalidPoint', 'type'],
  ['type', '""', 'InvalidName'],
  ['type_instance', '"\\u0000"', 'InvalidValue', 'type_instance'],
];

for (const [member, text, code, column] of bad)
  test(`bad ${member} ${text} is named, and the others stay where they may`, () => {
    const body = `[${JSON.stringify(list)},${withMember(member, text).slice(1, -1)},${JSON.stringify(list)}]`;
    const { faults, parts } = decode(body);
    assert.deepEqual(
      faults.map((fault) => [fault.line, fault.code, fault.column]),
      [[2, code, column]],
    );
    assert.deepEqual(parts, []);
    const kept = pointsOf(decode(body, true));
    assert.deepEqual(
      kept.map(({ line, fields }) => [line, { ...fields }]),
      [
        [1, { read: 1, write: 2.5 }],
        [3, { read: 1, write: 2.5 }],
      ],
    );
  });

test('what has no values is no point, and no fault', () => {
  const { points, lines, faultCount } = decode(withMember('values', '[null,null]'));
  assert.deepEqual([points, lines, faultCount], [0, 0, 0]);
});

test('items that are no lists, and lists without what they need', () => {
  const { faults, lines } = decode('[1,[],null,{},{"labels":{},"annotations":{}}]');
  assert.equal(lines, 5);
  assert.deepEqual(
    faults.map(({ line, code }) => [line, code]),
    [1, 2, 3, 4, 5].map((line) => [line, 'InvalidPoint']),
  );
});

for (const [body, code] of [
  ['', 'InvalidJson'],
  ['[', 'InvalidJson'],
  ['[]]', 'InvalidJson'],
  ['[{"values":[1}]', 'InvalidJson'],
  [`[{"values":${'['.repeat(100_000)}`, 'InvalidJson'],
  ['{"values":[1]}', 'InvalidRequest'],
  ['PUTVAL h/cpu/cpu N:1', 'InvalidJson'],
  [Buffer.from([91, 34, 255, 34, 93]), 'InvalidJson'],
] as const)
  test(`${code}: ${String(body).slice(0, 40)}`, () => assert.throws(() => decode(body), { code }));

test('lists agree with JSON.parse', () => {
  const tag = anyText.filter((text) => !text.includes('\0'));
  const value = fc.option(fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0));
  fc.assert(
    fc.property(fc.array(fc.tuple(tag, tag, fc.tuple(value, value)), { maxLength: 8 }), (lists) => {
      const texts = lists.map(([host, type_instance, values]) =>
        JSON.stringify({ ...list, host, type_instance, values }),
      );
      const expected = lists.flatMap(([host, typeInstance, values], i) => {
        const fields = list.dsnames.flatMap((name, at) => (values[at] === null ? [] : [[name, values[at]!] as const]));
        const tags = Object.entries({
          host,
          type_instance: typeInstance,
          plugin: 'disk',
          plugin_instance: 'sda',
        }).filter(([, text]) => text !== '');
        return fields.length === 0 ? [] : [{ line: i + 1, tags: record(tags), fields: record(fields) }];
      });
      const found = pointsOf(decode(`[${texts}]`)).map(({ tags, fields }) => ({ tags, fields }));
      assert.deepEqual(
        found,
        expected.map(({ tags, fields }) => ({ tags, fields })),
      );
    }),
    { numRuns: 200 },
  );
});
