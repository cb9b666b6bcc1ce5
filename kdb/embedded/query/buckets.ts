import { floorDiv } from '../../../src/base/time.ts';
import type { Bucket } from '../../../src/kdb/engine.ts';
import { EngineError } from '../../../src/kdb/engine-error.ts';
import { offsetLimit, offsetWithin, timeOf } from '../memory/era.ts';

/** Wider buckets (26 days) are done by their edges: offset + remainder must stay exact. */
const maxWidthNs = 2n ** 51n;
/** Numbers of buckets, and their sums with the numbers in an era, must stay exact. */
const maxBuckets = 2n ** 52n;

/** Where runs of rows end that fall into one bucket; reused from call to call. */
export interface Cuts {
  ends: Int32Array;
  /** Number of the bucket of each; -1: in none. */
  buckets: Float64Array;
}

export interface Buckets {
  /** Numbers go from 0 to count-1. */
  readonly count: number;
  startNs(bucket: number): bigint;
  /** Below zero as bucket a is before bucket b. */
  compare(a: number, b: number): number;
  /** Cuts rows [start, end) of ascending times at bucket bounds; gives the number of cuts. */
  cut(era: number, times: Float64Array, start: number, end: number, cuts: Cuts): number;
}

/** The buckets that rows of [firstNs, lastNs] can fall into. */
export function bucketsOf(bucket: Bucket | null, firstNs: bigint, lastNs: bigint): Buckets {
  if (bucket === null) return wholeRange;
  if (bucket.kind === 'edges') return byEdges(bucket.edgesNs);
  const { widthNs, originNs } = bucket;
  if (widthNs <= 0n) throw new EngineError('BadCall', 'a bucket has no width');
  const firstBucket = floorDiv(firstNs - originNs, widthNs);
  const count = floorDiv(lastNs - originNs, widthNs) - firstBucket + 1n;
  if (count > maxBuckets) return byStart(widthNs, originNs);
  if (widthNs <= maxWidthNs) return byWidth(widthNs, originNs, firstBucket, count);
  // At most 2^64 / 2^51 = 8,192 edges; the ends of the first and last bucket may lie outside int64.
  const edges: bigint[] = [];
  for (let i = 0n; i <= count; i++) edges.push(originNs + (firstBucket + i) * widthNs);
  return byEdges(edges);
}

const inOrder = (a: number, b: number): number => a - b;

const wholeRange: Buckets = {
  count: 1,
  startNs: () => 0n,
  compare: inOrder,
  cut(_era, _times, start, end, cuts) {
    room(cuts, 1);
    cuts.ends[0] = end;
    cuts.buckets[0] = 0;
    return start < end ? 1 : 0;
  },
};

function byWidth(widthNs: bigint, originNs: bigint, firstBucket: bigint, count: bigint): Buckets {
  const width = Number(widthNs);
  return {
    count: Number(count),
    startNs: (bucket) => originNs + (firstBucket + BigInt(bucket)) * widthNs,
    compare: inOrder,
    cut(era, times, start, end, cuts) {
      const distance = timeOf(era, 0) - originNs;
      const whole = floorDiv(distance, widthNs);
      // Offset + remainder < 2^53, so the sum is exact and the floor of the quotient is right.
      const remainder = Number(distance - whole * widthNs);
      const base = Number(whole - firstBucket);
      let cut = 0;
      let length = 1;
      for (let row = start; row < end; cut++) {
        const number = Math.floor((times[row]! + remainder) / width);
        const limit = (number + 1) * width - remainder;
        row = endOfBucket(times, limit, row, end, length);
        if (cut >= cuts.ends.length) room(cuts, 2 * cut + 16);
        length = row - (cut === 0 ? start : cuts.ends[cut - 1]!);
        cuts.ends[cut] = row;
        cuts.buckets[cut] = base + number;
      }
      return cut;
    },
  };
}

/** The first row at or after the limit. Regular series have as many rows in this bucket as in the last one: look there first, then search. */
function endOfBucket(times: Float64Array, limit: number, row: number, end: number, guess: number): number {
  const likely = row + guess;
  if (likely < end) {
    if (times[likely]! >= limit && times[likely - 1]! < limit) return likely;
  } else if (times[end - 1]! < limit) return end;
  let low = row + 1;
  let step = 1;
  while (low + step < end && times[low + step]! < limit) {
    low += step;
    step *= 2;
  }
  let high = Math.min(low + step, end);
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (times[middle]! < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Nanosecond buckets over months: more than doubles can number, so those that have points are numbered as they are met. */
function byStart(widthNs: bigint, originNs: bigint): Buckets {
  const numbers = new Map<bigint, number>();
  const starts: bigint[] = [];
  return {
    count: Number.POSITIVE_INFINITY,
    startNs: (bucket) => starts[bucket]!,
    compare: (a, b) => (starts[a]! < starts[b]! ? -1 : 1),
    cut(era, times, start, end, cuts) {
      room(cuts, end - start);
      let cut = 0;
      for (let row = start; row < end; cut++) {
        const startNs = originNs + floorDiv(timeOf(era, times[row]!) - originNs, widthNs) * widthNs;
        row = endOfBucket(times, offsetWithin(era, startNs + widthNs), row, end, 1);
        let number = numbers.get(startNs);
        if (number === undefined) {
          number = starts.push(startNs) - 1;
          numbers.set(startNs, number);
        }
        cuts.ends[cut] = row;
        cuts.buckets[cut] = number;
      }
      return cut;
    },
  };
}

function byEdges(edgesNs: ArrayLike<bigint>): Buckets {
  const count = Math.max(0, edgesNs.length - 1);
  return {
    count,
    startNs: (bucket) => edgesNs[bucket]!,
    compare: inOrder,
    cut(era, times, start, end, cuts) {
      let cut = 0;
      let bucket = firstEdgeAfter(edgesNs, timeOf(era, times[start]!)) - 1;
      room(cuts, end - start);
      for (let row = start; row < end; ) {
        const edge = edgesNs[bucket + 1];
        const limit = edge === undefined ? offsetLimit : offsetWithin(era, edge);
        const stop = edge === undefined ? end : endOfBucket(times, limit, row - 1, end, 1);
        if (stop > row) {
          cuts.ends[cut] = stop;
          cuts.buckets[cut++] = bucket >= 0 && bucket < count ? bucket : -1;
          row = stop;
        }
        bucket++;
      }
      return cut;
    },
  };
}

/** How many edges are at or before the time. */
function firstEdgeAfter(edgesNs: ArrayLike<bigint>, timeNs: bigint): number {
  let low = 0;
  let high = edgesNs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (edgesNs[middle]! <= timeNs) low = middle + 1;
    else high = middle;
  }
  return low;
}

function room(cuts: Cuts, length: number): void {
  if (length <= cuts.ends.length) return;
  const ends = new Int32Array(length);
  ends.set(cuts.ends);
  cuts.ends = ends;
  const buckets = new Float64Array(length);
  buckets.set(cuts.buckets);
  cuts.buckets = buckets;
}
