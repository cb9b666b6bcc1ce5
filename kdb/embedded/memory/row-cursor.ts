// Rows of one tag set in time order, resolved: base rows (each time once) with late rows laid over them.
import type { Column, ColumnBuilder, Value } from './columns.ts';
import { valueAt } from './columns.ts';
import { compareInstants, eraSpan, offsetWithin } from './era.ts';
import type { FieldTest } from './field-test.ts';
import { findId, firstAtLeast, lowerBound, type Run } from './run.ts';

export type Direction = 1 | -1;

/** Rows [row, end) of a run, all of one tag set. */
export interface Segment {
  readonly run: Run;
  readonly start: number;
  readonly end: number;
}

/** What a query reads at once: everything of a time range. */
export interface Window {
  readonly fromNs: bigint;
  readonly toNs: bigint;
  /** No two rows of a tag set have one time; their runs may overlap. */
  readonly base: readonly Run[];
  /** Oldest first: of equal times the fields of a later run win. */
  readonly late: readonly Run[];
  /** The tag sets that the window is about; null: every one. */
  readonly covers: ((id: number) => boolean) | null;
}

/** The rows of one position of run.ids that lie in the range; null when there are none. */
export function segmentAt(run: Run, position: number, from: number, to: number): Segment | null {
  const first = run.starts[position]!;
  const last = run.starts[position + 1]!;
  const start = from <= run.minOffset ? first : lowerBound(run.times, from, first, last);
  const end = to > run.maxOffset ? last : lowerBound(run.times, to, start, last);
  return start < end ? { run, start, end } : null;
}

/** Per tag set its segments in a window. `ids` null: of every tag set from `low` below `high` that is wanted. */
export function segmentsById(
  runs: readonly Run[],
  window: { fromNs: bigint; toNs: bigint },
  ids: readonly number[] | null,
  isWanted: (id: number) => boolean,
  low = 0,
  high = Number.POSITIVE_INFINITY,
): Map<number, Segment[]> {
  const found = new Map<number, Segment[]>();
  const add = (run: Run, id: number, position: number, from: number, to: number) => {
    const segment = segmentAt(run, position, from, to);
    if (!segment) return;
    const segments = found.get(id);
    if (segments) segments.push(segment);
    else found.set(id, [segment]);
  };
  for (const run of runs) {
    const from = offsetWithin(run.era, window.fromNs);
    const to = offsetWithin(run.era, window.toNs);
    if (from > run.maxOffset || to <= run.minOffset) continue;
    if (ids !== null && ids.length * 8 < run.ids.length) {
      for (const id of ids) {
        const position = isWanted(id) ? findId(run.ids, id) : -1;
        if (position >= 0) add(run, id, position, from, to);
      }
    } else {
      for (
        let position = firstAtLeast(run.ids, low);
        position < run.ids.length && run.ids[position]! < high;
        position++
      ) {
        const id = run.ids[position]!;
        if (isWanted(id)) add(run, id, position, from, to);
      }
    }
  }
  return found;
}

/**
 * Segments of one tag set that have no time in common, as pieces in the order of time (or against it). Blocks that were filled while requests overtook
 * each other overlap at their ends: there the pieces alternate.
 */
export function* inTurn(segments: readonly Segment[], direction: Direction): Generator<Segment> {
  const left = [...segments].sort((a, b) => compareEdges(a, b, direction));
  for (let first = left.shift(); first; first = left.shift()) {
    const [other] = left;
    const piece = other ? before(first, other, direction) : first;
    yield piece;
    const rest = direction > 0 ? { ...first, start: piece.end } : { ...first, end: piece.start };
    if (rest.start === rest.end) continue;
    let at = 0;
    while (at < left.length && compareEdges(left[at]!, rest, direction) < 0) at++;
    left.splice(at, 0, rest);
  }
}

/** By the row that comes first in the direction. */
function compareEdges(a: Segment, b: Segment, direction: Direction): number {
  const rowA = direction > 0 ? a.start : a.end - 1;
  const rowB = direction > 0 ? b.start : b.end - 1;
  return direction * compareInstants(a.run.era, a.run.times[rowA]!, b.run.era, b.run.times[rowB]!);
}

/** The rows of the first segment that come before any of the other, one at least. */
function before({ run, start, end }: Segment, other: Segment, direction: Direction): Segment {
  // A sum that is not exact is far outside what the run holds.
  const shift = (other.run.era - run.era) * eraSpan;
  const edge = other.run.times[direction > 0 ? other.start : other.end - 1]! + shift;
  const row = lowerBound(run.times, edge, start, end);
  return direction > 0 ? { run, start, end: Math.max(row, start + 1) } : { run, start: Math.min(row, end - 1), end };
}

/** Rows that a test is asked for at once. */
const maskRows = 1024;
const noMask = new Uint8Array(0);

interface Stream {
  readonly pieces: Iterator<Segment>;
  piece: Segment;
  row: number;
}

export class RowCursor {
  readonly id: number;
  readonly #direction: Direction;
  readonly #test: FieldTest | undefined;
  /** Rows [from, to) of a piece as the test masks them, while no late rows are over them. */
  #mask: Uint8Array = noMask;
  #maskFrom = 0;
  #maskTo = 0;
  /** The base rows in turn, then each late run. */
  readonly #streams: Stream[] = [];
  /** Where the current row stands, oldest first. */
  readonly #runs: Run[] = [];
  readonly #rows: number[] = [];
  era = 0;
  offset = 0;

  constructor(id: number, base: readonly Segment[], late: readonly Segment[], direction: Direction, test?: FieldTest) {
    this.id = id;
    this.#direction = direction;
    this.#test = test;
    if (base.length > 0) this.#open(base.length === 1 ? base.values() : inTurn(base, direction));
    for (const segment of late) this.#open([segment].values());
  }

  /** Moves to the next row that passes the test; false at the end. */
  next(): boolean {
    const test = this.#test;
    if (test && this.#streams.length === 1) return this.#nextAlone(this.#streams[0]!, test);
    while (this.#step()) if (!test || test.row(this.read)) return true;
    return false;
  }

  /** Without late rows the test is asked for many rows at once. */
  #nextAlone(stream: Stream, test: FieldTest): boolean {
    const direction = this.#direction;
    for (;;) {
      const { run, start, end } = stream.piece;
      let { row } = stream;
      if (row < this.#maskFrom || row >= this.#maskTo) {
        this.#maskFrom = direction > 0 ? row : Math.max(start, row + 1 - maskRows);
        this.#maskTo = direction > 0 ? Math.min(end, row + maskRows) : row + 1;
        const rows = this.#maskTo - this.#maskFrom;
        if (this.#mask.length < rows) this.#mask = new Uint8Array(rows);
        test.mask(run, this.#maskFrom, this.#maskTo, this.#mask);
      }
      while (row >= this.#maskFrom && row < this.#maskTo && this.#mask[row - this.#maskFrom] === 0) row += direction;
      stream.row = row;
      if (row >= this.#maskFrom && row < this.#maskTo) return this.#stepAlone(stream);
      if (row >= start && row < end) continue;
      if (this.#nextPiece(stream)) continue;
      this.#streams.length = 0;
      return false;
    }
  }

  #step(): boolean {
    const streams = this.#streams;
    if (streams.length === 1) return this.#stepAlone(streams[0]!);
    this.#runs.length = 0;
    this.#rows.length = 0;
    if (streams.length === 0) return false;
    this.#maskTo = 0;
    let best: Run | null = null;
    for (const stream of streams) {
      const { run } = stream.piece;
      const offset = run.times[stream.row]!;
      const sign = best === null ? -1 : this.#direction * compareInstants(run.era, offset, this.era, this.offset);
      if (sign < 0) {
        best = run;
        this.era = run.era;
        this.offset = offset;
      }
    }
    for (let i = 0; i < streams.length; i++) {
      const stream = streams[i]!;
      const { run } = stream.piece;
      if (compareInstants(run.era, run.times[stream.row]!, this.era, this.offset) !== 0) continue;
      this.#runs.push(run);
      this.#rows.push(stream.row);
      if (!this.#advance(stream)) streams.splice(i--, 1);
    }
    return true;
  }

  /** Without late rows there is nothing to compare with. CPU of a filter on a field over 432,000 rows: 260 ms by comparing, 180 ms so. */
  #stepAlone(stream: Stream): boolean {
    const { run } = stream.piece;
    this.#runs.length = 1;
    this.#rows.length = 1;
    this.#runs[0] = run;
    this.#rows[0] = stream.row;
    this.era = run.era;
    this.offset = run.times[stream.row]!;
    if (!this.#advance(stream)) this.#streams.length = 0;
    return true;
  }

  read = (field: number): Value | null => {
    for (let i = this.#runs.length - 1; i >= 0; i--) {
      const value = valueAt(this.#runs[i]!.columns[field], this.#rows[i]!);
      if (value !== null) return value;
    }
    return null;
  };

  /** Whether the current row may have a value of the field. */
  has(field: number): boolean {
    return this.#runs.some((run) => run.columns[field] !== undefined);
  }

  copy(field: number, to: ColumnBuilder, at: number): void {
    for (let i = 0; i < this.#runs.length; i++) {
      const column: Column | undefined = this.#runs[i]!.columns[field];
      if (column) to.put(at, column, this.#rows[i]!);
    }
  }

  #open(pieces: Iterator<Segment>): void {
    const piece: Segment = pieces.next().value;
    this.#streams.push({ pieces, piece, row: this.#direction > 0 ? piece.start : piece.end - 1 });
  }

  #advance(stream: Stream): boolean {
    const { start, end } = stream.piece;
    stream.row += this.#direction;
    return (stream.row >= start && stream.row < end) || this.#nextPiece(stream);
  }

  #nextPiece(stream: Stream): boolean {
    this.#maskTo = 0;
    const { value, done } = stream.pieces.next();
    if (done) return false;
    stream.piece = value;
    stream.row = this.#direction > 0 ? value.start : value.end - 1;
    return true;
  }
}
