// Values as bytes, as -8! gives them behind its header [kb/serialization]. Files of general objects and journals hold the same bytes.

import { fail, isFloating, type Q, type Vector } from '../values.ts';
import { binaryCodes, unaryCodes } from './primitive-codes.ts';

/** Bytes of one item by type; symbols and texts have no width. */
export const widths: Readonly<Record<number, number>> = {
  1: 1,
  2: 16,
  4: 1,
  5: 2,
  6: 4,
  7: 8,
  8: 4,
  9: 8,
  10: 1,
  12: 8,
  13: 4,
  14: 4,
  15: 8,
  16: 8,
  17: 4,
  18: 4,
  19: 4,
};

const byteAttribute = { '': 0, s: 1, u: 2, p: 3, g: 4 } as const;
export const attributes = ['', 's', 'u', 'p', 'g'] as const;

/** q writes a null as this NaN, with its sign bit set. */
const nullReal = 0xffc00000;
const nullFloatHigh = 0xfff80000;

export function guidBytes(text: string): Buffer {
  return Buffer.from(text.replaceAll('-', ''), 'hex');
}

/** A buffer that grows. */
class Bytes {
  #bytes = Buffer.allocUnsafe(256);
  #length = 0;

  room(more: number): { readonly to: Buffer; readonly at: number } {
    const at = this.#length;
    this.#length += more;
    if (this.#length > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(this.#length, this.#bytes.length * 2));
      this.#bytes.copy(grown, 0, 0, at);
      this.#bytes = grown;
    }
    return { to: this.#bytes, at };
  }
  byte(value: number): void {
    const { to, at } = this.room(1);
    to[at] = value & 0xff;
  }
  int(value: number): void {
    const { to, at } = this.room(4);
    to.writeInt32LE(value, at);
  }
  raw(bytes: Uint8Array): void {
    const { to, at } = this.room(bytes.byteLength);
    to.set(bytes, at);
  }
  name(text: string): void {
    this.raw(Buffer.from(text, 'latin1'));
    this.byte(0);
  }
  get whole(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.#length));
  }
}

export function serialise(value: Q): Buffer {
  const to = new Bytes();
  put(to, value);
  return to.whole;
}

function put(to: Bytes, x: Q): void {
  switch (x.kind) {
    case 'atom':
      to.byte(x.t);
      if (x.t === -11) to.name(x.v as string);
      else to.raw(cellBytes(-x.t, [x.v]));
      return;
    case 'vector':
      // Of the attributes only `s# is sure to come through.
      to.byte(x.t);
      to.byte(x.a === 's' ? byteAttribute.s : 0);
      vectorBody(to, x);
      return;
    case 'list':
      to.byte(0);
      to.byte(0);
      to.int(x.v.length);
      for (const item of x.v) put(to, item);
      return;
    case 'table':
      to.byte(98);
      to.byte(x.a === 's' ? 1 : 0);
      to.byte(99);
      to.byte(11);
      to.byte(0);
      to.int(x.names.length);
      for (const name of x.names) to.name(name);
      to.byte(0);
      to.byte(0);
      to.int(x.columns.length);
      for (const column of x.columns) put(to, column);
      return;
    case 'dict':
      to.byte(x.a === 's' ? 127 : 99);
      put(to, x.k);
      put(to, x.v);
      return;
    case 'lambda':
      to.byte(100);
      to.name(x.namespace.replace(/^\./, ''));
      to.byte(10);
      to.byte(0);
      to.int(Buffer.byteLength(x.source, 'latin1'));
      to.raw(Buffer.from(x.source, 'latin1'));
      return;
    case 'primitive': {
      const code = x.t === 101 ? unaryCodes.indexOf(x.name) : binaryCodes.indexOf(x.name);
      if (code < 0) fail('type');
      to.byte(x.t);
      to.byte(code);
      return;
    }
    case 'projection':
      to.byte(104);
      to.int(x.args.length + 1);
      put(to, x.f);
      for (const argument of x.args) {
        if (argument) put(to, argument);
        else to.raw(elided);
      }
      return;
    case 'composition':
      to.byte(105);
      to.int(x.fs.length);
      for (const f of x.fs) put(to, f);
      return;
    case 'derived':
      to.byte(x.t);
      put(to, x.f);
      return;
  }
}

/** The hole of a projection. */
const elided = Buffer.from([101, 0xff]);

function vectorBody(to: Bytes, x: Vector): void {
  to.int(x.v.length);
  if (x.t === 11) for (const name of x.v as string[]) to.name(name);
  else to.raw(itemBytes(x));
}

/** The items of a vector that is not of symbols, as they lie in memory and in files. */
export function itemBytes({ t, v }: Vector): Uint8Array {
  if (t === 2) return Buffer.concat((v as string[]).map(guidBytes));
  const typed = v as Exclude<Vector['v'], string[]>;
  if (isFloating(t)) return cellBytes(t, typed as unknown as ArrayLike<number>);
  return new Uint8Array(typed.buffer, typed.byteOffset, typed.byteLength);
}

function cellBytes(t: number, cells: ArrayLike<number | bigint | string>): Buffer {
  const width = widths[t]!;
  const to = Buffer.allocUnsafe(width * cells.length);
  for (let i = 0, at = 0; i < cells.length; i++, at += width) {
    const cell = cells[i]!;
    if (typeof cell === 'bigint') to.writeBigInt64LE(cell, at);
    else if (typeof cell === 'string') guidBytes(cell).copy(to, at);
    else if (t === 8) {
      if (Number.isNaN(cell)) to.writeUInt32LE(nullReal, at);
      else to.writeFloatLE(cell, at);
    } else if (width === 8) {
      if (Number.isNaN(cell)) {
        to.writeUInt32LE(0, at);
        to.writeUInt32LE(nullFloatHigh, at + 4);
      } else to.writeDoubleLE(cell, at);
    } else if (width === 1) to[at] = cell;
    else if (width === 2) to.writeInt16LE(cell, at);
    else to.writeInt32LE(cell, at);
  }
  return to;
}
