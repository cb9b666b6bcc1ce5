// Aggregates by bucket and tags. Rows of a tag set lie together in time order, so a bucket is a range of a column and its loop is as tight as can be.
// What a filter on fields lets pass is copied together first; only tag sets with late rows in the range are resolved row by row.

import type { QueryResult, QuerySpec, Column as ResultColumn } from '../../../src/kdb/engine.ts';
import { EngineError } from '../../../src/kdb/engine-error.ts';
import type { Column } from '../memory/columns.ts';
import { offsetWithin } from '../memory/era.ts';
import { inTurn, type Segment, segmentAt, segmentsById, type Window } from '../memory/row-cursor.ts';
import { findId } from '../memory/run.ts';
import type { SeriesStore } from '../memory/series-store.ts';
import type { Pace } from '../pace.ts';
import { type Buckets, bucketsOf, type Cuts } from './buckets.ts';
import { NeedsBigInts } from './cells/cells.ts';
import { cellsOfSelect, fieldsOfSelect, type Selected } from './cells/of-select.ts';
import { compileFilter, tagNumber } from './filter.ts';
import { type Groups, groupTagSets } from './groups.ts';
import { passingRows } from './passing-rows.ts';
import { resolvedRuns } from './resolved-runs.ts';
import { tagColumn } from './result.ts';
import type { Source } from './source.ts';
import { splitByLate } from './split.ts';

/** Cells that are laid out as groups × buckets; above that they are found by a map. */
const maxDenseCells = 1 << 20;
/** Cells that a query may hold: 8 bytes for each of its aggregates. */
const maxCells = 1 << 23;

interface Aggregation {
  readonly series: SeriesStore;
  readonly spec: QuerySpec;
  readonly groups: Groups;
  /** Selected tag sets; null where they are many. */
  readonly ids: readonly number[] | null;
  readonly buckets: Buckets;
  readonly cells: CellMap;
  readonly selected: Selected;
  /** What rows are asked for. */
  readonly fields: readonly number[];
  readonly cuts: Cuts;
  cutCells: Int32Array;
}

export async function aggregate(source: Source, spec: QuerySpec, pace: Pace): Promise<QueryResult> {
  try {
    return await run(source, spec, pace, false);
  } catch (error) {
    if (!(error instanceof NeedsBigInts)) throw error;
    return run(source, spec, pace, true);
  }
}

async function run(source: Source, spec: QuerySpec, pace: Pace, exact: boolean): Promise<QueryResult> {
  const { series } = source;
  const selected = cellsOfSelect(spec.select, series, exact);
  const filter = compileFilter(spec.where, series);
  const by = spec.by.map((tag) => tagNumber(series, tag));
  const groups = groupTagSets(series, by, filter, spec.where !== null);
  const span = source.span(spec);
  const buckets = bucketsOf(spec.bucket, span?.firstNs ?? 0n, span?.lastNs ?? 0n);
  const cells = new CellMap(groups.count, buckets.count, (room) => {
    for (const field of selected.fields) field.cells.grow(room);
  });
  const state: Aggregation = {
    series,
    spec,
    groups,
    ids: groups.isEverything ? null : groups.ids,
    buckets,
    cells,
    selected,
    fields: fieldsOfSelect(spec.select, series),
    cuts: { ends: new Int32Array(64), buckets: new Float64Array(64) },
    cutCells: new Int32Array(64),
  };
  if (span && groups.ids.length > 0) {
    const wanted = [...new Set([...state.fields, ...filter.fields])];
    for await (const window of source.windows(spec, groups.ids, 'asc', false))
      await (selected.isOrdered ? addInOrder(state, window, wanted, pace) : addWindow(state, window, wanted, pace));
  }
  for (const field of selected.fields) await field.cells.settle?.(pace);
  return assemble(state);
}

async function addWindow(state: Aggregation, window: Window, wanted: readonly number[], pace: Pace): Promise<void> {
  const { groups, ids, fields } = state;
  const { covers } = window;
  const isWanted = (id: number) => groups.ofId[id]! >= 0 && (covers === null || covers(id));
  const late = window.late.length > 0 ? segmentsById(window.late, window, ids, isWanted) : none;
  const isPlain = late.size > 0 ? (id: number) => isWanted(id) && !late.has(id) : isWanted;

  for (const run of window.base) {
    const from = offsetWithin(run.era, window.fromNs);
    const to = offsetWithin(run.era, window.toNs);
    if (from > run.maxOffset || to <= run.minOffset) continue;
    const few = ids !== null && ids.length * 8 < run.ids.length ? ids : null;
    if (groups.isTested) {
      const selection = { from, to, ids: few, isWanted: isPlain, testOf: groups.testOf, fields };
      const passing = await passingRows(run, selection, pace);
      for (let i = 0; i < passing.ids.length; i++) {
        addSegment(state, { run: passing, start: passing.starts[i]!, end: passing.starts[i + 1]! }, passing.ids[i]!);
        if ((i & 63) === 63 && pace.isDue) await pace.rest();
      }
      continue;
    }
    const count = few ? few.length : run.ids.length;
    for (let i = 0; i < count; i++) {
      const id = few ? few[i]! : run.ids[i]!;
      const position = few ? findId(run.ids, id) : i;
      if (position < 0 || !isPlain(id)) continue;
      const segment = segmentAt(run, position, from, to);
      if (segment) addSegment(state, segment, id);
      if ((i & 63) === 63 && pace.isDue) await pace.rest();
    }
    if (pace.isDue) await pace.rest();
  }

  if (late.size === 0) return;
  const base = segmentsById(window.base, window, ids, (id) => late.has(id));
  for (const [id, ownLate] of late) {
    const test = groups.testOf(id);
    let ownBase = base.get(id) ?? [];
    if (!test) {
      const { untouched, overlaid } = splitByLate(ownBase, ownLate);
      for (const segment of untouched) addSegment(state, segment, id);
      ownBase = overlaid;
    }
    for (const run of resolvedRuns(state.series, id, ownBase, ownLate, wanted, test)) {
      addSegment(state, { run, start: 0, end: run.rows }, id);
    }
    if (pace.isDue) await pace.rest();
  }
}

/** Each tag set in the order of time; the windows come in that order themselves. What is filtered or has late rows is resolved row by row. */
async function addInOrder(state: Aggregation, window: Window, wanted: readonly number[], pace: Pace): Promise<void> {
  const { groups, ids, series } = state;
  const { covers } = window;
  const isWanted = (id: number) => groups.ofId[id]! >= 0 && (covers === null || covers(id));
  const base = segmentsById(window.base, window, ids, isWanted);
  const late = segmentsById(window.late, window, ids, isWanted);
  for (const id of new Set([...base.keys(), ...late.keys()])) {
    const test = groups.isTested ? groups.testOf(id) : undefined;
    const ownBase = base.get(id) ?? [];
    const ownLate = late.get(id) ?? [];
    if (test || ownLate.length > 0)
      for (const run of resolvedRuns(series, id, ownBase, ownLate, wanted, test))
        addSegment(state, { run, start: 0, end: run.rows }, id);
    else for (const piece of inTurn(ownBase, 1)) addSegment(state, piece, id);
    if (pace.isDue) await pace.rest();
  }
}

const none: ReadonlyMap<number, Segment[]> = new Map();

function addSegment(state: Aggregation, { run, start, end }: Segment, id: number): void {
  const { buckets, cuts, cells } = state;
  const count = buckets.cut(run.era, run.times, start, end, cuts);
  if (state.cutCells.length < count) state.cutCells = new Int32Array(2 * count);
  const group = state.groups.ofId[id]!;
  for (let cut = 0; cut < count; cut++) state.cutCells[cut] = cells.cell(group, cuts.buckets[cut]!);
  for (const field of state.selected.fields) {
    const column: Column | undefined = run.columns[field.field];
    if (column) field.cells.add(run, id, column, start, cuts.ends, state.cutCells, count);
  }
}

/** Numbers the cells that have points. */
class CellMap {
  readonly #buckets: number;
  readonly #present: Uint8Array | null;
  readonly #maps: Map<number, number>[] = [];
  readonly #grow: (room: number) => void;
  #room = 0;
  #count = 0;

  constructor(groups: number, buckets: number, grow: (room: number) => void) {
    this.#buckets = buckets;
    this.#grow = grow;
    const dense = groups * buckets <= maxDenseCells;
    this.#present = dense ? new Uint8Array(groups * buckets) : null;
    this.#room = dense ? groups * buckets : 1024;
    grow(this.#room);
    if (!dense) for (let group = 0; group < groups; group++) this.#maps.push(new Map());
  }

  cell(group: number, bucket: number): number {
    if (bucket < 0) return -1;
    if (this.#present) {
      const cell = group * this.#buckets + bucket;
      this.#present[cell] = 1;
      return cell;
    }
    let cell = this.#maps[group]!.get(bucket);
    if (cell === undefined) {
      cell = this.#count++;
      if (cell >= maxCells) throw new EngineError('ResultTooLarge', String(maxCells));
      if (cell >= this.#room) {
        this.#room *= 2;
        this.#grow(this.#room);
      }
      this.#maps[group]!.set(bucket, cell);
    }
    return cell;
  }

  /** The cells that have points as result rows: by group, then bucket. */
  rows(compare: Buckets['compare'], descending: boolean): { group: number[]; bucket: number[]; cell: number[] } {
    const rows = { group: [] as number[], bucket: [] as number[], cell: [] as number[] };
    const add = (group: number, bucket: number, cell: number) => {
      rows.group.push(group);
      rows.bucket.push(bucket);
      rows.cell.push(cell);
    };
    if (this.#present) {
      const groups = this.#buckets === 0 ? 0 : this.#present.length / this.#buckets;
      for (let group = 0; group < groups; group++) {
        for (let i = 0; i < this.#buckets; i++) {
          const bucket = descending ? this.#buckets - 1 - i : i;
          const cell = group * this.#buckets + bucket;
          if (this.#present[cell] === 1) add(group, bucket, cell);
        }
      }
    } else {
      for (const [group, map] of this.#maps.entries()) {
        const sorted = [...map.keys()].sort((a, b) => (descending ? compare(b, a) : compare(a, b)));
        for (const bucket of sorted) add(group, bucket, map.get(bucket)!);
      }
    }
    return rows;
  }
}

function assemble({ series, spec, groups, buckets, cells, selected }: Aggregation): QueryResult {
  const all = cells.rows(buckets.compare, spec.order === 'desc');
  if (all.cell.length > spec.limit && !spec.cut) throw new EngineError('ResultTooLarge', String(spec.limit));
  const rows = Math.min(all.cell.length, spec.limit);
  const order = Int32Array.from(all.cell.slice(0, rows));
  const columns: ResultColumn[] = [];
  const anyId = firstIds(groups);
  for (const tag of spec.by)
    columns.push(
      tagColumn(
        series,
        tagNumber(series, tag),
        Array.from({ length: rows }, (_, row) => anyId[all.group[row]!]!),
        rows,
      ),
    );
  if (spec.bucket)
    columns.push({
      kind: 'time',
      name: 'time',
      values: BigInt64Array.from({ length: rows }, (_, row) =>
        BigInt.asIntN(64, clamp(buckets.startNs(all.bucket[row]!))),
      ),
    });
  for (const [i, aggregate] of spec.select.entries()) columns.push(selected.sources[i]!.result(aggregate, order));
  return { columns, rows, next: null };
}

/** Bucket starts before the first representable time are shown as that. */
function clamp(timeNs: bigint): bigint {
  const least = -(2n ** 63n) + 1n;
  return timeNs < least ? least : timeNs;
}

function firstIds(groups: Groups): Int32Array {
  const ids = new Int32Array(groups.count);
  for (let id = groups.ofId.length - 1; id >= 0; id--) if (groups.ofId[id]! >= 0) ids[groups.ofId[id]!] = id;
  return ids;
}
