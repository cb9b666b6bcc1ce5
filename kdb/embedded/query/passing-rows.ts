import { type Column, gathered } from '../memory/columns.ts';
import type { FieldTest } from '../memory/field-test.ts';
import { segmentAt } from '../memory/row-cursor.ts';
import { findId, type Run } from '../memory/run.ts';
import type { Pace } from '../pace.ts';

/** Which rows of a run are asked for, and what each has to pass. */
export interface Selection {
  /** Offsets in the era of the run. */
  readonly from: number;
  readonly to: number;
  /** Few, ascending; null: every one. */
  readonly ids: readonly number[] | null;
  isWanted(id: number): boolean;
  testOf(id: number): FieldTest | undefined;
  readonly fields: readonly number[];
}

/** The rows that pass as a run of their own, with some fields. */
export async function passingRows(run: Run, selection: Selection, pace: Pace): Promise<Run> {
  const { from, to, ids, fields } = selection;
  const count = ids ? ids.length : run.ids.length;
  const keptIds = new Int32Array(count);
  const starts = new Int32Array(count + 1);
  let rows = new Int32Array(1024);
  let mask = new Uint8Array(1024);
  let kept = 0;
  let total = 0;
  for (let i = 0; i < count; i++) {
    if ((i & 63) === 63 && pace.isDue) await pace.rest();
    const id = ids ? ids[i]! : run.ids[i]!;
    const position = ids ? findId(run.ids, id) : i;
    const segment = position >= 0 && selection.isWanted(id) ? segmentAt(run, position, from, to) : null;
    if (!segment) continue;
    const { start, end } = segment;
    const length = end - start;
    if (rows.length < total + length) rows = withRoomFor(rows, total + length);
    const test = selection.testOf(id);
    if (test) {
      if (mask.length < length) mask = new Uint8Array(length);
      test.mask(run, start, end, mask);
      for (let row = 0; row < length; row++) if (mask[row] === 1) rows[total++] = start + row;
    } else for (let row = start; row < end; row++) rows[total++] = row;
    if (total === starts[kept]!) continue;
    keptIds[kept++] = id;
    starts[kept] = total;
  }
  const order = rows.subarray(0, total);
  const times = new Float64Array(total);
  for (let i = 0; i < total; i++) times[i] = run.times[order[i]!]!;
  const columns: (Column | undefined)[] = [];
  for (const field of fields) {
    const column = run.columns[field];
    if (column) columns[field] = gathered(column, order);
  }
  const { era, minOffset, maxOffset } = run;
  return {
    era,
    minOffset,
    maxOffset,
    rows: total,
    ids: keptIds.subarray(0, kept),
    starts: starts.subarray(0, kept + 1),
    times,
    columns,
    bytes: 0,
  };
}

function withRoomFor(rows: Int32Array<ArrayBuffer>, length: number): Int32Array<ArrayBuffer> {
  const next = new Int32Array(Math.max(length, 2 * rows.length));
  next.set(rows);
  return next;
}
