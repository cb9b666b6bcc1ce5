// Snappy's block format (https://github.com/google/snappy/blob/main/format_description.txt). hyparquet's reader of it never ends on some bytes: a
// literal whose length has its top bit set leads it back to where it was.

/** Longest varint of 32 bits. */
const maxLengthBytes = 5;
/** Up to here the length of a literal is in its tag. */
const maxShortLiteral = 60;

/** Throws a RangeError when it would become larger, a SyntaxError when it is none. */
export function unpackSnappy(packed: Buffer, maxBytes: number): Buffer {
  const { bytes, start } = declared(packed);
  if (bytes > maxBytes) throw new RangeError(`it becomes ${bytes} bytes`);
  const unpacked = Buffer.alloc(bytes);
  let to = 0;
  for (let pos = start; pos < packed.length; ) {
    const tag = packed[pos++]!;
    const kind = tag & 3;
    if (kind === 0) {
      const short = (tag >>> 2) + 1;
      const extra = Math.max(short - maxShortLiteral, 0);
      if (pos + extra > packed.length) throw cut();
      const length = extra === 0 ? short : packed.readUIntLE(pos, extra) + 1;
      pos += extra;
      if (length > packed.length - pos || length > bytes - to) throw cut();
      packed.copy(unpacked, to, pos, pos + length);
      pos += length;
      to += length;
      continue;
    }
    const offsetBytes = kind === 1 ? 1 : 2 * kind - 2;
    if (pos + offsetBytes > packed.length) throw cut();
    const low = packed.readUIntLE(pos, offsetBytes);
    const offset = kind === 1 ? low + ((tag >>> 5) << 8) : low;
    const length = kind === 1 ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1;
    pos += offsetBytes;
    if (offset === 0 || offset > to || length > bytes - to) throw cut();
    // It may overlap itself, and then repeats: copyWithin would not.
    for (const end = to + length; to < end; to++) unpacked[to] = unpacked[to - offset]!;
  }
  if (to !== bytes) throw cut();
  return unpacked;
}

/** What the block says that it becomes. */
function declared(packed: Buffer): { readonly bytes: number; readonly start: number } {
  let bytes = 0;
  for (let i = 0; i < Math.min(maxLengthBytes, packed.length); i++) {
    bytes += (packed[i]! & 127) * 2 ** (7 * i);
    if (packed[i]! < 128) return { bytes, start: i + 1 };
  }
  throw cut();
}

function cut(): SyntaxError {
  return new SyntaxError('it is damaged or cut off');
}
