// Runs of small numbers, and numbers bit by bit: levels and indexes into dictionaries. Nothing is made by what a run claims: so many are read as
// are asked for. https://parquet.apache.org/docs/file-format/data-pages/encodings/

import { Damaged } from './damaged.ts';

export class Runs {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  readonly #width: number;
  #at: number;
  /** Left of the run at hand. */
  #left = 0;
  #packed = false;
  #value = 0;
  #bits = 0;
  #bitCount = 0;

  constructor(bytes: Uint8Array, start: number, end: number, width: number) {
    if (width > 32 || end > bytes.length) throw new Damaged('a page has runs that do not fit into it');
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    this.#width = width;
  }

  fill(out: Int32Array | Uint8Array, from: number, count: number): void {
    for (let at = from; at < from + count; ) {
      if (this.#left === 0) this.#begin();
      const end = Math.min(at + this.#left, from + count);
      this.#left -= end - at;
      if (!this.#packed) out.fill(this.#value, at, end);
      else for (let i = at; i < end; i++) out[i] = this.#bitsOf();
      at = end;
    }
  }

  #begin(): void {
    let head = 0;
    for (let shift = 0; ; shift += 7) {
      if (this.#at >= this.#end || shift > 28) throw new Damaged('a page ends before its runs do');
      const next = this.#bytes[this.#at++]!;
      head += (next & 0x7f) * 2 ** shift;
      if (next < 0x80) break;
    }
    this.#packed = head % 2 === 1;
    const count = Math.floor(head / 2);
    if (count === 0) throw new Damaged('a page has a run of nothing');
    this.#left = this.#packed ? 8 * count : count;
    this.#bits = 0;
    this.#bitCount = 0;
    if (this.#packed) return;
    this.#value = 0;
    for (let shift = 0; shift < this.#width; shift += 8) this.#value |= this.#byte() << shift;
    if (this.#width < 32 && this.#value >>> this.#width > 0) throw new Damaged('a page has a run of what is too large');
  }

  #bitsOf(): number {
    const width = this.#width;
    if (width > 24) return this.#wideBits();
    while (this.#bitCount < width) {
      this.#bits |= this.#byte() << this.#bitCount;
      this.#bitCount += 8;
    }
    const value = this.#bits & ((1 << width) - 1);
    this.#bits >>>= width;
    this.#bitCount -= width;
    return value;
  }

  /** More than 24 bits and what is left of a byte are more than 31. */
  #wideBits(): number {
    let value = 0;
    for (let got = 0; got < this.#width; ) {
      if (this.#bitCount === 0) {
        this.#bits = this.#byte();
        this.#bitCount = 8;
      }
      const take = Math.min(this.#bitCount, this.#width - got);
      value += (this.#bits & ((1 << take) - 1)) * 2 ** got;
      this.#bits >>>= take;
      this.#bitCount -= take;
      got += take;
    }
    return value;
  }

  /** The last group of bits may be cut short: what is missing is padding. */
  #byte(): number {
    if (this.#at < this.#end) return this.#bytes[this.#at++]!;
    if (!this.#packed) throw new Damaged('a page ends before its runs do');
    if (this.#at++ > this.#end + 32) throw new Damaged('a page ends before its runs do');
    return 0;
  }
}
