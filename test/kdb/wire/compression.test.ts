import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeMessage, encodeMessage } from '../../../src/kdb/codec.ts';
import { CodecError } from '../../../src/kdb/codec-error.ts';
import { decompress } from '../../../src/kdb/compression.ts';
import { compress } from '../compress.ts';

const limit = 1024 * 1024;

test('til 1000 takes the 3,276 bytes that https://code.kx.com/q/basics/internal/ gives for it', () => {
  const value = BigInt64Array.from({ length: 1_000 }, (_, i) => BigInt(i));
  const plain = encodeMessage(0, value);
  assert.equal(plain.length, 8_014);
  const packed = compress(plain);
  assert.equal(packed.length, 3_276);
  assert.deepEqual(decompress(packed, limit), plain);
  assert.deepEqual(decodeMessage(packed), { kind: 0, value });
});

const vectors: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 2_000 }),
  // Long runs, so that references overlap what they write.
  fc
    .array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 1, max: 600 })), { minLength: 1, maxLength: 20 })
    .map((runs) => Uint8Array.from(runs.flatMap(([byte, length]) => Array<number>(length).fill(byte)))),
);

test('what is compressed comes back', () => {
  fc.assert(
    fc.property(vectors, (bytes) => {
      const plain = encodeMessage(2, bytes);
      assert.deepEqual(decompress(compress(plain), limit), plain);
    }),
  );
});

test('damaged streams are CodecErrors', () => {
  fc.assert(
    fc.property(vectors, fc.nat(), fc.nat({ max: 255 }), fc.nat(), (bytes, at, byte, cut) => {
      const packed = compress(encodeMessage(2, bytes));
      packed[8 + (at % (packed.length - 8))] = byte;
      const damaged = packed.subarray(0, 12 + (cut % (packed.length - 11)));
      try {
        decompress(damaged, limit);
      } catch (error) {
        assert(error instanceof CodecError);
      }
    }),
  );
});

function refuse(title: string, total: number, stream: Buffer): void {
  test(`refused: ${title}`, () => {
    const message = Buffer.alloc(12 + stream.length);
    message.set([1, 2, 1, 0]);
    message.writeInt32LE(message.length, 4);
    message.writeInt32LE(total, 8);
    stream.copy(message, 12);
    assert.throws(() => decompress(message, limit), CodecError);
  });
}

refuse('a negative total', -1, Buffer.of(0, 0xff));
refuse('a total past the limit', limit + 1, Buffer.alloc(limit));
refuse('a total that so few bytes cannot give', 100_000, Buffer.of(1, 0, 255));
refuse('a reference past the total', 12, Buffer.of(1, 0, 255));
refuse('bytes behind the end', 9, Buffer.of(0, 0xff, 0, 0));
refuse('an end within a reference', 20, Buffer.of(1, 0));
