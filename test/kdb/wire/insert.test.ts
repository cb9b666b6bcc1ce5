import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { maxFieldsPerSeries, maxStringBytes, maxTagsPerSeries, maxTagValueBytes } from '../../../src/base/limits.ts';
import { requestFrame } from '../../../src/kdb/calls/index.ts';
import { decodeInsertFrame, insert, inserts, joinedBytes, joinInserts } from '../../../src/kdb/calls/insert.ts';
import type { FieldColumn, FieldValues, InsertPart } from '../../../src/kdb/engine.ts';
import { EngineError } from '../../../src/kdb/engine-error.ts';
import { call, q } from '../ipc-client.ts';
import * as any from './arbitraries.ts';

// What an insert must be, checked by who sends it and again by who gets it.

const id = new Uint8Array(16);

function field(name: string, data: FieldValues, validity: Uint8Array | null = null): FieldColumn {
  return { name, validity, data };
}

const good: InsertPart = {
  series: 'cpu',
  tagNames: ['host', 'region'],
  keys: [
    ['a', 'b'],
    ['', 'eu'],
  ],
  keyCount: 2,
  row: Int32Array.of(0, 1, 1),
  timeNs: BigInt64Array.of(-1n, 0n, 2n ** 62n),
  fields: [
    field('usage', { type: 'float', values: Float64Array.of(0.1, -0, Number.NaN) }, Uint8Array.of(1, 1, 0)),
    field('note', { type: 'string', values: { lengths: Int32Array.of(2, 0, 1), bytes: Uint8Array.of(1, 2, 3) } }),
  ],
};

test('a good part goes through', () => {
  const batch = { batchId: id, parts: [good] };
  assert.deepEqual(decodeInsertFrame(requestFrame(insert, batch)), [batch]);
});

/** The part with a change is refused before it is sent. */
function refuse(title: string, change: Partial<InsertPart>, expected: string): void {
  test(`not sent: ${title}`, () => {
    assert.throws(
      () => requestFrame(insert, { batchId: id, parts: [{ ...good, ...change }] }),
      (error) => {
        assert(error instanceof EngineError, String(error));
        assert.match(error.toWire(), new RegExp(`^${expected}`));
        return true;
      },
    );
  });
}

const floats = (length: number): FieldValues => ({ type: 'float', values: new Float64Array(length) });
const strings = (lengths: number[], bytes: number): FieldValues => ({
  type: 'string',
  values: { lengths: Int32Array.from(lengths), bytes: new Uint8Array(bytes) },
});
const manyNames = (count: number): string[] => Array.from({ length: count }, (_, i) => `n${i}`);

refuse('a series without a name', { series: '' }, 'InvalidName\t\tis empty');
refuse('a series with a control character', { series: 'a\nb' }, 'InvalidName');
refuse('a series name of 256 bytes', { series: 'é'.repeat(128) }, 'InvalidName');
refuse('a tag named time', { tagNames: ['host', 'time'] }, 'InvalidName\ttime');
refuse('a field named time', { fields: [field('time', floats(3))] }, 'InvalidName\ttime');
refuse('a tag twice', { tagNames: ['host', 'host'] }, 'BadCall');
refuse('a field twice', { fields: [field('a', floats(3)), field('a', floats(3))] }, 'BadCall');
refuse('a name as tag and field', { fields: [field('host', floats(3))] }, 'TagFieldClash\tcpu\thost');
refuse('no field', { fields: [] }, 'BadCall');
refuse('no point', { row: Int32Array.of(), timeNs: BigInt64Array.of(), fields: [field('a', floats(0))] }, 'BadCall');
refuse('a time too few', { timeNs: BigInt64Array.of(1n) }, 'BadCall');
refuse('a column too short', { fields: [field('a', floats(2))] }, 'BadCall');
refuse('a validity too short', { fields: [field('a', floats(3), Uint8Array.of(1))] }, 'BadCall');
refuse('a validity of 2', { fields: [field('a', floats(3), Uint8Array.of(0, 1, 2))] }, 'BadCall');
refuse('a boolean of 2', { fields: [field('a', { type: 'boolean', values: Uint8Array.of(0, 1, 2) })] }, 'BadCall');
refuse('a row behind the keys', { row: Int32Array.of(0, 1, 2) }, 'BadCall');
refuse('a negative row', { row: Int32Array.of(0, -1, 0) }, 'BadCall');
refuse('a key column too few', { keys: [['a', 'b']] }, 'BadCall');
refuse('a key column too short', { keys: [['a', 'b'], ['c']] }, 'BadCall');
refuse('two tag sets without tags', { tagNames: [], keys: [] }, 'BadCall');
refuse(
  'a tag value with NUL',
  {
    keys: [
      ['a', 'b'],
      ['c', 'd\0'],
    ],
  },
  'BadCall',
);
refuse(
  'half a surrogate pair',
  {
    keys: [
      ['a', 'b'],
      ['c', '\udc00'],
    ],
  },
  'BadCall',
);
refuse(
  'a tag value too long',
  {
    keys: [
      ['a', 'b'],
      ['c', 'é'.repeat(maxTagValueBytes / 2 + 1)],
    ],
  },
  'InvalidValue\tcpu\tregion',
);
refuse('string lengths that do not add up', { fields: [field('a', strings([1, 1, 1], 4))] }, 'BadCall');
refuse('a negative string length', { fields: [field('a', strings([5, -1, 0], 4))] }, 'BadCall');
refuse(
  'a string too long',
  { fields: [field('a', strings([0, maxStringBytes + 1, 0], maxStringBytes + 1))] },
  'InvalidValue\tcpu\ta',
);
refuse('too many tags', { tagNames: manyNames(maxTagsPerSeries + 1) }, `TooManyFields\tcpu\t${maxTagsPerSeries}`);
refuse(
  'too many fields',
  { fields: manyNames(maxFieldsPerSeries + 1).map((name) => field(name, floats(3))) },
  `TooManyFields\tcpu\t${maxFieldsPerSeries}`,
);

test('not sent: a batch id of 15 bytes', () => {
  assert.throws(() => requestFrame(insert, { batchId: new Uint8Array(15), parts: [good] }), /BadCall/);
});

/** Bytes of another sender: the items of a part, of which one is changed. */
function sent(change: Readonly<Record<number, Buffer>>): Buffer {
  const items = [
    q.s('cpu'),
    q.S('host'),
    q.list(q.S('a', 'b')),
    q.I(0, 1),
    q.J(1n, 2n),
    q.S('v'),
    q.C('f'),
    q.list(q.null),
    q.list(q.F(1, 2)),
  ];
  return call('.tsg.insert', q.g(id), q.list(q.list(...items.map((item, i) => change[i] ?? item))));
}

test('a part from another sender', () => {
  const [batch] = decodeInsertFrame(sent({}));
  assert.deepEqual(batch!.parts[0]!.keys, [['a', 'b']]);
});

function refuseSent(title: string, frame: Buffer, expected = 'BadCall'): void {
  test(`not taken: ${title}`, () => {
    assert.throws(
      () => decodeInsertFrame(frame),
      (error) => error instanceof EngineError && error.code === expected,
    );
  });
}

refuseSent('times as floats', sent({ 4: q.F(1, 2) }));
refuseSent('longs where the type says float', sent({ 8: q.list(q.J(1n, 2n)) }));
refuseSent('a type that does not exist', sent({ 6: q.C('x') }));
refuseSent('a type too many', sent({ 6: q.C('ff') }));
refuseSent('a column too many', sent({ 8: q.list(q.F(1, 2), q.F(1, 2)) }));
refuseSent('a validity too few', sent({ 7: q.list() }));
refuseSent('keys that are no lists', sent({ 2: q.list(q.j(1n)) }));
refuseSent('rows as longs', sent({ 3: q.J(0n, 1n) }));
refuseSent('a series as text', sent({ 0: q.C('cpu') }));
refuseSent('a field named time', sent({ 5: q.S('time') }), 'InvalidName');
refuseSent('a row behind the keys', sent({ 3: q.I(0, 2) }));
refuseSent('no part', call('.tsg.insert', q.g(id), q.list()));
refuseSent('no batch id', call('.tsg.insert', q.list()));
refuseSent('another call', call('.tsg.tags', q.s('cpu')));

test('joined messages are what their batches together would make', () => {
  fc.assert(
    fc.property(fc.array(any.batch, { minLength: 1, maxLength: 4 }), (batches) => {
      const frames = batches.map((batch) => requestFrame(insert, batch));
      const joined = joinInserts(frames);
      assert.deepEqual(joined, requestFrame(inserts, batches));
      assert.deepEqual(decodeInsertFrame(joined), batches);
      const added = frames.reduce((sum, frame) => sum + joinedBytes(frame), 0);
      assert.equal(joined.length - added, joinInserts([]).length);
    }),
    { numRuns: 60 },
  );
});
