// Batch ids that were applied, so that a repeated request changes nothing. An id that its caller chose (an Idempotency-Key) is kept for 14 days; any other only
// names one request and the retries of it, which come within seconds.
import type { Log } from '../../../src/base/log.ts';
import { isNamedBatch } from '../../../src/kdb/batch-id.ts';

/** Of a table of 1 MiB: three quarters of it, so that a search that finds nothing looks at 8 places. */
export const segmentIds = 49_152;
const segmentBytes = 1 << 20;
const firstSlots = 64;
/** Calls are given up after 30 s; 393,216 ids are more than the engine takes in that time. */
const unnamed = { keptMs: 15 * 60_000, segmentMs: 5 * 60_000, maxSegments: 8 };
const dayMs = 24 * 3_600_000;

/** Bytes 0 to 15 of an id as four words. */
type Id = Uint32Array;

export interface SavedSegment {
  readonly isNamed: boolean;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly count: number;
  readonly hasZero: boolean;
  readonly slots: Uint32Array;
}

export class AppliedBatches {
  readonly #named: RecentIds;
  readonly #unnamed: RecentIds;

  /** `maxBytes`: for ids that callers chose. Beyond that the oldest are forgotten before their time. */
  constructor(now: () => number, maxBytes: number, log: Log) {
    const maxSegments = Math.max(2, Math.floor(maxBytes / segmentBytes));
    this.#named = new RecentIds(now, { keptMs: 14 * dayMs, segmentMs: dayMs, maxSegments }, (ids) =>
      log.warn('Idempotency-Keys are forgotten before 14 days: too many requests have one', {
        ids,
        kept: maxSegments * segmentIds,
      }),
    );
    this.#unnamed = new RecentIds(now, unnamed, () => undefined);
  }

  has(batchId: Uint8Array): boolean {
    return this.#of(isNamedBatch(batchId)).has(wordsOf(batchId));
  }

  add(batchId: Uint8Array): void {
    this.#of(isNamedBatch(batchId)).add(wordsOf(batchId));
  }

  save(): readonly SavedSegment[] {
    return [true, false].flatMap((isNamed) =>
      this.#of(isNamed)
        .save()
        .map((segment) => ({ ...segment, isNamed })),
    );
  }

  load(saved: readonly SavedSegment[]): void {
    for (const isNamed of [true, false]) this.#of(isNamed).load(saved.filter((segment) => segment.isNamed === isNamed));
  }

  get bytes(): number {
    return this.#named.bytes + this.#unnamed.bytes;
  }

  #of(isNamed: boolean): RecentIds {
    return isNamed ? this.#named : this.#unnamed;
  }
}

interface Limits {
  readonly keptMs: number;
  /** What came within this time goes together, when the last of it is old enough. */
  readonly segmentMs: number;
  readonly maxSegments: number;
}

class RecentIds {
  readonly #now: () => number;
  readonly #limits: Limits;
  readonly #forgot: (ids: number) => void;
  #segments: Segment[] = [];

  constructor(now: () => number, limits: Limits, forgot: (ids: number) => void) {
    this.#now = now;
    this.#limits = limits;
    this.#forgot = forgot;
  }

  get bytes(): number {
    return this.#segments.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** A repeated request mostly repeats a recent one. */
  has(id: Id): boolean {
    return this.#segments.findLast((segment) => segment.has(id)) !== undefined;
  }

  add(id: Id): void {
    const nowMs = this.#now();
    let segment = this.#segments.at(-1);
    if (!segment || segment.count === segmentIds || nowMs - segment.firstMs > this.#limits.segmentMs) {
      this.#makeRoom(nowMs);
      segment = new Segment(nowMs);
      this.#segments.push(segment);
    }
    segment.add(id, nowMs);
  }

  save(): Omit<SavedSegment, 'isNamed'>[] {
    return this.#segments.map((segment) => segment.save());
  }

  load(saved: readonly SavedSegment[]): void {
    this.#segments = saved.map(Segment.of);
  }

  #makeRoom(nowMs: number): void {
    const { keptMs, maxSegments } = this.#limits;
    this.#segments = this.#segments.filter(({ lastMs }) => lastMs > nowMs - keptMs);
    while (this.#segments.length >= maxSegments) this.#forgot(this.#segments.shift()!.count);
  }
}

class Segment {
  readonly firstMs: number;
  lastMs: number;
  count = 0;
  /** Four words a slot; a slot whose words are all 0 is free (the id of all zeros is kept apart). */
  #slots: Uint32Array = new Uint32Array(4 * firstSlots);
  #hasZero = false;

  constructor(firstMs: number) {
    this.firstMs = firstMs;
    this.lastMs = firstMs;
  }

  get bytes(): number {
    return this.#slots.byteLength;
  }

  static of({ firstMs, lastMs, count, hasZero, slots }: SavedSegment): Segment {
    const segment = new Segment(firstMs);
    segment.lastMs = lastMs;
    segment.count = count;
    segment.#hasZero = hasZero;
    segment.#slots = slots;
    return segment;
  }

  has(id: Id): boolean {
    return isZero(id, 0) ? this.#hasZero : !isZero(this.#slots, this.#find(id));
  }

  add(id: Id, appliedMs: number): void {
    this.lastMs = Math.max(this.lastMs, appliedMs);
    if (isZero(id, 0)) {
      this.#hasZero = true;
      return;
    }
    const at = this.#find(id);
    if (!isZero(this.#slots, at)) return;
    this.#slots.set(id, at);
    this.count++;
    if (this.count < segmentIds && (4 * this.count) / 3 >= this.#slots.length / 4) this.#grow();
  }

  /** A full segment never changes. */
  save(): Omit<SavedSegment, 'isNamed'> {
    const { firstMs, lastMs, count } = this;
    const slots = count === segmentIds ? this.#slots : this.#slots.slice();
    return { firstMs, lastMs, count, hasZero: this.#hasZero, slots };
  }

  /** Where the id stands, or the free slot where it would. */
  #find(id: Id): number {
    const slots = this.#slots;
    const mask = slots.length / 4 - 1;
    let slot = hashOf(id) & mask;
    for (;;) {
      const at = 4 * slot;
      if (isZero(slots, at)) return at;
      if (slots[at] === id[0] && slots[at + 1] === id[1] && slots[at + 2] === id[2] && slots[at + 3] === id[3])
        return at;
      slot = (slot + 1) & mask;
    }
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(2 * old.length);
    for (let at = 0; at < old.length; at += 4) {
      const id = old.subarray(at, at + 4);
      if (!isZero(id, 0)) this.#slots.set(id, this.#find(id));
    }
  }
}

/** Ids may be random or counted. */
function hashOf(id: Id): number {
  let hash = Math.imul(id[0]! ^ Math.imul(id[1]!, 0x9e3779b1), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 15) ^ id[2]!, 0xc2b2ae35);
  hash = Math.imul(hash ^ (hash >>> 13) ^ id[3]!, 0x27d4eb2f);
  // What differs in the last byte only is in the upper bits of a word.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 15)) >>> 0;
}

function isZero(words: Uint32Array, at: number): boolean {
  return (words[at]! | words[at + 1]! | words[at + 2]! | words[at + 3]!) === 0;
}

function wordsOf(batchId: Uint8Array): Id {
  return new Uint32Array(Uint8Array.from(batchId).buffer, 0, 4);
}
