// Writes the part of one partition (days, slice) from runs: hot blocks, late rows, and the parts it replaces.
import type { Column } from '../memory/columns.ts';
import { ColumnBuilder } from '../memory/columns.ts';
import { eraSpan, instantOf, timeOf } from '../memory/era.ts';
import { inTurn, RowCursor, segmentsById } from '../memory/row-cursor.ts';
import { boundaries, type Run, timeSpan } from '../memory/run.ts';
import type { SeriesStore } from '../memory/series-store.ts';
import type { Pace } from '../pace.ts';
import type { FileLayer } from '../storage/files.ts';
import { maxSliceText, type PartEntry, PartWriter, partName, sliceRows } from '../storage/part.ts';
import { type Days, rangeOf } from '../storage/parts.ts';

/** Finding the rows of so many tag sets takes some milliseconds. */
const idsAtOnce = 4096;
/** Rows that are copied before others may get their turn: with strings, half a microsecond a row and field. */
const rowsAtOnce = 4096;

export interface PartitionInput {
  readonly series: SeriesStore;
  /** Runs that together hold each row of a tag set once. */
  readonly base: readonly Run[];
  readonly late: readonly Run[];
}

export interface PartitionPlan extends Days {
  readonly number: number;
  readonly volume: number;
  readonly directory: string;
  readonly slice: number;
  readonly inputs: readonly PartitionInput[];
  isOwn(series: number, id: number): boolean;
  /** Rows to leave out; null: none of this tag set. */
  dropped(series: SeriesStore, id: number): ((row: RowCursor) => boolean) | null;
}

export interface WrittenPartition {
  /** Null when no row is left. */
  readonly entry: PartEntry | null;
  readonly droppedRows: number;
}

export async function writePartition(files: FileLayer, plan: PartitionPlan, pace: Pace): Promise<WrittenPartition> {
  const window = rangeOf(plan);
  const { era } = instantOf(window.fromNs);
  const path = `${plan.directory}/${partName(plan.number)}`;
  let writer: PartWriter | null = null;
  let droppedRows = 0;
  try {
    for (const { series, base, late } of [...plan.inputs].sort((a, b) => a.series.number - b.series.number)) {
      const isOwn = (id: number) => plan.isOwn(series.number, id);
      let slice = new SliceBuilder(series, era);
      const flush = async () => {
        if (slice.rows === 0) return;
        writer ??= await PartWriter.create(files, path);
        await writer.add(series.number, slice.build());
        slice = new SliceBuilder(series, era);
      };
      const lastId = [...base, ...late].reduce((last, run) => Math.max(last, run.ids.at(-1) ?? -1), -1);
      for (let low = 0; low <= lastId; low += idsAtOnce) {
        const baseSegments = segmentsById(base, window, null, isOwn, low, low + idsAtOnce);
        const lateSegments = segmentsById(late, window, null, isOwn, low, low + idsAtOnce);
        const ids = [...new Set([...baseSegments.keys(), ...lateSegments.keys()])].sort((a, b) => a - b);
        for (const id of ids) {
          const lateOnes = lateSegments.get(id) ?? [];
          const isDropped = plan.dropped(series, id);
          if (lateOnes.length === 0 && !isDropped) {
            for (const segment of inTurn(baseSegments.get(id)!, 1)) {
              for (let row = segment.start; row < segment.end; ) {
                row += slice.putRange(id, segment.run, row, segment.end);
                if (slice.isFull) await flush();
                if (pace.isDue) await pace.rest();
              }
            }
          } else {
            const cursor = new RowCursor(id, baseSegments.get(id) ?? [], lateOnes, 1);
            for (let row = 1; cursor.next(); row++) {
              if (isDropped?.(cursor)) droppedRows++;
              else slice.putRow(cursor);
              if (slice.isFull) await flush();
              if ((row & 255) === 0 && pace.isDue) await pace.rest();
            }
          }
          if (pace.isDue) await pace.rest();
        }
        if (pace.isDue) await pace.rest();
      }
      await flush();
    }
    if (!writer) return { entry: null, droppedRows };
    const finished = await (writer as PartWriter).finish();
    const { number, volume, day, days, slice } = plan;
    const written = (writer as PartWriter).slices;
    const series = [...Map.groupBy(written, (one) => one.series)].map(([seriesNumber, own]) => ({
      number: seriesNumber,
      rows: own.reduce((sum, { rows }) => sum + rows, 0),
      firstNs: String(timeOf(era, Math.min(...own.map(({ minOffset }) => minOffset)))),
      lastNs: String(timeOf(era, Math.max(...own.map(({ maxOffset }) => maxOffset)))),
    }));
    const rows = series.reduce((sum, one) => sum + one.rows, 0);
    return { entry: { number, volume, day, days, slice, rows, series, ...finished }, droppedRows };
  } catch (error) {
    await (writer as PartWriter | null)?.abort();
    await files.remove(path).catch(() => undefined);
    throw error;
  }
}

/** Rows of one series in the order of (id, time), up to the length of a slice. */
class SliceBuilder {
  readonly #series: SeriesStore;
  readonly #era: number;
  readonly #maxRows: number;
  #ids: Int32Array = new Int32Array(0);
  #times: Float64Array = new Float64Array(0);
  readonly #columns: (ColumnBuilder | undefined)[] = [];
  rows = 0;

  constructor(series: SeriesStore, era: number) {
    this.#series = series;
    this.#era = era;
    this.#maxRows = sliceRows(series.fields.length);
    this.#grow(256);
  }

  get isFull(): boolean {
    return (
      this.rows === this.#maxRows ||
      this.#columns.some((column) => column !== undefined && column.textLength > maxSliceText)
    );
  }

  /** Takes as many of the rows as there is room for. */
  putRange(id: number, run: Run, from: number, to: number): number {
    const count = Math.min(this.#maxRows - this.rows, to - from, rowsAtOnce);
    const at = this.rows;
    if (at + count > this.#ids.length) this.#grow(at + count);
    const shift = (run.era - this.#era) * eraSpan;
    this.#ids.fill(id, at, at + count);
    if (shift === 0) this.#times.set(run.times.subarray(from, from + count), at);
    else for (let i = 0; i < count; i++) this.#times[at + i] = run.times[from + i]! + shift;
    for (const [field, column] of run.columns.entries()) {
      if (column) this.#column(field).putRange(at, column, from, from + count);
    }
    this.rows += count;
    return count;
  }

  putRow(cursor: RowCursor): void {
    const at = this.rows++;
    if (at === this.#ids.length) this.#grow(at + 1);
    this.#ids[at] = cursor.id;
    this.#times[at] = cursor.offset + (cursor.era - this.#era) * eraSpan;
    for (let field = 0; field < this.#series.fields.length; field++) {
      if (cursor.has(field)) cursor.copy(field, this.#column(field), at);
    }
  }

  build(): Run {
    const { rows } = this;
    const times = this.#times.subarray(0, rows);
    const columns: (Column | undefined)[] = Array.from(this.#columns, (column) => column?.peek(rows));
    const { ids, starts } = boundaries(
      new Int32Array(rows).map((_, i) => i),
      this.#ids,
    );
    return { era: this.#era, rows, ids, starts, times, columns, ...timeSpan(times), bytes: 0 };
  }

  #grow(rows: number): void {
    const capacity = Math.min(this.#maxRows, Math.max(rows, 2 * this.#ids.length));
    const ids = new Int32Array(capacity);
    ids.set(this.#ids);
    this.#ids = ids;
    const times = new Float64Array(capacity);
    times.set(this.#times);
    this.#times = times;
    for (const column of this.#columns) column?.grow(capacity);
  }

  #column(field: number): ColumnBuilder {
    let column = this.#columns[field];
    if (!column) {
      column = new ColumnBuilder(this.#series.fields[field]!.type, this.#ids.length);
      this.#columns[field] = column;
    }
    return column;
  }
}
