import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nameFault } from '../../src/base/limits.ts';
import { decodeLineProtocol } from '../../src/ingest/line-protocol.ts';
import { anyText, anyTextNotEmpty } from '../any-text.ts';
import { type Point, pointsOf, record, type Value } from './points.ts';
import { readLineProtocol } from './reference-line-protocol.ts';

const nowNs = 1_700_000_000_123_456_789n;
const maxLong = 2n ** 63n - 1n;

function agrees(body: Buffer): void {
  const batch = decodeLineProtocol(body, { precision: 'us', nowNs });
  const expected = readLineProtocol(body, nowNs, 1000n);
  if (expected.badLines.length === 0 && expected.clash) {
    assert.ok(batch.faultCount > 0);
    assert.ok(batch.faults.every(({ code }) => code === 'TagFieldClash'));
    return;
  }
  const named = batch.faults.map(({ line }) => line);
  assert.deepEqual(named, expected.badLines.slice(0, 100));
  assert.equal(batch.faultCount, expected.badLines.length);
  assert.equal(batch.lines, expected.badLines.length + expected.points.length);
  if (batch.faultCount === 0) assert.deepEqual(pointsOf(batch), expected.points);
}

// What no escape can write: a backslash at the end would escape what follows, a newline ends the line, # begins a comment.
const name = anyTextNotEmpty.filter((text) => !nameFault(text) && text !== 'time' && !/\\$|^#/.test(text));
const tagValue = anyTextNotEmpty.filter((text) => !/\\$|[\n\0]/.test(text));
const long = fc.bigInt({ min: -maxLong, max: maxLong });
const float = fc.double({ noNaN: true, noDefaultInfinity: true });
const value: fc.Arbitrary<Value> = fc.oneof(long, float, fc.boolean(), anyText);
const point = fc.record({
  series: fc.oneof(name, fc.constantFrom('cpu', 'mem')),
  tags: fc.dictionary(fc.oneof(name, fc.constantFrom('a', 'b')), tagValue, { maxKeys: 4 }),
  fields: fc.dictionary(fc.oneof(name, fc.constantFrom('v', 'w')), value, { minKeys: 1, maxKeys: 4 }),
  time: fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }),
});

function escaped(text: string): string {
  return text.replace(/[,= ]/g, '\\$&');
}

function written({ series, tags, fields, time }: Omit<Point, 'line'>): string {
  const values = Object.entries(fields).map(([name, value]) => `${escaped(name)}=${writtenValue(value)}`);
  const prefix = [
    series.replace(/[, ]/g, '\\$&'),
    ...Object.entries(tags).map(([name, value]) => `${escaped(name)}=${escaped(value)}`),
  ];
  return `${prefix.join()} ${values.join()} ${time}`;
}

function writtenValue(value: Value): string {
  if (typeof value === 'bigint') return `${value}i`;
  if (typeof value === 'string') return `"${value.replace(/["\\]/g, '\\$&')}"`;
  return Object.is(value, -0) ? '-0' : `${value}`;
}

test('a point written and read is the same', () => {
  fc.assert(
    fc.property(point, (given) => {
      fc.pre(Object.keys(given.tags).every((tag) => !Object.hasOwn(given.fields, tag)));
      const batch = decodeLineProtocol(Buffer.from(written(given)), { precision: 'ns', nowNs });
      assert.deepEqual(batch.faults, []);
      const tags = record(Object.entries(given.tags));
      assert.deepEqual(pointsOf(batch), [{ ...given, line: 1, tags, fields: record(Object.entries(given.fields)) }]);
    }),
    { numRuns: 500 },
  );
});

test('requests of valid points agree with the reference', () => {
  fc.assert(
    fc.property(fc.array(point, { maxLength: 12 }), (points) => agrees(Buffer.from(points.map(written).join('\n')))),
    { numRuns: 300 },
  );
});

const repeating = fc.constantFrom(
  'cpu,host=a,rack=1 v=1,w=2i 1000',
  'cpu,host=b,rack=1 v=1.5,w=3i 2000\r',
  'cpu,host=a w=7i,v=2',
  'cpu,rack=1,host=a v=-3e2,w=12345678901i,x=t 5',
  'mem,host=a free="lots, \\"really\\"\nyes",used=5i 3000',
  '# comment "',
  '',
  'cp\\ u,h\\,o=\\=a v\\ w=.5,s="\\\\" 17',
);
const fragment = fc.constantFrom(
  ...'cvw=,= " \\\n\r#ti1-5.e0"=',
  '\\"',
  '="',
  '=\\"',
  'é',
  '\u0000',
  'nan',
  '9'.repeat(18),
);

/** A body, and where other text is put into it in place of some bytes. */
const mutated = fc
  .tuple(
    fc.array(repeating, { minLength: 1, maxLength: 8 }),
    fc.array(fc.tuple(fc.nat(), fc.nat(3), fragment), { maxLength: 6 }),
  )
  .map(([lines, changes]) => {
    let body = lines.join('\n');
    for (const [at, removed, inserted] of changes) {
      const place = at % (body.length + 1);
      body = body.slice(0, place) + inserted + body.slice(place + removed);
    }
    return Buffer.from(body);
  });

test('mutated requests agree with the reference', () => {
  fc.assert(fc.property(mutated, agrees), { numRuns: 3000 });
});

test('text made of the grammar agrees with the reference', () => {
  const text = fc.array(fragment, { maxLength: 60 }).map((parts) => Buffer.from(parts.join('')));
  fc.assert(fc.property(text, agrees), { numRuns: 3000 });
});

test('random bytes agree with the reference', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => agrees(Buffer.from(bytes))),
    { numRuns: 2000 },
  );
  const prefixed = fc.tuple(repeating, fc.uint8Array({ maxLength: 40 }), repeating);
  fc.assert(
    fc.property(prefixed, ([before, bytes, after]) =>
      agrees(Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from(`\n${after}`)])),
    ),
    { numRuns: 2000 },
  );
});
