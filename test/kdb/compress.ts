// The sending side of q's compression, which the product does not need: it only reads.

/** The message compressed, however long it becomes (q itself sends it only when it is less than half). */
export function compress(plain: Buffer): Buffer {
  const out = Buffer.alloc(12 + Math.ceil(((plain.length - 8) * 9) / 8) + 1);
  plain.copy(out, 0, 0, 4);
  out[2] = 1;
  out.writeInt32LE(plain.length, 8);
  const seen = new Int32Array(256);
  // The pair that a literal begins is known to the reader once the byte behind it is there, so it counts one step later.
  let literal = { hash: 0, at: 0 };
  let at = 8;
  let end = 12;
  let flagsAt = 12;
  for (let item = 0; at < plain.length; item = (item + 1) % 8) {
    if (item === 0) flagsAt = end++;
    const hash = at + 1 < plain.length ? plain[at]! ^ plain[at + 1]! : 0;
    const earlier = seen[hash]!;
    const matches = at <= plain.length - 3 && earlier > 0 && plain[earlier] === plain[at];
    if (literal.at > 0) seen[literal.hash] = literal.at;
    literal = { hash: 0, at: 0 };
    if (!matches) {
      literal = { hash, at };
      out[end++] = plain[at++]!;
      continue;
    }
    seen[hash] = at;
    let length = 0;
    while (length < 255 && at + 2 + length < plain.length && plain[earlier + 2 + length] === plain[at + 2 + length])
      length++;
    out[flagsAt]! |= 1 << item;
    out[end++] = hash;
    out[end++] = length;
    at += 2 + length;
  }
  out.writeInt32LE(end, 4);
  return out.subarray(0, end);
}
