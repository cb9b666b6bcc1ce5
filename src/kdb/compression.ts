import { CodecError } from './codec-error.ts';

// q compresses a reply of more than 2,000 bytes to a peer on another host. The stream begins at byte 12: a flag byte for 8 items (lowest bit
// first), where a clear bit is a literal byte and a set bit is a back reference: hash, length. The hash table holds, per XOR of two neighbouring
// bytes, where that pair was seen last. https://code.kx.com/q/basics/ipc/#compression

const headerBytes = 8;
const streamStart = 12;

/** The message without compression, header included. */
export function decompress(message: Buffer, maxBytes: number): Buffer {
  if (message.length < streamStart) throw new CodecError('a compressed message has no length');
  const total = message.readInt32LE(8);
  // A reference of 2 bytes gives at most 257; anything that claims more is not worth the allocation.
  if (total < headerBytes || total > maxBytes || total > headerBytes + (message.length - streamStart) * 129)
    throw new CodecError(`a compressed message claims ${total} bytes`);
  const out = Buffer.allocUnsafe(total);
  out.fill(0, 0, headerBytes);
  expand(message, out);
  message.copy(out, 0, 0, headerBytes);
  out[2] = 0;
  out.writeInt32LE(total, 4);
  return out;
}

function expand(from: Buffer, out: Buffer): void {
  const seen = new Int32Array(256);
  let read = streamStart;
  let written = headerBytes;
  let hashed = headerBytes;
  let flags = 0;
  let bit = 256;
  while (written < out.length) {
    if (bit === 256) {
      if (read >= from.length) throw new CodecError('a compressed message ends early');
      flags = from[read++]!;
      bit = 1;
    }
    let copied = 0;
    if (flags & bit) {
      if (read + 2 > from.length) throw new CodecError('a compressed message ends early');
      const source = seen[from[read]!]!;
      copied = from[read + 1]!;
      read += 2;
      if (written + 2 + copied > out.length) throw new CodecError('a compressed message is longer than it says');
      // One by one: source and target may overlap.
      for (let i = 0; i < 2 + copied; i++) out[written + i] = out[source + i]!;
      written += 2;
    } else {
      if (read >= from.length) throw new CodecError('a compressed message ends early');
      out[written++] = from[read++]!;
    }
    for (; hashed < written - 1; hashed++) seen[out[hashed]! ^ out[hashed + 1]!] = hashed;
    if (flags & bit) {
      written += copied;
      hashed = written;
    }
    bit *= 2;
  }
  if (read !== from.length) throw new CodecError('a compressed message goes on behind its end');
}
