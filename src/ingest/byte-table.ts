import { mixed } from './hash.ts';

/**
 * Byte ranges of one body, each with an owner and a number: what a decoder has understood once (series and tags of a line, name of a field) it
 * knows again by its bytes. Open addressing, half full at most: no object and no string per range. Plain arrays of integers: a typed array of
 * more than 64 bytes takes 1 µs to make, and a body of one line needs five tables.
 */
export class ByteTable<Owner> {
  private readonly view: DataView;
  private slots: number[] = new Array(32).fill(-1);
  private readonly starts: number[] = [];
  private readonly lengths: number[] = [];
  private readonly hashes: number[] = [];
  private readonly owners: Owner[] = [];
  private readonly numbers: number[] = [];
  /** By entry: the one that was met after it last time. */
  private readonly followers: number[] = [];
  private last = -1;

  constructor(view: DataView) {
    this.view = view;
  }

  /** The entry that is expected after the one met last, when it is what begins at start; else -1. */
  expected(start: number): number {
    const entry = this.last < 0 ? -1 : this.followers[this.last]!;
    return entry >= 0 && this.matches(entry, start) ? entry : -1;
  }

  meet(entry: number): void {
    if (this.last >= 0) this.followers[this.last] = entry;
    this.last = entry;
  }

  /** The entry of bytes[start, start + length), or -1. The same bytes may belong to several owners; null asks for any. */
  find(start: number, length: number, hash: number, owner: Owner | null): number {
    const mask = this.slots.length - 1;
    for (let slot = mixed(hash) & mask; ; slot = (slot + 1) & mask) {
      const entry = this.slots[slot]!;
      if (entry < 0) return -1;
      if (this.hashes[entry] !== hash || this.lengths[entry] !== length || !this.matches(entry, start)) continue;
      if (owner === null || this.owners[entry] === owner) return entry;
    }
  }

  length(entry: number): number {
    return this.lengths[entry]!;
  }

  owner(entry: number): Owner {
    return this.owners[entry]!;
  }

  number(entry: number): number {
    return this.numbers[entry]!;
  }

  /** Keeps a range that `find` did not have; gives its entry. */
  add(start: number, length: number, hash: number, owner: Owner, number: number): number {
    const entry = this.starts.length;
    if (2 * entry === this.slots.length) this.double();
    this.slots[this.freeSlot(hash)] = entry;
    this.starts.push(start);
    this.lengths.push(length);
    this.hashes.push(hash);
    this.owners.push(owner);
    this.numbers.push(number);
    this.followers.push(-1);
    return entry;
  }

  /** Whether the bytes from start on are those of the entry. */
  private matches(entry: number, start: number): boolean {
    const length = this.lengths[entry]!;
    return start + length <= this.view.byteLength && sameBytes(this.view, this.starts[entry]!, start, length);
  }

  private freeSlot(hash: number): number {
    const mask = this.slots.length - 1;
    let slot = mixed(hash) & mask;
    while (this.slots[slot]! >= 0) slot = (slot + 1) & mask;
    return slot;
  }

  private double(): void {
    this.slots = new Array(2 * this.slots.length).fill(-1);
    for (let entry = 0; entry < this.hashes.length; entry++) this.slots[this.freeSlot(this.hashes[entry]!)] = entry;
  }
}

/** Four bytes at a time, the last four overlapping. */
export function sameBytes(view: DataView, a: number, b: number, length: number): boolean {
  if (length < 4) {
    for (let i = 0; i < length; i++) if (view.getUint8(a + i) !== view.getUint8(b + i)) return false;
    return true;
  }
  const last = length - 4;
  for (let i = 0; i < last; i += 4) if (view.getInt32(a + i) !== view.getInt32(b + i)) return false;
  return view.getInt32(a + last) === view.getInt32(b + last);
}
