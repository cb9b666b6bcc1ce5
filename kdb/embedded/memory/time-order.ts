// Rows in arrival order are nearly in the order of time: requests on several connections overtake each other, which gives each tag set long ascending
// stretches that overlap a little at their ends. They are merged, not sorted.
import type { IdOrder } from './run.ts';

/** Sorts rows that are in the order of ids by time too, those of one time as they stand. Gives their times. */
export function orderByTime({ order, starts }: IdOrder, times: Float64Array): Float64Array {
  const sorted = new Float64Array(order.length);
  for (let i = 0; i < order.length; i++) sorted[i] = times[order[i]!]!;
  let scratch: Int32Array | null = null;
  for (let position = 0; position + 1 < starts.length; position++) {
    const end = starts[position + 1]!;
    const bounds = stretches(sorted, starts[position]!, end);
    if (bounds === null) continue;
    scratch ??= new Int32Array(order.length);
    mergeStretches(order, bounds, times, scratch);
    for (let i = starts[position]!; i < end; i++) sorted[i] = times[order[i]!]!;
  }
  return sorted;
}

/** Where ascending stretches of [start, end) begin, and the end; null when there is one only. */
function stretches(times: Float64Array, start: number, end: number): number[] | null {
  let bounds: number[] | null = null;
  for (let i = start + 1; i < end; i++) {
    if (times[i]! >= times[i - 1]!) continue;
    bounds ??= [start];
    bounds.push(i);
  }
  bounds?.push(end);
  return bounds;
}

function mergeStretches(order: Int32Array, bounds: readonly number[], times: Float64Array, scratch: Int32Array): void {
  let left = bounds;
  while (left.length > 2) {
    const merged: number[] = [];
    for (let i = 0; i < left.length; i += 2) {
      merged.push(left[i]!);
      if (i + 2 < left.length) merge(order, left[i]!, left[i + 1]!, left[i + 2]!, times, scratch);
    }
    const end = left.at(-1)!;
    if (merged.at(-1) !== end) merged.push(end);
    left = merged;
  }
}

/** Merges the rows of [low, middle) and [middle, high); of equal times the former go first. */
function merge(
  order: Int32Array,
  low: number,
  middle: number,
  high: number,
  times: Float64Array,
  scratch: Int32Array,
): void {
  // What is before all of the other stretch stays where it is.
  const least = times[order[middle]!]!;
  let from = middle;
  while (from > low && times[order[from - 1]!]! > least) from--;
  const count = middle - from;
  for (let i = 0; i < count; i++) scratch[i] = order[from + i]!;
  let a = 0;
  let b = middle;
  for (let to = from; a < count; to++) {
    const takesLater = b < high && times[order[b]!]! < times[scratch[a]!]!;
    order[to] = takesLater ? order[b++]! : scratch[a++]!;
  }
}

export interface Merged {
  /** Per row in order: the row that it is merged into. */
  readonly targets: Int32Array;
  readonly rows: number;
  readonly starts: Int32Array;
  readonly times: Float64Array;
}

/** Rows of one tag set and time become one; null when all differ. `times` are those of the rows in order. */
export function mergeEqualTimes({ ids, starts }: IdOrder, times: Float64Array): Merged | null {
  if (!hasEqualTimes(starts, times)) return null;
  const targets = new Int32Array(times.length);
  const kept = new Float64Array(times.length);
  const keptStarts = new Int32Array(ids.length + 1);
  let rows = 0;
  for (let position = 0; position < ids.length; position++) {
    keptStarts[position] = rows;
    for (let i = starts[position]!; i < starts[position + 1]!; i++) {
      if (i === starts[position] || times[i] !== times[i - 1]) kept[rows++] = times[i]!;
      targets[i] = rows - 1;
    }
  }
  keptStarts[ids.length] = rows;
  return { targets, rows, starts: keptStarts, times: kept.slice(0, rows) };
}

function hasEqualTimes(starts: Int32Array, times: Float64Array): boolean {
  for (let position = 0; position + 1 < starts.length; position++)
    for (let i = starts[position]! + 1; i < starts[position + 1]!; i++) if (times[i] === times[i - 1]) return true;
  return false;
}
