import type { Aggregate, Column as ResultColumn } from '../../../../src/kdb/engine.ts';
import { EngineError } from '../../../../src/kdb/engine-error.ts';
import { type Column, type Value, valueAt } from '../../memory/columns.ts';
import type { Run } from '../../memory/run.ts';
import { longColumn } from '../result.ts';
import type { FieldCells } from './cells.ts';

/** Distinct values that are kept at once, all cells together: some 40 bytes each. */
const maxValues = 1 << 23;
const maxExact = 2n ** 53n;

/** How many distinct values there are; 0 and -0 are one. */
export class DistinctCells implements FieldCells {
  readonly #sets: Set<Value>[] = [];
  #count = 0;

  grow(): void {}

  add(_run: Run, _id: number, column: Column, from: number, ends: Int32Array, cells: Int32Array, cuts: number): void {
    let row = from;
    for (let cut = 0; cut < cuts; cut++) {
      const end = ends[cut]!;
      const cell = cells[cut]!;
      if (cell >= 0) this.#addRows(column, row, end, cell);
      row = end;
    }
    if (this.#count > maxValues) throw new EngineError('ResultTooLarge', String(maxValues));
  }

  #addRows(column: Column, from: number, to: number, cell: number): void {
    let set = this.#sets[cell];
    if (!set) {
      set = new Set();
      this.#sets[cell] = set;
    }
    const before = set.size;
    let last: Value | null = null;
    for (let row = from; row < to; row++) {
      const value = valueAt(column, row);
      if (value === null || value === last) continue;
      last = value;
      set.add(typeof value === 'bigint' && value >= -maxExact && value <= maxExact ? Number(value) : value);
    }
    this.#count += set.size - before;
  }

  result({ as }: Aggregate, order: Int32Array): ResultColumn {
    return longColumn(as, { kind: 'number', values: Float64Array.from(order, (cell) => this.#sets[cell]?.size ?? 0) });
  }
}
