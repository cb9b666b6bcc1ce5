import { eraSpan } from '../memory/era.ts';
import type { Segment } from '../memory/row-cursor.ts';
import { lowerBound } from '../memory/run.ts';

/**
 * Base rows of one tag set, in those that a late row has the very time of, and all others. An aggregate takes rows in any order, so only the former are
 * resolved one by one: requests that overtake each other while a checkpoint begins leave late rows, which made all rows of their day slow before
 * (a day of 100 tag sets by 4 connections to 300 buckets: 350 ms resolved row by row).
 */
export function splitByLate(
  base: readonly Segment[],
  late: readonly Segment[],
): { untouched: Segment[]; overlaid: Segment[] } {
  const untouched: Segment[] = [];
  const overlaid: Segment[] = [];
  for (const segment of base) {
    const { run } = segment;
    let { start } = segment;
    for (const row of rowsAtLateTimes(segment, late)) {
      if (start < row) untouched.push({ run, start, end: row });
      overlaid.push({ run, start: row, end: row + 1 });
      start = row + 1;
    }
    if (start < segment.end) untouched.push({ run, start, end: segment.end });
  }
  return { untouched, overlaid };
}

/** Ascending, each once. */
function rowsAtLateTimes({ run, start, end }: Segment, late: readonly Segment[]): Iterable<number> {
  const rows = new Set<number>();
  for (const segment of late) {
    const shift = (segment.run.era - run.era) * eraSpan;
    for (let i = segment.start; i < segment.end; i++) {
      // A sum that is not exact is far outside what the run holds.
      const offset = segment.run.times[i]! + shift;
      const row = lowerBound(run.times, offset, start, end);
      if (row < end && run.times[row] === offset) rows.add(row);
    }
  }
  return late.length > 1 ? [...rows].sort((a, b) => a - b) : rows;
}
