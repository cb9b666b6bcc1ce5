// Fewer points that look the same on a chart, chosen from the raw ones of each group.

import type { QueryResult } from '../kdb/engine.ts';
import type { Downsample } from './request.ts';
import { type Group, groupsOf, takeRows, timesOf } from './rows.ts';

/** The result's last column is the one that is drawn, and has no nulls. */
export function downsample(result: QueryResult, { method, points }: Downsample): QueryResult {
  const column = result.columns.at(-1);
  if (result.rows === 0 || (column?.kind !== 'float' && column?.kind !== 'long')) return result;
  const values = column.kind === 'float' ? column.values : Float64Array.from(column.values, Number);
  const times = timesOf(result)!;
  const choose = method === 'lttb' ? largestTriangles : extremes;
  const rows = groupsOf(result).flatMap((group) => {
    if (group.end - group.start <= points)
      return Array.from({ length: group.end - group.start }, (_, i) => group.start + i);
    // Exact within 104 days, and good enough for the eye beyond.
    const first = times[group.start]!;
    const x = Float64Array.from(times.subarray(group.start, group.end), (time) => Number(time - first));
    return choose(x, values.subarray(group.start, group.end), points).map((i) => group.start + i);
  });
  return takeRows(result, Int32Array.from(rows));
}

/**
 * Largest triangle three buckets (Steinarsson 2013): the first and the last point, and of each bucket of rows between the point that makes the largest triangle
 * with the one chosen before and the mean of the next bucket.
 */
function largestTriangles(x: Float64Array, y: Float64Array, points: number): number[] {
  const last = x.length - 1;
  if (points === 1) return [0];
  const chosen = [0];
  const edge = (bucket: number): number => Math.floor((bucket * (last - 1)) / (points - 2)) + 1;
  for (let bucket = 0; bucket < points - 2; bucket++) {
    const next =
      bucket === points - 3 ? { start: last, end: last + 1 } : { start: edge(bucket + 1), end: edge(bucket + 2) };
    const meanX = mean(x, next);
    const meanY = mean(y, next);
    const before = chosen.at(-1)!;
    let best = edge(bucket);
    let largest = -1;
    for (let row = best; row < edge(bucket + 1); row++) {
      const area = Math.abs(
        (x[before]! - meanX) * (y[row]! - y[before]!) - (x[before]! - x[row]!) * (meanY - y[before]!),
      );
      if (area > largest) {
        largest = area;
        best = row;
      }
    }
    chosen.push(best);
  }
  chosen.push(last);
  return chosen;
}

function mean(values: Float64Array, { start, end }: Group): number {
  let sum = 0;
  for (let i = start; i < end; i++) sum += values[i]!;
  return sum / (end - start);
}

/** The least and the greatest of each span of time, in their order; spans are half as many as points. */
function extremes(x: Float64Array, y: Float64Array, points: number): number[] {
  const spans = Math.max(1, Math.floor(points / 2));
  const total = x.at(-1)! - x[0]!;
  const chosen: number[] = [];
  let row = 0;
  for (let span = 1; span <= spans; span++) {
    let least = row;
    let greatest = row;
    const start = row;
    for (; row < x.length && (span === spans || (x[row]! - x[0]!) / total < span / spans); row++) {
      if (y[row]! < y[least]!) least = row;
      if (y[row]! > y[greatest]!) greatest = row;
    }
    if (row === start) continue;
    if (points === 1) chosen.push(greatest);
    else chosen.push(...(least === greatest ? [least] : [Math.min(least, greatest), Math.max(least, greatest)]));
  }
  return chosen;
}
