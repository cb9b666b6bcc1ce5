import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeMessage } from '../../../src/kdb/codec.ts';
import { CodecError } from '../../../src/kdb/codec-error.ts';
import { FrameReader } from '../../../src/kdb/frame.ts';
import { Chars } from '../../../src/kdb/qvalue.ts';

const messages = ['', 'a', 'bb', 'x'.repeat(300)].map((text) => encodeMessage(1, Chars.of(text)));
const stream = Buffer.concat(messages);

function cut(chunks: readonly Buffer[], maxBytes = 1_000): Buffer[] {
  const frames: Buffer[] = [];
  const reader = new FrameReader(maxBytes, (frame) => frames.push(frame));
  for (const chunk of chunks) reader.push(chunk);
  assert(reader.empty);
  return frames;
}

test('split at any byte', () => {
  for (let at = 0; at <= stream.length; at++)
    assert.deepEqual(cut([stream.subarray(0, at), stream.subarray(at)]), messages);
});

test('in pieces of any size', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: stream.length }), { maxLength: 30 }), (cuts) => {
      const edges = [0, ...cuts.sort((a, b) => a - b), stream.length];
      const chunks = edges.slice(1).map((edge, i) => stream.subarray(edges[i], edge));
      assert.deepEqual(cut(chunks), messages);
    }),
  );
});

test('byte by byte', () => {
  assert.deepEqual(cut([...stream].map((byte) => Buffer.of(byte))), messages);
});

function refuse(title: string, header: string, maxBytes = 1_000): void {
  test(`refused: ${title}`, () => {
    assert.throws(() => cut([Buffer.from(header, 'hex')], maxBytes), CodecError);
    assert.throws(
      () =>
        cut(
          [...Buffer.from(header, 'hex')].map((byte) => Buffer.of(byte)),
          maxBytes,
        ),
      CodecError,
    );
  });
}

refuse('big endian', '0001000000000010');
refuse('an unknown kind', '0103000010000000');
refuse('an unknown compression', '0101020010000000');
refuse('a length of more than 32 bits', '0101000110000000');
refuse('a length of nothing', '0101000008000000');
refuse('a length past the limit', '01010000e9030000');
refuse('the longest length there is', '01010000ffffffff');

test('a long claim costs nothing before its bytes come', () => {
  const before = process.memoryUsage().rss;
  const readers = Array.from({ length: 20 }, () => {
    const reader = new FrameReader(256 * 1024 * 1024, () => {});
    reader.push(Buffer.from('0101000000000010', 'hex'));
    return reader;
  });
  assert.equal(readers.length, 20);
  assert(process.memoryUsage().rss - before < 64 * 1024 * 1024);
});
