import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { CallCodec } from '../../../src/kdb/calls/grammar.ts';
import { GrammarFault } from '../../../src/kdb/calls/grammar.ts';
import { badCall, codecs, readRequest, requestFrame } from '../../../src/kdb/calls/index.ts';
import { decodeMessage, encodeMessage } from '../../../src/kdb/codec.ts';
import { calls } from '../../../src/kdb/contract.ts';
import { EngineError, engineErrorCodes } from '../../../src/kdb/engine-error.ts';
import type { QValue } from '../../../src/kdb/qvalue.ts';
import * as any from './arbitraries.ts';

// Every call: what is encoded comes back, arguments and reply, and a damaged message is refused by name.

const runs = { numRuns: 60 };
const nothing = fc.constant(undefined);
const position = any.record({ generation: any.long, offset: any.long });
/** With what it must have seen, or without. */
const seen = <Spec extends object>(specs: fc.Arbitrary<Spec>): fc.Arbitrary<Spec> =>
  fc.tuple(specs, fc.option(position)).map(([spec, place]) => (place ? { ...spec, position: place } : spec));
const refusal = fc.constantFrom(
  new EngineError('StorageFull'),
  new EngineError('FieldTypeClash', 'cpu', 'usage', 'float', 'string'),
);

const hello = any.record({
  contract: fc.nat(),
  engine: any.symbol,
  schema: fc.constantFrom('flexible' as const, 'strict' as const),
  catalogueVersion: any.long,
  maxTagSets: any.long,
});
const tagValues = fc.array(fc.tuple(any.symbol, any.int), { maxLength: 5 }).chain((pairs) =>
  any.record({
    tag: any.symbol,
    values: fc.constant(pairs.map(([value]) => value)),
    tagSets: fc.constant(Int32Array.from(pairs, ([, count]) => count)),
  }),
);
const name = fc.option(any.symbol.filter((text) => text !== ''));
const pageSpec = any.record({ after: name, limit: fc.nat() });
const seriesPage = any.record({ series: fc.array(any.info, { maxLength: 3 }), next: name });
const stats = any.record({
  bytesPerVolume: fc.array(any.long).map((items) => BigInt64Array.from(items)),
  journalBytes: any.long,
  hotRows: any.long,
  lateRows: any.long,
  parts: any.long,
  journalEnd: fc.option(any.record({ generation: fc.bigInt({ min: 0n, max: 2n ** 40n }), offset: any.long })),
  checkpointNs: fc.option(fc.bigInt({ min: 0n, max: 2n ** 62n })),
});
const compaction = any.record({
  parts: any.long,
  into: any.long,
  bytesBefore: any.long,
  bytesAfter: any.long,
  left: any.long,
});
const deletion = any.record({
  series: any.symbol,
  fromNs: any.long,
  toNs: any.long,
  where: fc.option(any.filter),
  dryRun: fc.boolean(),
});
const explanation = any.record({
  rows: any.long,
  parts: any.long,
  bytesPerVolume: fc.array(any.long).map((bytes) => BigInt64Array.from(bytes)),
  bytesCached: any.long,
  hotRows: any.long,
  lateRows: any.long,
  readNs: any.long,
  totalNs: any.long,
});
const latest = any.record({
  series: any.symbol,
  where: fc.option(any.filter),
  fields: fc.uniqueArray(any.name, { maxLength: 4 }),
});
const names = fc.uniqueArray(any.name, { maxLength: 4 });
const asof = any.record({
  series: any.symbol,
  fromNs: any.long,
  toNs: any.long,
  where: fc.option(any.filter),
  fields: names,
  by: names,
  other: any.record({ series: any.symbol, where: fc.option(any.filter), fields: names }),
  toleranceNs: fc.option(fc.bigInt(0n, 2n ** 63n - 1n)),
  order: fc.constantFrom('asc' as const, 'desc' as const),
  limit: fc.maxSafeNat(),
  after: fc.option(any.cursor),
});
const backupFile = any.record({
  volume: fc.nat(),
  path: fc.string({ unit: 'binary' }),
  bytes: any.long,
  sha256: fc.string(),
});
const dropping = any.record({
  series: any.symbol,
  catalogueVersion: fc.option(fc.bigInt({ min: 0n, max: 2n ** 63n - 1n })),
});
const tailSpec = any.record({ series: any.symbol, generation: any.long, offset: any.long, maxRows: fc.nat() });
const tail = any.record({ points: fc.array(any.part, { maxLength: 2 }), generation: any.long, offset: any.long });

function check<Arguments, Reply>(
  codec: CallCodec<Arguments, Reply>,
  given: fc.Arbitrary<Arguments>,
  reply: fc.Arbitrary<Reply>,
): void {
  test(`${codec.name}: arguments`, () => {
    fc.assert(
      fc.property(given, (expected) => {
        const request = readRequest(decodeMessage(requestFrame(codec, expected)).value);
        assert.equal(request.name, codec.name);
        assert.deepEqual(codec.decodeArguments(request.given), expected);
      }),
      runs,
    );
  });
  test(`${codec.name}: reply`, () => {
    fc.assert(
      fc.property(reply, (expected) => {
        const { value } = decodeMessage(encodeMessage(2, codec.encodeReply(expected)));
        assert.deepEqual(codec.decodeReply(value as QValue), expected);
      }),
      runs,
    );
  });
  test(`${codec.name}: a damaged request is refused by name`, () => {
    fc.assert(
      fc.property(given, fc.nat(), fc.nat({ max: 255 }), (expected, at, byte) => {
        const frame = requestFrame(codec, expected);
        frame[8 + (at % (frame.length - 8))] = byte;
        try {
          const request = readRequest(decodeMessage(frame).value);
          const decoding: CallCodec<unknown, unknown> = codecs[request.name];
          decoding.decodeArguments(request.given);
        } catch (error) {
          const seen = badCall(codec.name, error);
          assert(seen instanceof EngineError, String(error));
          assert(seen.code in engineErrorCodes);
        }
      }),
      runs,
    );
  });
  test(`${codec.name}: a reply of another type is refused`, () => {
    fc.assert(
      fc.property(any.qvalue, (value) => {
        try {
          codec.decodeReply(value);
        } catch (error) {
          assert(error instanceof GrammarFault || error instanceof EngineError, String(error));
        }
      }),
      runs,
    );
  });
}

test('every call of the contract has a codec of its name', () => {
  assert.deepEqual(Object.keys(codecs).sort(), Object.keys(calls).sort());
  for (const [name, codec] of Object.entries(codecs)) assert.equal(codec.name, name);
});

check(codecs['.tsg.hello'], nothing, hello);
check(codecs['.tsg.define'], any.definition, any.info);
check(codecs['.tsg.drop'], dropping, nothing);
check(codecs['.tsg.describe'], any.symbol, any.info);
check(codecs['.tsg.insert'], any.batch, any.receipt);
check(
  codecs['.tsg.inserts'],
  fc.array(any.batch, { maxLength: 3 }),
  fc.array(fc.oneof(any.receipt, refusal), { maxLength: 5 }),
);
check(codecs['.tsg.query'], seen(any.querySpec), any.result);
check(codecs['.tsg.explain'], seen(any.querySpec), explanation);
check(codecs['.tsg.latest'], seen(latest), any.result);
check(codecs['.tsg.asof'], seen(asof), any.result);
check(codecs['.tsg.tags'], seen(any.record({ series: any.symbol })), fc.array(tagValues, { maxLength: 4 }));
check(codecs['.tsg.series'], seen(pageSpec), seriesPage);
check(codecs['.tsg.stats'], nothing, stats);
check(codecs['.tsg.delete'], deletion, any.long);
check(codecs['.tsg.retain'], any.long, any.long);
check(codecs['.tsg.compact'], nothing, compaction);
check(codecs['.tsg.checkpoint'], nothing, nothing);
check(codecs['.tsg.backup'], any.symbol, fc.array(backupFile, { maxLength: 4 }));
check(codecs['.tsg.tail'], tailSpec, tail);
