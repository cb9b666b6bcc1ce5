import type { Aggregate, Column as ResultColumn } from '../../../../src/kdb/engine.ts';
import type { Column } from '../../memory/columns.ts';
import type { Run } from '../../memory/run.ts';
import type { Pace } from '../../pace.ts';
import { floatColumn } from '../result.ts';

/** Doubles are not enough for the longs of this query: it is done again with BigInts. */
export class NeedsBigInts extends Error {}

/** What becomes of one field: per cell (group and bucket) the states of aggregates that have something in common. */
export interface FieldCells {
  grow(cells: number): void;
  /** Adds rows [from, to) of the column of a run, all of one tag set, in time order; cut[i] rows end at ends[i] and go to cells[i]. */
  add(run: Run, id: number, column: Column, from: number, ends: Int32Array, cells: Int32Array, cuts: number): void;
  /** After the last row, where results are not at hand. */
  settle?(pace: Pace): Promise<void>;
  /** A result column: the given cells in their order. */
  result(aggregate: Aggregate, order: Int32Array): ResultColumn;
}

/** A state per cell that has room for more of them. */
export function grown(old: Float64Array, cells: number, fill = 0): Float64Array<ArrayBuffer> {
  const next = new Float64Array(cells);
  if (fill !== 0) next.fill(fill, old.length);
  next.set(old);
  return next;
}

/** Floats by cell; what is no number, or infinite, is null. */
export function floatsOf(name: string, order: Int32Array, read: (cell: number) => number): ResultColumn {
  const values = new Float64Array(order.length);
  for (let row = 0; row < values.length; row++) {
    const value = read(order[row]!);
    values[row] = Number.isFinite(value) ? value : Number.NaN;
  }
  return floatColumn(name, values);
}
