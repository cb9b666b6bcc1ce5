// Bytes as values, as -9! reads them. What is malformed signals 'badmsg, as q does of a message.

import {
  type Attribute,
  atom,
  derived,
  dict,
  fail,
  isBig,
  isFloating,
  iterators,
  list,
  nothing,
  notYet,
  type Q,
  type Storage,
  table,
  vector,
} from '../values.ts';
import { binaryCodes, unaryCodes } from './primitive-codes.ts';
import { attributes, widths } from './serialise.ts';

/** What turns names and texts of functions into functions. */
export interface Functions {
  primitive(type: 101 | 102, name: string): Q;
  lambda(namespace: string, source: string): Q;
}

const maxDepth = 400;

/** Reads values one after another. */
export class Deserialiser {
  readonly #bytes: Buffer;
  readonly #functions: Functions;
  at: number;

  constructor(bytes: Buffer, functions: Functions, at = 0) {
    this.#bytes = bytes;
    this.#functions = functions;
    this.at = at;
  }

  get isAtEnd(): boolean {
    return this.at === this.#bytes.length;
  }

  value(depth = 0): Q {
    if (depth > maxDepth) return fail('badmsg');
    const t = this.#bytes.readInt8(this.#take(1));
    if (t < 0) return this.#atom(-t);
    if (t === 0) {
      this.#take(1);
      return list(this.#items(this.#count(), depth));
    }
    if (t < 20) return this.#vector(t);
    if (t === 98) return this.#table(depth);
    if (t === 99 || t === 127) {
      const keys = this.value(depth + 1);
      const values = this.value(depth + 1);
      return dict(keys, values, t === 127 ? 's' : '');
    }
    return this.#function(t, depth);
  }

  #atom(t: number): Q {
    if (t === 11) return atom(11, this.#name());
    const width = widths[t];
    if (width === undefined) return fail('badmsg');
    return atom(t, cellsOf(t, this.#slice(width))[0]!);
  }

  #vector(t: number): Q {
    const attribute = this.#attribute();
    const count = this.#count();
    if (t === 11) {
      const names: string[] = [];
      for (let i = 0; i < count; i++) names.push(this.#name());
      return vector(t, names, attribute);
    }
    const width = widths[t];
    if (width === undefined) return fail('badmsg');
    return vector(t, cellsOf(t, this.#slice(width * count)), attribute);
  }

  #table(depth: number): Q {
    const attribute = this.#attribute();
    if (this.#bytes.readInt8(this.#take(1)) !== 99) return fail('badmsg');
    const names = this.value(depth + 1);
    const columns = this.value(depth + 1);
    if (names.kind !== 'vector' || names.t !== 11) return fail('badmsg');
    const items = columns.kind === 'list' ? columns.v : fail('badmsg');
    return table(names.v as string[], items, attribute);
  }

  #function(t: number, depth: number): Q {
    switch (t) {
      case 100: {
        const namespace = this.#name();
        const source = this.value(depth + 1);
        if (source.kind !== 'vector' || source.t !== 10) return fail('badmsg');
        return this.#functions.lambda(namespace, Buffer.from(source.v as Uint8Array).toString('latin1'));
      }
      case 101:
      case 102: {
        const code = this.#bytes[this.#take(1)]!;
        if (t === 101 && code === 0) return nothing;
        return this.#functions.primitive(t, (t === 101 ? unaryCodes : binaryCodes)[code] ?? fail('badmsg'));
      }
      case 104:
      case 105:
        return notYet('a projection or composition in a message');
      default:
        if (t < 106 || t > 111) return fail('badmsg');
        return derived(iterators[t - 106]!, this.value(depth + 1));
    }
  }

  #items(count: number, depth: number): Q[] {
    if (count > this.#bytes.length - this.at) return fail('badmsg');
    const items: Q[] = [];
    for (let i = 0; i < count; i++) items.push(this.value(depth + 1));
    return items;
  }

  #attribute(): Attribute {
    return attributes[this.#bytes[this.#take(1)]!] ?? fail('badmsg');
  }

  #count(): number {
    const count = this.#bytes.readInt32LE(this.#take(4));
    return count < 0 ? fail('badmsg') : count;
  }

  #name(): string {
    const end = this.#bytes.indexOf(0, this.at);
    if (end < 0) return fail('badmsg');
    const name = this.#bytes.toString('latin1', this.at, end);
    this.at = end + 1;
    return name;
  }

  #slice(length: number): Buffer {
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  #take(length: number): number {
    const start = this.at;
    if (length > this.#bytes.length - start) return fail('badmsg');
    this.at = start + length;
    return start;
  }
}

/** Items of a type other than symbol, in memory of their own. */
export function cellsOf(t: number, bytes: Uint8Array): Storage {
  if (t === 2) {
    const hex = Buffer.from(bytes).toString('hex');
    return Array.from({ length: bytes.length / 16 }, (_, i) =>
      hex.slice(32 * i, 32 * i + 32).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
    );
  }
  const own = new Uint8Array(bytes).buffer;
  const width = widths[t]!;
  if (width === 1) return new Uint8Array(own);
  if (width === 2) return new Int16Array(own);
  if (isBig(t)) return new BigInt64Array(own);
  if (t === 8) return new Float32Array(own);
  return isFloating(t) ? new Float64Array(own) : new Int32Array(own);
}
