import type { Aggregate, AggregateOp, Column as ResultColumn } from '../../../../src/kdb/engine.ts';
import { type Column, nullLong } from '../../memory/columns.ts';
import { compareInstants } from '../../memory/era.ts';
import type { Run } from '../../memory/run.ts';
import type { Pace } from '../../pace.ts';
import { type FieldCells, floatsOf, grown } from './cells.ts';
import { Doubles } from './doubles.ts';

/** Of what happens between points of a tag set; the rows of each have to come in the order of time. */
export const changeOps: ReadonlySet<AggregateOp> = new Set<AggregateOp>([
  'twa',
  'increase',
  'delta',
  'rate',
  'derivative',
  'integral',
]);

interface Point {
  era: number;
  offset: number;
  value: number;
  /** Of a long that no double holds. */
  exact: bigint | null;
}

/** A tag set in the cell where it is. */
interface Track {
  cell: number;
  /** The step from its last point before the cell; null: it had none. */
  carried: number | null;
  readonly first: Point;
  readonly last: Point;
  steps: number;
  delta: number;
  area: number;
}

/** A sum over tag sets, and by how much it is divided or how many have come into it. */
class Sums {
  sum = new Float64Array(0);
  weight = new Float64Array(0);

  grow(cells: number): void {
    this.sum = grown(this.sum, cells);
    this.weight = grown(this.weight, cells);
  }

  add(cell: number, sum: number, weight = 1): void {
    this.sum[cell]! += sum;
    this.weight[cell]! += weight;
  }
}

/** What a tag set does in a cell is added when it goes on to the next one, or at the end. */
export class ChangeCells implements FieldCells {
  readonly #doubles = new Doubles();
  readonly #tracks = new Map<number, Track>();
  readonly #sums = new Map<AggregateOp, Sums>();
  /** Points that are alone in their cell. */
  readonly #alone = new Sums();

  constructor(ops: Iterable<AggregateOp>) {
    for (const op of ops) this.#sums.set(op, new Sums());
  }

  grow(cells: number): void {
    for (const sums of this.#sums.values()) sums.grow(cells);
    if (this.#sums.has('twa')) this.#alone.grow(cells);
  }

  add(run: Run, id: number, column: Column, from: number, ends: Int32Array, cells: Int32Array, cuts: number): void {
    if (cuts === 0) return;
    const values = this.#doubles.of(column, from, ends[cuts - 1]!);
    const { shift } = this.#doubles;
    let start = from;
    for (let cut = 0; cut < cuts; cut++) {
      const end = ends[cut]!;
      const cell = cells[cut]!;
      if (cell >= 0) {
        let row = start;
        while (row < end && Number.isNaN(values[row - shift]!)) row++;
        if (row < end) {
          const track = this.#arrive(id, cell, pointAt(run, column, values[row - shift]!, row));
          if (column.kind === 'big') goOnExactly(track, run, column.values, row + 1, end);
          else goOn(track, run, values, shift, row + 1, end);
        }
      }
      start = end;
    }
  }

  /** The first point of some rows, all of one cell. */
  #arrive(id: number, cell: number, point: Point): Track {
    const known = this.#tracks.get(id);
    if (known?.cell === cell) {
      takeStep(known, point);
      return known;
    }
    if (known) this.#leave(known);
    const carried = known ? stepOf(differenceOf(point, known.last), point.value) : null;
    const track = { cell, carried, first: { ...point }, last: point, steps: 0, delta: 0, area: 0 };
    this.#tracks.set(id, track);
    return track;
  }

  #leave({ cell, carried, first, last, steps, delta, area }: Track): void {
    const sums = this.#sums;
    if (carried !== null || steps > 0) sums.get('increase')?.add(cell, (carried ?? 0) + delta);
    if (steps === 0) {
      if (sums.has('twa')) this.#alone.add(cell, last.value);
      return;
    }
    const seconds = secondsOf(last, first);
    sums.get('delta')?.add(cell, delta);
    sums.get('rate')?.add(cell, delta / seconds);
    sums.get('derivative')?.add(cell, differenceOf(last, first) / seconds);
    sums.get('integral')?.add(cell, area);
    sums.get('twa')?.add(cell, area, seconds);
  }

  async settle(pace: Pace): Promise<void> {
    let count = 0;
    for (const track of this.#tracks.values()) {
      this.#leave(track);
      if ((++count & 4095) === 0 && pace.isDue) await pace.rest();
    }
    this.#tracks.clear();
  }

  result({ op, as }: Aggregate, order: Int32Array): ResultColumn {
    const { sum, weight } = this.#sums.get(op)!;
    if (op !== 'twa') return floatsOf(as, order, (cell) => (weight[cell] === 0 ? Number.NaN : sum[cell]!));
    const alone = this.#alone;
    return floatsOf(as, order, (cell) =>
      weight[cell] === 0 ? alone.sum[cell]! / alone.weight[cell]! : sum[cell]! / weight[cell]!,
    );
  }
}

function pointAt(run: Run, column: Column, value: number, row: number): Point {
  return { era: run.era, offset: run.times[row]!, value, exact: column.kind === 'big' ? column.values[row]! : null };
}

/** Rows [from, to) of a tag set that is in the cell already. */
function goOn(track: Track, run: Run, values: Float64Array, shift: number, from: number, to: number): void {
  const { times } = run;
  const { last } = track;
  let { value: before, offset: since } = last;
  let { steps, delta, area } = track;
  for (let row = from; row < to; row++) {
    const value = values[row - shift]!;
    if (Number.isNaN(value)) continue;
    const time = times[row]!;
    delta += value >= before ? value - before : value;
    area += 0.5 * (before + value) * ((time - since) / 1e9);
    steps++;
    before = value;
    since = time;
  }
  if (steps === track.steps) return;
  track.steps = steps;
  track.delta = delta;
  track.area = area;
  last.era = run.era;
  last.offset = since;
  last.value = before;
  last.exact = null;
}

function goOnExactly(track: Track, run: Run, values: BigInt64Array, from: number, to: number): void {
  for (let row = from; row < to; row++) {
    const exact = values[row]!;
    if (exact === nullLong) continue;
    takeStep(track, { era: run.era, offset: run.times[row]!, value: Number(exact), exact });
  }
}

function takeStep(track: Track, point: Point): void {
  const { last } = track;
  track.delta += stepOf(differenceOf(point, last), point.value);
  track.area += 0.5 * (last.value + point.value) * secondsOf(point, last);
  track.steps++;
  last.era = point.era;
  last.offset = point.offset;
  last.value = point.value;
  last.exact = point.exact;
}

/** A counter that is lower than it was began at 0 again. */
function stepOf(difference: number, value: number): number {
  return difference >= 0 ? difference : value;
}

function differenceOf(a: Point, b: Point): number {
  if (a.exact === null && b.exact === null) return a.value - b.value;
  return Number((a.exact ?? BigInt(a.value)) - (b.exact ?? BigInt(b.value)));
}

function secondsOf(a: Point, b: Point): number {
  return compareInstants(a.era, a.offset, b.era, b.offset) / 1e9;
}
