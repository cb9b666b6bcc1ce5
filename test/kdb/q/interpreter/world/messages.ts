// Messages between processes [basics/ipc]: 1, kind, compressed, 0, length of all, then the value; an error is -128 and a text.

import { fail, type Q, Signal } from '../values.ts';
import { Deserialiser, type Functions } from './deserialise.ts';
import { serialise } from './serialise.ts';

export const kinds = { async: 0, sync: 1, response: 2 } as const;
const headerBytes = 8;
/** Of capability 3, which is what is offered here. */
const maxBytes = 2 ** 31 - 1;

export function frame(kind: number, body: Uint8Array): Buffer {
  const length = headerBytes + body.length;
  if (length > maxBytes) return fail('limit');
  const header = Buffer.from([1, kind, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32LE(length, 4);
  return Buffer.concat([header, body]);
}

export const message = (kind: number, value: Q): Buffer => frame(kind, serialise(value));

/** Its bytes up to the first NUL. */
export function errorMessage(text: string): Buffer {
  const end = text.indexOf('\0');
  return frame(kinds.response, Buffer.from(`\x80${end < 0 ? text : text.slice(0, end)}\0`, 'latin1'));
}

/** What a whole message says. */
export function contentOf(frame: Buffer, functions: Functions): Q | Signal {
  const plain = expanded(frame);
  if (plain.readInt8(headerBytes) === -128)
    return new Signal(plain.toString('latin1', headerBytes + 1, plain.length - 1));
  const reader = new Deserialiser(plain, functions, headerBytes);
  const value = reader.value();
  return reader.isAtEnd ? value : fail('badmsg');
}

/** Cuts a stream into messages. Another byte order than this machine's is refused. */
export class Cutter {
  #held: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): Buffer[] {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const whole: Buffer[] = [];
    while (this.#held.length >= headerBytes) {
      const length = this.#held.readUInt32LE(4);
      if (this.#held[0] !== 1 || length <= headerBytes) return fail('badmsg');
      if (this.#held.length < length) break;
      whole.push(this.#held.subarray(0, length));
      this.#held = this.#held.subarray(length);
    }
    return whole;
  }
}

/**
 * The message as it was before it was compressed: from byte 12 on, a byte says for each of the next 8 pieces whether it is a byte itself or (hash of
 * two neighbours seen before; how many more bytes to copy).
 */
function expanded(from: Buffer): Buffer {
  if (from[2] !== 1) return from;
  if (from.length < 12) return fail('badmsg');
  const to = Buffer.alloc(from.readInt32LE(8));
  from.copy(to, 0, 0, headerBytes);
  const places = new Int32Array(256);
  let read = 12;
  let hashed = headerBytes;
  let flags = 0;
  for (let written = headerBytes, piece = 0; written < to.length; piece++) {
    if (piece % 8 === 0) flags = next();
    if (((flags >> (piece % 8)) & 1) === 0) {
      to[written++] = next();
      noteUntil(written - 1);
      continue;
    }
    const source = places[next()]!;
    const more = next();
    if (written + 2 + more > to.length) return fail('badmsg');
    for (let i = 0; i < 2 + more; i++) to[written + i] = to[source + i]!;
    noteUntil(written + 1);
    written += 2 + more;
    hashed = written;
  }
  to[2] = 0;
  to.writeUInt32LE(to.length, 4);
  return to;

  function next(): number {
    return read < from.length ? from[read++]! : fail('badmsg');
  }
  function noteUntil(end: number): void {
    for (; hashed < end; hashed++) places[to[hashed]! ^ to[hashed + 1]!] = hashed;
  }
}
