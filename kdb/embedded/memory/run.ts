// A run: immutable rows of one series in one era, sorted by (tag-set id, time). Hot blocks, late rows and slices of parts all come as runs.
import type { Column } from './columns.ts';
import { offsetLimit } from './era.ts';

/** First and last time of some rows, as offsets in their era. */
export interface Extent {
  readonly era: number;
  readonly minOffset: number;
  readonly maxOffset: number;
}

export interface Run extends Extent {
  readonly rows: number;
  /** The distinct ids, ascending; rows of ids[i] are starts[i] … starts[i+1]-1. */
  readonly ids: Int32Array;
  readonly starts: Int32Array;
  /** Per row: offset in the era. */
  readonly times: Float64Array;
  /** By field number; undefined: no row has the field. */
  readonly columns: readonly (Column | undefined)[];
  readonly bytes: number;
}

/** Where an id is in run.ids, or -1. */
export function findId(ids: Int32Array, id: number): number {
  let low = 0;
  let high = ids.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const found = ids[middle]!;
    if (found === id) return middle;
    if (found < id) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

/** The first position of ascending ids that is not below the id. */
export function firstAtLeast(ids: ArrayLike<number>, id: number): number {
  let low = 0;
  let high = ids.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ids[middle]! < id) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The first row of [from, to) whose time is at or after the offset. */
export function lowerBound(times: Float64Array, offset: number, from: number, to: number): number {
  let low = from;
  let high = to;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (times[middle]! < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function hasRow(run: Run, id: number, offset: number): boolean {
  if (offset < run.minOffset || offset > run.maxOffset) return false;
  const position = findId(run.ids, id);
  if (position < 0) return false;
  const end = run.starts[position + 1]!;
  const row = lowerBound(run.times, offset, run.starts[position]!, end);
  return row < end && run.times[row] === offset;
}

export interface IdOrder {
  readonly order: Int32Array;
  readonly ids: Int32Array;
  readonly starts: Int32Array;
}

/** A stable counting sort of the first `rows` ids; a comparison sort where ids are sparse (counting costs one pass over all ids). */
export function orderById(ids: Int32Array, rows: number): IdOrder {
  let maxId = 0;
  for (let i = 0; i < rows; i++) if (ids[i]! > maxId) maxId = ids[i]!;
  const order = new Int32Array(rows);
  if (maxId > 4 * rows + 1024) {
    for (let i = 0; i < rows; i++) order[i] = i;
    order.sort((a, b) => ids[a]! - ids[b]! || a - b);
  } else {
    const next = new Int32Array(maxId + 2);
    for (let i = 0; i < rows; i++) next[ids[i]! + 1]!++;
    for (let id = 0; id <= maxId; id++) next[id + 1]! += next[id]!;
    for (let i = 0; i < rows; i++) order[next[ids[i]!]!++] = i;
  }
  return { order, ...boundaries(order, ids) };
}

/** The distinct ids of sorted rows and where each begins. */
export function boundaries(order: Int32Array, ids: Int32Array): { ids: Int32Array; starts: Int32Array } {
  let count = 0;
  for (let i = 0; i < order.length; i++) if (i === 0 || ids[order[i]!] !== ids[order[i - 1]!]) count++;
  const distinct = new Int32Array(count);
  const starts = new Int32Array(count + 1);
  let at = 0;
  for (let i = 0; i < order.length; i++) {
    if (i > 0 && ids[order[i]!] === ids[order[i - 1]!]) continue;
    distinct[at] = ids[order[i]!]!;
    starts[at++] = i;
  }
  starts[count] = order.length;
  return { ids: distinct, starts };
}

export function timeSpan(times: Float64Array): { minOffset: number; maxOffset: number } {
  let minOffset = offsetLimit;
  let maxOffset = 0;
  for (let i = 0; i < times.length; i++) {
    if (times[i]! < minOffset) minOffset = times[i]!;
    if (times[i]! > maxOffset) maxOffset = times[i]!;
  }
  return { minOffset, maxOffset };
}
