import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AllowedTimes } from '../../src/ingest/allowed-times.ts';
import { refusedPoints, withoutRefused } from '../../src/ingest/faults.ts';
import { type Batch, decoderFor } from '../../src/ingest/index.ts';
import { EngineError, type EngineErrorCode } from '../../src/kdb/engine-error.ts';
import { pointsOf } from './points.ts';

const options = { precision: 'ns', nowNs: 0n } as const;

const lines = decoderFor('text/plain')(
  Buffer.from(
    ['cpu,host=a v=1 1', 'mem,host=a v=1i 1', 'cpu,host=b w=2 2', 'cpu v=3,w=3 3', 'cpu,rack=1 w=4 3'].join('\n'),
  ),
  options,
);

function check(batch: Batch, expected: number[] | null, code: EngineErrorCode, ...subjects: string[]): void {
  const refused = refusedPoints(batch, new EngineError(code, ...subjects));
  assert.deepEqual(refused?.faults.map(({ line }) => line) ?? null, expected, `${code} ${subjects}`);
  for (const fault of refused?.faults ?? []) {
    assert.equal(fault.code, code);
    assert.doesNotMatch(fault.message, /[<{]/);
  }
}

test('a refusal of the engine names the lines that caused it', () => {
  check(lines, [1, 4], 'FieldTypeClash', 'cpu', 'v', 'string', 'float');
  check(lines, [3, 4, 5], 'FieldNotDefined', 'cpu', 'w');
  check(lines, [1, 3], 'TagNotDefined', 'cpu', 'host');
  check(lines, [2], 'SeriesNotDefined', 'mem');
  check(lines, [5], 'TagFieldClash', 'cpu', 'rack');
  check(lines, [1, 4], 'TagFieldClash', 'cpu', 'v');
  check(lines, [1, 4], 'InvalidValue', 'cpu', 'v', 'is too good');
  check(lines, [4, 5], 'TimeOutOfRange', '3');
});

test('a refusal of the whole request names no line', () => {
  check(lines, null, 'TooManyTagSets', 'cpu', '1000');
  check(lines, null, 'TooManyFields', 'cpu', '1024');
  check(lines, null, 'StorageFull');
  check(lines, null, 'FieldTypeClash', 'other', 'v', 'long', 'float');
  check(lines, null, 'FieldNotDefined', 'cpu', 'other');
});

test('JSON numbers clash with a long field only where they are no integers', () => {
  const batch = decoderFor('application/json')(
    Buffer.from('{"series":"cpu","time":[1,2,3,4],"fields":{"v":[1,2.5,null,1e300],"w":[1,1,1,1]}}'),
    options,
  );
  check(batch, [2, 4], 'FieldTypeClash', 'cpu', 'v', 'long', 'number');
  check(batch, [1, 2, 4], 'FieldTypeClash', 'cpu', 'v', 'string', 'number');
});

test('the first hundred are named, all are counted', () => {
  const batch = decoderFor(undefined)(Buffer.from('cpu v=1\n'.repeat(300)), options);
  const refused = refusedPoints(batch, new EngineError('SeriesNotDefined', 'cpu'));
  assert.equal(refused?.faults.length, 100);
  assert.equal(refused?.faultCount, 300);
});

test('partial: what the engine refuses goes, with the tag sets and fields that nobody else gives', () => {
  const rest = withoutRefused(lines, new EngineError('FieldNotDefined', 'cpu', 'w'), 2)!;
  assert.deepEqual(
    pointsOf(rest).map(({ line }) => line),
    [1, 2],
  );
  assert.deepEqual(
    rest.parts.map(({ keyCount, fields }) => [keyCount, fields.map(({ name }) => name)]),
    [
      [1, ['v']],
      [1, ['v']],
    ],
  );
  assert.deepEqual([rest.faults.length, rest.faultCount], [2, 3]);
  assert.equal(withoutRefused(rest, new EngineError('StorageFull')), null);
});

const day = 86_400_000_000_000n;
const nowNs = 100n * day;
const atDays = (count: bigint): string => `${count * day}`;

/** By content type: the same five points, on lines 1 to 5; the second is too old, the fourth too far ahead, the last has no value. */
const timed: Readonly<Record<string, string>> = {
  'text/plain': [
    `t,h=a v=1 ${atDays(95n)}`,
    `t,h=b v=1 ${nowNs - 10n * day - 1n}`,
    `t,h=a v=1 ${nowNs + day}`,
    `t,h=a v=1 ${nowNs + day + 1n}`,
    `t,h=a v= ${atDays(95n)}`,
  ].join('\n'),
  'application/json': `{"series":"t","tags":{"h":"a"},"time":[${[
    atDays(95n),
    nowNs - 10n * day - 1n,
    nowNs + day,
    nowNs + day + 1n,
    atDays(95n),
  ]}],"fields":{"v":[1,1,1,1,null]}}`,
  'application/x-ndjson': [atDays(95n), atDays(1n), atDays(101n), atDays(102n), '"x"']
    .map((time) => `{"series":"t","time":${time},"tags":{"h":"a"},"fields":{"v":1}}`)
    .join('\n'),
};

for (const [type, body] of Object.entries(timed)) {
  test(`${type}: times outside of what the database takes are named; the others stay when that is asked for`, () => {
    const times = new AllowedTimes({ retentionDays: 10, futureHours: 24 }, nowNs);
    const decode = (partial: boolean): Batch =>
      decoderFor(type)(Buffer.from(body), { precision: 'ns', nowNs, times, partial });
    for (const partial of [false, true]) {
      const { faults, faultCount, lines: all } = decode(partial);
      assert.deepEqual(
        faults.slice(0, 2).map(({ line, series, column, code }) => [line, series, column, code]),
        [
          [2, 't', 'time', 'OlderThanRetention'],
          [4, 't', 'time', 'TooFarInFuture'],
        ],
      );
      assert.match(faults[0]!.message, /^19\S+Z is older than the 10 days/);
      assert.match(faults[1]!.message, /more than 24 hours in the future/);
      assert.deepEqual([faults[2]!.line, faultCount, all], [5, 3, 5]);
    }
    assert.deepEqual(decode(false).parts, []);
    assert.deepEqual(
      pointsOf(decode(true)).map(({ line }) => line),
      [1, 3],
    );
    assert.equal(decode(true).parts[0]!.keyCount, 1);
  });
}

test('decoders by content type', () => {
  const accepts = (type: string | undefined, body: string) => {
    assert.equal(decoderFor(type)(Buffer.from(body), options).points, 1, type);
  };
  for (const type of [undefined, '', 'text/plain', 'Text/Plain; charset=utf-8', 'application/x-www-form-urlencoded']) {
    accepts(type, 'cpu v=1');
  }
  for (const type of ['application/json', 'application/json;charset=UTF-8']) {
    accepts(type, '{"series":"cpu","fields":{"v":1}}');
  }
  for (const type of ['text/html', 'constructor', 'json']) {
    assert.throws(() => decoderFor(type), { code: 'UnsupportedMediaType' });
  }
});
