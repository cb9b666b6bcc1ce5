// Raw points: the rows of each tag set are in time order already; a heap merges tag sets.

import type { Cursor, QueryResult, QuerySpec, Column as ResultColumn } from '../../../src/kdb/engine.ts';
import { EngineError } from '../../../src/kdb/engine-error.ts';
import { ColumnBuilder } from '../memory/columns.ts';
import { compareInstants, instantOf, timeOf } from '../memory/era.ts';
import { type Direction, RowCursor, segmentsById, type Window } from '../memory/row-cursor.ts';
import type { SeriesStore } from '../memory/series-store.ts';
import type { Pace } from '../pace.ts';
import { compileFilter, fieldsNamed, tagNumber } from './filter.ts';
import { withFirstRows } from './first-rows.ts';
import { type Groups, groupTagSets } from './groups.ts';
import { fieldColumn, tagColumn, timeColumn } from './result.ts';
import type { Source } from './source.ts';

export async function rawPoints(source: Source, spec: QuerySpec, pace: Pace): Promise<QueryResult> {
  const { series } = source;
  const fields = fieldsNamed(spec.fields, series);
  const by = spec.by.map((tag) => tagNumber(series, tag));
  const filter = compileFilter(spec.where, series);
  const groups = groupTagSets(series, by, filter, spec.where !== null);
  const members: (readonly number[])[] = by.length === 0 ? [groups.ids] : membersOf(groups);

  const direction: Direction = spec.order === 'desc' ? -1 : 1;
  const after = by.length === 0 ? spec.after : null;
  let { fromNs, toNs } = spec;
  if (after && direction > 0 && after.timeNs > fromNs) fromNs = after.timeNs;
  if (after && direction < 0 && after.timeNs + 1n < toNs) toNs = after.timeNs + 1n;
  const rows = new Rows(series, fields, spec.limit);
  let next: Cursor | null = null;
  read: for (const ids of members) {
    if (ids.length === 0) continue;
    for await (const window of source.windows({ fromNs, toNs }, ids, spec.order, true)) {
      // One more than are wanted: whether there is a next one is told too. A test has to be asked of every tag set.
      const missing = spec.limit - rows.count + 1;
      const some = groups.isTested ? ids : await withFirstRows(window, ids, direction, after, missing, pace);
      const heap = new CursorHeap(await cursorsOf(window, some, direction, groups, pace), direction);
      for (let cursor = heap.top; cursor; cursor = heap.top) {
        if (!(after && isAtOrBefore(cursor, after))) {
          if (rows.count === spec.limit) {
            if (by.length > 0 && !spec.cut) throw new EngineError('ResultTooLarge', String(spec.limit));
            if (by.length === 0) next = rows.last;
            break read;
          }
          rows.add(cursor);
        }
        heap.advance();
        if ((rows.count & 1023) === 0 && pace.isDue) await pace.rest();
      }
    }
  }
  const tags = by.length > 0 ? by : series.tags.map((_, tag) => tag);
  return { columns: rows.columns(tags), rows: rows.count, next };
}

function membersOf({ count, ids, ofId }: Groups): number[][] {
  const members: number[][] = Array.from({ length: count }, () => []);
  for (const id of ids) members[ofId[id]!]!.push(id);
  return members;
}

/** The cursor's row was given before: times are in order, and of one time so are ids. */
function isAtOrBefore(row: RowCursor, after: Cursor): boolean {
  const { era, offset } = instantOf(after.timeNs);
  return row.era === era && row.offset === offset && row.id <= after.id;
}

/** One cursor per tag set that has a row, standing at its first. */
async function cursorsOf(
  window: Window,
  ids: readonly number[],
  direction: Direction,
  groups: Groups,
  pace: Pace,
): Promise<RowCursor[]> {
  const wanted = new Set(ids);
  const base = segmentsById(window.base, window, ids, (id) => wanted.has(id));
  const late = segmentsById(window.late, window, ids, (id) => wanted.has(id));
  const cursors: RowCursor[] = [];
  for (const id of new Set([...base.keys(), ...late.keys()])) {
    const test = groups.isTested ? groups.testOf(id) : undefined;
    const cursor = new RowCursor(id, base.get(id) ?? [], late.get(id) ?? [], direction, test);
    if (cursor.next()) cursors.push(cursor);
    if (pace.isDue) await pace.rest();
  }
  return cursors;
}

/** Cursors by time, of equal times by tag-set id. */
class CursorHeap {
  readonly #cursors: RowCursor[];
  readonly #direction: Direction;

  constructor(cursors: RowCursor[], direction: Direction) {
    this.#cursors = cursors;
    this.#direction = direction;
    for (let i = (cursors.length >> 1) - 1; i >= 0; i--) this.#sink(i);
  }

  get top(): RowCursor | undefined {
    return this.#cursors[0];
  }

  advance(): void {
    const cursors = this.#cursors;
    if (!cursors[0]!.next()) {
      const last = cursors.pop()!;
      if (cursors.length === 0) return;
      cursors[0] = last;
    }
    this.#sink(0);
  }

  #sink(from: number): void {
    const cursors = this.#cursors;
    const sinking = cursors[from]!;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= cursors.length) break;
      if (child + 1 < cursors.length && this.#isBefore(cursors[child + 1]!, cursors[child]!)) child++;
      if (!this.#isBefore(cursors[child]!, sinking)) break;
      cursors[at] = cursors[child]!;
      at = child;
    }
    cursors[at] = sinking;
  }

  #isBefore(a: RowCursor, b: RowCursor): boolean {
    const sign = this.#direction * compareInstants(a.era, a.offset, b.era, b.offset);
    return sign < 0 || (sign === 0 && a.id < b.id);
  }
}

/** The rows of the result as they grow. */
class Rows {
  readonly #series: SeriesStore;
  readonly #fields: readonly { readonly number: number; readonly values: ColumnBuilder }[];
  readonly #ids: number[] = [];
  readonly #eras: number[] = [];
  readonly #offsets: number[] = [];
  #capacity: number;
  count = 0;

  constructor(series: SeriesStore, fields: readonly number[], limit: number) {
    this.#series = series;
    this.#capacity = Math.max(1, Math.min(limit, 256));
    this.#fields = fields.map((number) => ({
      number,
      values: new ColumnBuilder(series.fields[number]!.type, this.#capacity),
    }));
  }

  add(cursor: RowCursor): void {
    if (this.count === this.#capacity) {
      this.#capacity *= 2;
      for (const { values } of this.#fields) values.grow(this.#capacity);
    }
    const at = this.count++;
    this.#ids[at] = cursor.id;
    this.#eras[at] = cursor.era;
    this.#offsets[at] = cursor.offset;
    for (const { number, values } of this.#fields) cursor.copy(number, values, at);
  }

  get last(): Cursor | null {
    const at = this.count - 1;
    return at < 0 ? null : { timeNs: timeOf(this.#eras[at]!, this.#offsets[at]!), id: this.#ids[at]! };
  }

  columns(tags: readonly number[]): ResultColumn[] {
    return [
      timeColumn('time', this.#eras, this.#offsets, this.count),
      ...tags.map((tag) => tagColumn(this.#series, tag, this.#ids, this.count)),
      ...this.#fields.map(({ number, values }) => {
        const { name, type } = this.#series.fields[number]!;
        return fieldColumn(name, type, values.peek(this.count));
      }),
    ];
  }
}
