import type { Aggregate, Column as ResultColumn } from '../../../../src/kdb/engine.ts';
import type { Column } from '../../memory/columns.ts';
import type { Run } from '../../memory/run.ts';
import { type FieldCells, floatsOf, grown } from './cells.ts';
import { Doubles } from './doubles.ts';

/** Averages weighted by another field. */
export class WeightedCells implements FieldCells {
  readonly #weight: number;
  readonly #values = new Doubles();
  readonly #weights = new Doubles();
  #sum = new Float64Array(0);
  #total = new Float64Array(0);

  /** With the number of the field of the weights. */
  constructor(weight: number) {
    this.#weight = weight;
  }

  grow(cells: number): void {
    this.#sum = grown(this.#sum, cells);
    this.#total = grown(this.#total, cells);
  }

  add(run: Run, _id: number, column: Column, from: number, ends: Int32Array, cells: Int32Array, cuts: number): void {
    const weightColumn = run.columns[this.#weight];
    if (cuts === 0 || !weightColumn) return;
    const to = ends[cuts - 1]!;
    const values = this.#values.of(column, from, to);
    const weights = this.#weights.of(weightColumn, from, to);
    const valueShift = this.#values.shift;
    const weightShift = this.#weights.shift;
    let row = from;
    for (let cut = 0; cut < cuts; cut++) {
      const end = ends[cut]!;
      const cell = cells[cut]!;
      if (cell < 0) {
        row = end;
        continue;
      }
      let sum = 0;
      let total = 0;
      for (; row < end; row++) {
        const weight = weights[row - weightShift]!;
        const product = values[row - valueShift]! * weight;
        if (Number.isNaN(product)) continue;
        sum += product;
        total += weight;
      }
      this.#sum[cell]! += sum;
      this.#total[cell]! += total;
    }
  }

  result({ as }: Aggregate, order: Int32Array): ResultColumn {
    return floatsOf(as, order, (cell) => this.#sum[cell]! / this.#total[cell]!);
  }
}
