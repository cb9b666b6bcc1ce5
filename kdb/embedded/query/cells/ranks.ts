import type { Aggregate, Column as ResultColumn } from '../../../../src/kdb/engine.ts';
import { EngineError } from '../../../../src/kdb/engine-error.ts';
import type { Column } from '../../memory/columns.ts';
import type { Run } from '../../memory/run.ts';
import type { Pace } from '../../pace.ts';
import { type FieldCells, floatsOf } from './cells.ts';
import { Doubles } from './doubles.ts';

/** Values that are kept at once, all cells together: 12 bytes each, and 8 more when they are laid out by cell. */
const maxValues = 1 << 23;

/** Percentiles: every value is kept until the end, then those around the wanted ranks are found in each cell. */
export class RankCells implements FieldCells {
  readonly #percentiles: readonly number[];
  readonly #doubles = new Doubles();
  #values = new Float64Array(4096);
  #cells = new Int32Array(4096);
  #count = 0;
  #room = 0;
  /** Results by cell. */
  readonly #found = new Map<number, Float64Array>();

  constructor(percentiles: readonly number[]) {
    this.#percentiles = percentiles;
  }

  grow(cells: number): void {
    this.#room = cells;
  }

  add(_run: Run, _id: number, column: Column, from: number, ends: Int32Array, cells: Int32Array, cuts: number): void {
    if (cuts === 0) return;
    const to = ends[cuts - 1]!;
    const values = this.#doubles.of(column, from, to);
    const { shift } = this.#doubles;
    this.#makeRoom(this.#count + to - from);
    let row = from;
    let at = this.#count;
    for (let cut = 0; cut < cuts; cut++) {
      const end = ends[cut]!;
      const cell = cells[cut]!;
      if (cell < 0) row = end;
      for (; row < end; row++) {
        const value = values[row - shift]!;
        if (Number.isNaN(value)) continue;
        // -0 becomes 0.
        this.#values[at] = value + 0;
        this.#cells[at++] = cell;
      }
    }
    this.#count = at;
  }

  #makeRoom(values: number): void {
    if (values > maxValues) throw new EngineError('ResultTooLarge', String(maxValues));
    if (values <= this.#values.length) return;
    const length = Math.min(maxValues, Math.max(values, 2 * this.#values.length));
    const grownValues = new Float64Array(length);
    grownValues.set(this.#values.subarray(0, this.#count));
    this.#values = grownValues;
    const grownCells = new Int32Array(length);
    grownCells.set(this.#cells.subarray(0, this.#count));
    this.#cells = grownCells;
  }

  async settle(pace: Pace): Promise<void> {
    const { starts, values } = this.#byCell();
    if (pace.isDue) await pace.rest();
    for (const percentile of this.#percentiles) {
      const found = new Float64Array(this.#room).fill(Number.NaN);
      this.#found.set(percentile, found);
      for (let cell = 0; cell < this.#room; cell++) {
        const from = starts[cell]!;
        const to = starts[cell + 1]!;
        if (from === to) continue;
        const rank = (percentile * (to - from - 1)) / 100;
        const lower = from + Math.floor(rank);
        for (const _ of selecting(values, from, to, lower)) if (pace.isDue) await pace.rest();
        const part = rank - Math.floor(rank);
        const value = values[lower]!;
        found[cell] = part === 0 ? value : value + (leastOf(values, lower + 1, to) - value) * part;
        if (pace.isDue) await pace.rest();
      }
    }
  }

  #byCell(): { starts: Int32Array; values: Float64Array } {
    const count = this.#count;
    const starts = new Int32Array(this.#room + 1);
    for (let i = 0; i < count; i++) starts[this.#cells[i]! + 1]!++;
    for (let cell = 0; cell < this.#room; cell++) starts[cell + 1]! += starts[cell]!;
    const next = starts.slice();
    const values = new Float64Array(count);
    for (let i = 0; i < count; i++) values[next[this.#cells[i]!]!++] = this.#values[i]!;
    return { starts, values };
  }

  result({ as, p = 50 }: Aggregate, order: Int32Array): ResultColumn {
    const found = this.#found.get(p)!;
    return floatsOf(as, order, (cell) => found[cell]!);
  }
}

/**
 * Hoare's quickselect: afterwards values[at] is what it were if [from, to) were sorted, nothing behind it is less. Stops after each pass, so that the one
 * over millions of values can let others in.
 */
function* selecting(values: Float64Array, from: number, to: number, at: number): Generator<void> {
  let low = from;
  let high = to - 1;
  while (low < high) {
    const pivot = middleOf(values[low]!, values[(low + high) >>> 1]!, values[high]!);
    let left = low;
    let right = high;
    while (left <= right) {
      while (values[left]! < pivot) left++;
      while (values[right]! > pivot) right--;
      if (left > right) break;
      const value = values[left]!;
      values[left++] = values[right]!;
      values[right--] = value;
    }
    if (at <= right) high = right;
    else if (at >= left) low = left;
    else return;
    yield;
  }
}

function middleOf(a: number, b: number, c: number): number {
  return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
}

function leastOf(values: Float64Array, from: number, to: number): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = from; i < to; i++) if (values[i]! < least) least = values[i]!;
  return least;
}
