import type { FieldType } from '../../../src/kdb/engine.ts';
import { type Column, ColumnBuilder, columnBytes } from './columns.ts';
import { orderById, type Run } from './run.ts';
import { type Merged, mergeEqualTimes, orderByTime } from './time-order.ts';

/** Rows of a full block; fewer where they are wide, so that sorting one takes some 10 ms at most. */
const maxBlockRows = 65_536;
const maxBlockValues = 1 << 20;
/** Small: a database may have thousands of series with a few rows each. */
const firstCapacity = 16;

let blocks = 0;

/** Rows of one series and one era in arrival order. Of one tag set and time the fields of a later row win. */
export class OpenBlock {
  readonly era: number;
  /** From 1 on, of no other block. */
  readonly number = ++blocks;
  rows = 0;
  ids: Int32Array = new Int32Array(firstCapacity);
  times: Float64Array = new Float64Array(firstCapacity);
  readonly columns: (ColumnBuilder | undefined)[] = [];
  /** Rows before this one are in the newest-value table already (latest.ts). */
  foldedRows = 0;
  minOffset = Number.POSITIVE_INFINITY;
  maxOffset = 0;
  /** Sorted copy for readers, until the block changes. */
  #view: { run: Run; order: Int32Array; merged: Merged | null; rows: number } | null = null;

  constructor(era: number) {
    this.era = era;
  }

  /** How many more rows it takes. */
  get room(): number {
    const rows = Math.min(maxBlockRows, Math.floor(maxBlockValues / Math.max(1, this.columns.length)));
    return Math.max(0, rows - this.rows);
  }

  get bytes(): number {
    return this.columns.reduce(
      (sum, column) => sum + (column?.bytes ?? 0),
      this.ids.byteLength + this.times.byteLength,
    );
  }

  /** Makes room for `count` more rows (at most `room`). */
  reserve(count: number): void {
    const needed = this.rows + count;
    if (needed <= this.ids.length) return;
    let capacity = this.ids.length;
    while (capacity < needed) capacity *= 2;
    const ids = new Int32Array(capacity);
    ids.set(this.ids);
    this.ids = ids;
    const times = new Float64Array(capacity);
    times.set(this.times);
    this.times = times;
    for (const column of this.columns) column?.grow(capacity);
  }

  /** Widens what is known of the times by one of them. */
  extend(offset: number): void {
    if (offset < this.minOffset) this.minOffset = offset;
    if (offset > this.maxOffset) this.maxOffset = offset;
  }

  column(field: number, type: FieldType): ColumnBuilder {
    let column = this.columns[field];
    if (!column) {
      column = new ColumnBuilder(type, this.ids.length);
      this.columns[field] = column;
    }
    return column;
  }

  /** A row that is there was changed. */
  changed(): void {
    this.#view = null;
  }

  /** An immutable sorted copy with the given fields. The order is found once per state of the block, columns are copied as they are asked for. */
  view(fields: readonly number[]): Run {
    if (this.#view?.rows !== this.rows) {
      const byId = orderById(this.ids, this.rows);
      const times = orderByTime(byId, this.times);
      const merged = mergeEqualTimes(byId, times);
      const run = {
        era: this.era,
        rows: merged?.rows ?? this.rows,
        ids: byId.ids,
        starts: merged?.starts ?? byId.starts,
        times: merged?.times ?? times,
        columns: [],
        minOffset: this.minOffset,
        maxOffset: this.maxOffset,
        bytes: 0,
      };
      this.#view = { run, order: byId.order, merged, rows: this.rows };
    }
    const { run, order, merged } = this.#view;
    const columns = run.columns as (Column | undefined)[];
    for (const field of fields) {
      const column = this.columns[field];
      columns[field] ??= merged ? column?.merged(order, merged.targets, merged.rows) : column?.gathered(order);
    }
    return run;
  }

  /** The block as a run with every field, for good. */
  seal(): Run {
    const run = this.view(this.columns.map((_, field) => field));
    const columns = Array.from({ length: this.columns.length }, (_, field) => run.columns[field]);
    this.#view = null;
    this.ids = new Int32Array(0);
    this.times = new Float64Array(0);
    this.columns.length = 0;
    const bytes = columns.reduce(
      (sum, column) => sum + (column ? columnBytes(column) : 0),
      run.ids.byteLength + run.starts.byteLength + run.times.byteLength,
    );
    return { ...run, columns, bytes };
  }
}
