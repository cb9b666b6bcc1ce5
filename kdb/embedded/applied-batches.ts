// Batch ids that were applied, kept for 14 days so that a repeated request changes nothing: 40 bytes each in open-addressed tables, newest last.

const keptMs = 14 * 24 * 3_600_000;
const segmentIds = 65_536;
/** At most 2^20 ids (42 MB): beyond that the oldest 65,536 go early. */
const maxSegments = 16;

export class AppliedBatches {
  readonly #now: () => number;
  #segments: Segment[] = [];

  constructor(now: () => number) {
    this.#now = now;
  }

  has(batchId: Uint8Array): boolean {
    const words = wordsOf(batchId);
    return this.#segments.some((segment) => segment.has(words));
  }

  add(batchId: Uint8Array, appliedMs = this.#now()): void {
    let segment = this.#segments.at(-1);
    // A segment lives as long as its newest id; a day's worth at most goes together.
    if (!segment || segment.count === segmentIds || appliedMs - segment.firstMs > 24 * 3_600_000) {
      const oldest = this.#now() - keptMs;
      this.#segments = this.#segments.filter((kept) => kept.lastMs > oldest).slice(1 - maxSegments);
      segment = new Segment(appliedMs);
      this.#segments.push(segment);
    }
    segment.add(wordsOf(batchId), appliedMs);
  }

  /** For the state file: per segment its times and ids. */
  save(): readonly { firstMs: number; lastMs: number; ids: Uint32Array }[] {
    return this.#segments.map((segment) => ({ firstMs: segment.firstMs, lastMs: segment.lastMs, ids: segment.ids() }));
  }

  load(segments: readonly { firstMs: number; lastMs: number; ids: Uint32Array }[]): void {
    this.#segments = segments.map(({ firstMs, lastMs, ids }) => {
      const segment = new Segment(firstMs);
      for (let at = 0; at < ids.length; at += 4) segment.add(ids.subarray(at, at + 4), lastMs);
      return segment;
    });
  }
}

class Segment {
  readonly firstMs: number;
  lastMs: number;
  count = 0;
  /** Four words a slot; a slot whose words are all 0 is free (the id of all zeros is kept apart). */
  #slots = new Uint32Array(4 * 64);
  #hasZero = false;

  constructor(firstMs: number) {
    this.firstMs = firstMs;
    this.lastMs = firstMs;
  }

  has(id: Uint32Array): boolean {
    return isZero(id) ? this.#hasZero : this.#isAt(this.#find(id), id);
  }

  add(id: Uint32Array, appliedMs: number): void {
    this.lastMs = Math.max(this.lastMs, appliedMs);
    if (isZero(id)) this.#hasZero = true;
    else {
      const at = this.#find(id);
      if (this.#isAt(at, id)) return;
      this.#slots.set(id, at);
    }
    if (++this.count * 8 > this.#slots.length) this.#grow();
  }

  ids(): Uint32Array {
    const ids: number[] = this.#hasZero ? [0, 0, 0, 0] : [];
    for (let at = 0; at < this.#slots.length; at += 4) {
      const id = this.#slots.subarray(at, at + 4);
      if (!isZero(id)) ids.push(...id);
    }
    return Uint32Array.from(ids);
  }

  #find(id: Uint32Array): number {
    const mask = this.#slots.length / 4 - 1;
    let slot = (Math.imul(id[0]! ^ id[2]!, 0x9e3779b1) ^ Math.imul(id[1]! ^ id[3]!, 0x85ebca6b)) >>> 0;
    slot = (slot ^ (slot >>> 15)) & mask;
    while (!isZero(this.#slots.subarray(4 * slot, 4 * slot + 4)) && !this.#isAt(4 * slot, id)) slot = (slot + 1) & mask;
    return 4 * slot;
  }

  #isAt(at: number, id: Uint32Array): boolean {
    const slots = this.#slots;
    return slots[at] === id[0] && slots[at + 1] === id[1] && slots[at + 2] === id[2] && slots[at + 3] === id[3];
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(2 * old.length);
    for (let at = 0; at < old.length; at += 4) {
      const id = old.subarray(at, at + 4);
      if (!isZero(id)) this.#slots.set(id, this.#find(id));
    }
  }
}

function isZero(id: Uint32Array): boolean {
  return id[0] === 0 && id[1] === 0 && id[2] === 0 && id[3] === 0;
}

function wordsOf(batchId: Uint8Array): Uint32Array {
  return new Uint32Array(Uint8Array.from(batchId).buffer, 0, 4);
}
