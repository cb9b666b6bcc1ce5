import { isUtf8 } from 'node:buffer';
import { CodecError } from './codec-error.ts';
import { fewItems, itemBytes, maxDepth } from './encode.ts';
import { Atom, Booleans, Chars, Dict, Guid, Opaque, type QValue, Sym, Symbols, Table, Vector } from './qvalue.ts';

/**
 * List items and symbols in one message. An item can be one byte on the wire and takes 8 and more here, so the length of a message alone
 * does not bound what it becomes.
 */
const maxItems = 16 * 1024 * 1024;

/**
 * Short ASCII symbols seen lately, by hash: their strings and, to compare with, their bytes. Names and tag values come again and again: finding
 * one costs a quarter of making it (50 ns against 200 for 12 bytes), and the same string object makes the maps behind it faster too.
 */
const slots = 16_384;
const maxKnownBytes = 64;
const knownStrings: string[] = new Array(slots).fill('');
const knownBytes = new Uint8Array(slots * maxKnownBytes);

function known(bytes: Buffer, start: number, end: number, hash: number): string {
  const length = end - start;
  if (length > maxKnownBytes) return bytes.toString('latin1', start, end);
  const slot = (hash ^ (hash >>> 12)) & (slots - 1);
  const base = slot * maxKnownBytes;
  if (knownStrings[slot]!.length === length) {
    let same = 0;
    while (same < length && knownBytes[base + same] === bytes[start + same]) same++;
    if (same === length) return knownStrings[slot]!;
  }
  knownBytes.set(bytes.subarray(start, end), base);
  knownStrings[slot] = bytes.toString('latin1', start, end);
  return knownStrings[slot]!;
}

/** Reads one value from `start`; it must end where the bytes end. Every fault is a CodecError; what is returned owns its memory. */
export function decode(bytes: Buffer, start = 0): QValue {
  const reader = new Reader(bytes, start);
  const value = reader.value(0);
  if (reader.left > 0) throw new CodecError(`${reader.left} bytes behind the value`);
  return value;
}

class Reader {
  readonly #bytes: Buffer;
  #at: number;
  #items = 0;

  constructor(bytes: Buffer, start: number) {
    this.#bytes = bytes;
    this.#at = start;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  value(depth: number): QValue {
    if (depth > maxDepth) throw new CodecError(`the value nests deeper than ${maxDepth}`);
    const type = this.#bytes.readInt8(this.#take(1));
    if (type === 0) return this.#list(depth);
    if (type < 0) return this.#atom(type);
    if (type < 20) return this.#vector(type);
    if (type === 98) return this.#table(depth);
    if (type === 99 || type === 127) return new Dict(this.value(depth + 1), this.value(depth + 1));
    if (type >= 100 && type <= 111) return this.#function(type, depth);
    throw new CodecError(`type ${type} is unknown`);
  }

  #atom(type: number): QValue {
    switch (type) {
      case -1:
        return this.#bytes[this.#take(1)] !== 0;
      case -2:
        return new Guid(new Uint8Array(this.#copy(16)));
      case -4:
      case -10:
        return new Atom(type, this.#bytes[this.#take(1)]!);
      case -5:
        return new Atom(type, this.#bytes.readInt16LE(this.#take(2)));
      case -7:
        return this.#bytes.readBigInt64LE(this.#take(8));
      case -8:
        return new Atom(type, this.#bytes.readFloatLE(this.#take(4)));
      case -9:
        return this.#bytes.readDoubleLE(this.#take(8));
      case -11:
        return new Sym(this.#symbol());
      case -12:
      case -16:
        return new Atom(type, this.#bytes.readBigInt64LE(this.#take(8)));
      case -15:
        return new Atom(type, this.#bytes.readDoubleLE(this.#take(8)));
      case -6:
      case -13:
      case -14:
      case -17:
      case -18:
      case -19:
        return new Atom(type, this.#bytes.readInt32LE(this.#take(4)));
      default:
        throw new CodecError(`type ${type} is unknown`);
    }
  }

  #vector(type: number): QValue {
    this.#take(1); // attribute: sorted, unique, parted or grouped; nothing to us
    const count = this.#count();
    if (type === 11) return this.#symbols(count);
    switch (type) {
      case 1:
        return new Booleans(this.#booleans(count));
      case 4:
        return new Uint8Array(this.#copy(count));
      case 5:
        return new Int16Array(this.#copy(count * 2));
      case 6:
        return count <= fewItems ? this.#fewInts(count) : new Int32Array(this.#copy(count * 4));
      case 7:
        return count <= fewItems ? this.#fewLongs(count) : new BigInt64Array(this.#copy(count * 8));
      case 8:
        return new Float32Array(this.#copy(count * 4));
      case 9:
        return count <= fewItems ? this.#fewFloats(count) : new Float64Array(this.#copy(count * 8));
      case 10:
        return new Chars(new Uint8Array(this.#copy(count)));
    }
    const width = itemBytes[type];
    if (width === undefined) throw new CodecError(`type ${type} is unknown`);
    const copy = this.#copy(count * width);
    if (type === 2) return new Vector(type, new Uint8Array(copy));
    if (type === 15) return new Vector(type, new Float64Array(copy));
    return new Vector(type, width === 8 ? new BigInt64Array(copy) : new Int32Array(copy));
  }

  /** Into an array that V8 keeps on its heap: a buffer of its own takes longer to make than to fill. */
  #fewInts(count: number): Int32Array {
    let at = this.#take(count * 4);
    const values = new Int32Array(count);
    for (let i = 0; i < count; i++, at += 4) values[i] = this.#bytes.readInt32LE(at);
    return values;
  }

  #fewLongs(count: number): BigInt64Array {
    let at = this.#take(count * 8);
    const values = new BigInt64Array(count);
    for (let i = 0; i < count; i++, at += 8) values[i] = this.#bytes.readBigInt64LE(at);
    return values;
  }

  #fewFloats(count: number): Float64Array {
    let at = this.#take(count * 8);
    const values = new Float64Array(count);
    for (let i = 0; i < count; i++, at += 8) values[i] = this.#bytes.readDoubleLE(at);
    return values;
  }

  #list(depth: number): QValue[] {
    this.#take(1);
    const count = this.#counted();
    const items: QValue[] = [];
    for (let i = 0; i < count; i++) items.push(this.value(depth + 1));
    return items;
  }

  #table(depth: number): Table {
    this.#take(1);
    if (this.#bytes[this.#take(1)] !== 99) throw new CodecError('a table has no dictionary of columns');
    const names = this.value(depth + 1);
    const columns = this.value(depth + 1);
    if (!(names instanceof Symbols) || !Array.isArray(columns) || names.names.length !== columns.length)
      throw new CodecError('a table has no column for each name');
    return new Table(names.names, columns);
  }

  /** Functions are stepped over and never looked at: only their type is kept. */
  #function(type: number, depth: number): QValue {
    if (type === 100) {
      this.#symbol();
      this.value(depth + 1);
    } else if (type <= 103) {
      const byte = this.#bytes[this.#take(1)];
      if (type === 101 && byte === 0) return null;
    } else if (type <= 105) {
      const count = this.#counted();
      for (let i = 0; i < count; i++) this.value(depth + 1);
    } else {
      this.value(depth + 1);
    }
    return new Opaque(type);
  }

  #booleans(count: number): Uint8Array {
    const bytes = new Uint8Array(this.#copy(count));
    for (let i = 0; i < bytes.length; i++) if (bytes[i]! > 1) throw new CodecError(`${bytes[i]} is no boolean`);
    return bytes;
  }

  #symbols(count: number): Symbols {
    this.#add(count);
    const names: string[] = [];
    for (let i = 0; i < count; i++) names.push(this.#symbol());
    return new Symbols(names);
  }

  /** Two byte strings must never become one name, so bytes that are not UTF-8 are refused instead of replaced. */
  #symbol(): string {
    const bytes = this.#bytes;
    const start = this.#at;
    let end = start;
    let seen = 0;
    let hash = 0;
    while (end < bytes.length && bytes[end] !== 0) {
      const byte = bytes[end++]!;
      seen |= byte;
      hash = (Math.imul(hash, 31) + byte) | 0;
    }
    if (end === bytes.length) throw new CodecError('a symbol does not end');
    this.#at = end + 1;
    if (seen < 0x80) return known(bytes, start, end, hash);
    if (!isUtf8(bytes.subarray(start, end))) throw new CodecError('a symbol is not UTF-8');
    return bytes.toString('utf8', start, end);
  }

  #count(): number {
    const count = this.#bytes.readInt32LE(this.#take(4));
    if (count < 0) throw new CodecError(`a count is ${count}`);
    return count;
  }

  #counted(): number {
    const count = this.#count();
    this.#add(count);
    return count;
  }

  #add(items: number): void {
    this.#items += items;
    if (items > this.left || this.#items > maxItems) throw new CodecError(`the message claims ${this.#items} items`);
  }

  /** One memcpy, so that vectors of 8-byte items are aligned wherever the message put them. */
  #copy(bytes: number): ArrayBuffer {
    const start = this.#bytes.byteOffset + this.#take(bytes);
    return this.#bytes.buffer.slice(start, start + bytes) as ArrayBuffer;
  }

  #take(bytes: number): number {
    const start = this.#at;
    if (bytes > this.#bytes.length - start) throw new CodecError('the message ends within a value');
    this.#at = start + bytes;
    return start;
  }
}
