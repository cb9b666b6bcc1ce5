import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeMessage, encodeMessage } from '../../../src/kdb/codec.ts';
import { CodecError } from '../../../src/kdb/codec-error.ts';
import { qvalue } from './arbitraries.ts';

test('any value comes back', () => {
  fc.assert(
    fc.property(qvalue, fc.constantFrom(0, 1, 2), (value, kind) => {
      assert.deepEqual(decodeMessage(encodeMessage(kind, value)), { kind, value });
    }),
    { numRuns: 1_000 },
  );
});

/** Decoding may refuse, with a CodecError and nothing else. */
function survives(message: Buffer): void {
  try {
    decodeMessage(message, 1024 * 1024);
  } catch (error) {
    assert(error instanceof CodecError, String(error));
  }
}

function withHeader(body: Uint8Array, compressed = 0): Buffer {
  const message = Buffer.concat([Buffer.of(1, 1, compressed, 0, 0, 0, 0, 0), body]);
  message.writeInt32LE(message.length, 4);
  return message;
}

test('random bytes never crash', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.constantFrom(0, 1), (body, compressed) => {
      survives(withHeader(body, compressed));
    }),
    { numRuns: 1_000 },
  );
});

test('small counts and types at random never crash', () => {
  // Mostly bytes that mean something, so that many of them are read before one is refused.
  const byte = fc.oneof(
    fc.constantFrom(0, 0, 0, 1, 2, 10, 11, 98, 99, 100, 101, 104, 0xf5, 0xf9),
    fc.nat({ max: 255 }),
  );
  fc.assert(
    fc.property(fc.array(byte, { minLength: 1, maxLength: 200 }), (body) => {
      survives(withHeader(Uint8Array.from(body)));
    }),
    { numRuns: 1_000 },
  );
});

test('a valid message with a byte changed, or cut short, never crashes', () => {
  fc.assert(
    fc.property(qvalue, fc.nat(), fc.nat({ max: 255 }), fc.nat(), (value, at, byte, cut) => {
      const body = encodeMessage(1, value).subarray(8);
      survives(withHeader(body.subarray(0, 1 + (cut % body.length))));
      body[at % body.length] = byte;
      survives(withHeader(body));
    }),
    { numRuns: 1_000 },
  );
});

test('what is decoded does not share memory with the message', () => {
  const message = encodeMessage(1, [Uint8Array.of(1, 2, 3), Int32Array.from({ length: 50 }, (_, i) => i)]);
  const { value } = decodeMessage(message);
  message.fill(0xff);
  assert.deepEqual(value, [Uint8Array.of(1, 2, 3), Int32Array.from({ length: 50 }, (_, i) => i)]);
});
