// Numbers as differences. They are read one after the other, as many as are asked for.

import { Damaged } from './damaged.ts';

export class Deltas {
  readonly #bytes: Uint8Array;
  #at: number;
  readonly #miniblocks: number;
  readonly #perMiniblock: number;
  /** How many there are. */
  readonly count: number;
  #value: bigint;
  #first = true;
  #least = 0n;
  #widths: Uint8Array = new Uint8Array(0);
  #miniblock = 0;
  #inMiniblock = 0;
  #bitAt = 0;
  #read = 0;

  /** Of at most so many numbers. */
  constructor(bytes: Uint8Array, start: number, most: number) {
    this.#bytes = bytes;
    this.#at = start;
    const block = Number(this.#varint());
    this.#miniblocks = Number(this.#varint());
    this.count = Number(this.#varint());
    if (this.count > most) throw new Damaged(`a page has ${this.count} differences for ${most} values`);
    this.#perMiniblock = block / this.#miniblocks;
    if (!(this.#miniblocks > 0 && this.#miniblocks <= 4_096 && this.#perMiniblock > 0 && this.#perMiniblock % 8 === 0))
      throw new Damaged('a page of differences has blocks of no length');
    this.#value = this.#zigzag();
    this.#miniblock = this.#miniblocks;
  }

  next(): bigint {
    if (this.#read++ >= this.count) throw new Damaged('a page has fewer values than it says');
    if (this.#first) {
      this.#first = false;
      return this.#value;
    }
    if (this.#inMiniblock === 0) {
      if (this.#miniblock === this.#miniblocks) this.#beginBlock();
      this.#inMiniblock = this.#perMiniblock;
      this.#bitAt = 0;
    }
    const width = this.#widths[this.#miniblock]!;
    this.#value = BigInt.asIntN(64, this.#value + this.#least + this.#bits(width));
    if (--this.#inMiniblock === 0) this.#endMiniblock(width);
    return this.#value;
  }

  /** Behind all of them. */
  end(): number {
    while (this.#read < this.count) this.next();
    // The rest of the miniblock is there, what is after it in the block is not.
    if (this.#inMiniblock > 0) this.#endMiniblock(this.#widths[this.#miniblock]!);
    return this.#at;
  }

  #beginBlock(): void {
    this.#least = this.#zigzag();
    if (this.#at + this.#miniblocks > this.#bytes.length) throw new Damaged('a page ends before its values do');
    this.#widths = this.#bytes.subarray(this.#at, this.#at + this.#miniblocks);
    this.#at += this.#miniblocks;
    this.#miniblock = 0;
  }

  #endMiniblock(width: number): void {
    this.#at += (this.#perMiniblock * width) / 8;
    this.#inMiniblock = 0;
    this.#miniblock++;
  }

  #bits(width: number): bigint {
    if (width === 0) return 0n;
    if (width > 64) throw new Damaged('a page has differences of more than 64 bits');
    let value = 0n;
    let small = 0;
    let smallBits = 0;
    let shift = 0n;
    for (let left = width; left > 0; ) {
      const at = this.#at + (this.#bitAt >> 3);
      if (at >= this.#bytes.length) throw new Damaged('a page ends before its values do');
      const take = Math.min(8 - (this.#bitAt & 7), left);
      small += ((this.#bytes[at]! >> (this.#bitAt & 7)) & ((1 << take) - 1)) * 2 ** smallBits;
      smallBits += take;
      this.#bitAt += take;
      left -= take;
      if (smallBits > 40 || left === 0) {
        value |= BigInt(small) << shift;
        shift += BigInt(smallBits);
        small = 0;
        smallBits = 0;
      }
    }
    return value;
  }

  #varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (this.#at >= this.#bytes.length) break;
      const next = this.#bytes[this.#at++]!;
      value |= BigInt(next & 0x7f) << shift;
      if (next < 0x80) return BigInt.asUintN(64, value);
    }
    throw new Damaged('a page ends before its values do');
  }

  #zigzag(): bigint {
    const value = this.#varint();
    return (value >> 1n) ^ -(value & 1n);
  }
}
