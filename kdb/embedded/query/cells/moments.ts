import type { Aggregate, Column as ResultColumn } from '../../../../src/kdb/engine.ts';
import type { Column } from '../../memory/columns.ts';
import type { Run } from '../../memory/run.ts';
import { type FieldCells, floatsOf, grown } from './cells.ts';
import { Doubles } from './doubles.ts';

/**
 * Sample variance and its root. Squares of the distances from a mean, never of the values themselves: rows are taken twice, and what they give is joined to
 * what is there as Chan, Golub and LeVeque do (Updating formulae and a pairwise algorithm for computing sample variances, 1979).
 */
export class MomentCells implements FieldCells {
  readonly #doubles = new Doubles();
  #count = new Float64Array(0);
  #mean = new Float64Array(0);
  /** Sum of squared distances from the mean. */
  #squares = new Float64Array(0);

  grow(cells: number): void {
    this.#count = grown(this.#count, cells);
    this.#mean = grown(this.#mean, cells);
    this.#squares = grown(this.#squares, cells);
  }

  add(_run: Run, _id: number, column: Column, from: number, ends: Int32Array, cells: Int32Array, cuts: number): void {
    if (cuts === 0) return;
    const values = this.#doubles.of(column, from, ends[cuts - 1]!);
    const { shift } = this.#doubles;
    let start = from - shift;
    for (let cut = 0; cut < cuts; cut++) {
      const end = ends[cut]! - shift;
      if (cells[cut]! >= 0) this.#addRows(values, start, end, cells[cut]!);
      start = end;
    }
  }

  #addRows(values: Float64Array, start: number, end: number, cell: number): void {
    let sum = 0;
    let count = 0;
    for (let i = start; i < end; i++) {
      const value = values[i]!;
      if (Number.isNaN(value)) continue;
      sum += value;
      count++;
    }
    if (count === 0) return;
    const mean = sum / count;
    let squares = 0;
    for (let i = start; i < end; i++) {
      const distance = values[i]! - mean;
      if (!Number.isNaN(distance)) squares += distance * distance;
    }
    const before = this.#count[cell]!;
    const distance = mean - this.#mean[cell]!;
    const total = before + count;
    this.#count[cell] = total;
    this.#mean[cell]! += (distance * count) / total;
    this.#squares[cell]! += squares + (distance * distance * before * count) / total;
  }

  result({ op, as }: Aggregate, order: Int32Array): ResultColumn {
    const variance = (cell: number) =>
      this.#count[cell]! < 2 ? Number.NaN : this.#squares[cell]! / (this.#count[cell]! - 1);
    return floatsOf(as, order, op === 'stddev' ? (cell) => Math.sqrt(variance(cell)) : variance);
  }
}
