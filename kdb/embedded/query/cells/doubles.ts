import { type Column, narrowNull, nullLong } from '../../memory/columns.ts';

/** Rows of a column of numbers as doubles, NaN where there is none, so that one loop serves every width; the copy costs less than a second kind of loop. */
export class Doubles {
  #scratch = new Float64Array(4096);
  /** What was taken from row numbers: values of row r stand at r - shift. */
  shift = 0;

  /** Rows [from, to); good until the next call. */
  of(column: Column, from: number, to: number): Float64Array {
    if (column.kind === 'number') {
      this.shift = 0;
      return column.values;
    }
    this.shift = from;
    const rows = to - from;
    if (this.#scratch.length < rows) this.#scratch = new Float64Array(2 * rows);
    const values = this.#scratch;
    if (column.kind === 'narrow') {
      values.set(column.values.subarray(from, to));
      if (column.nulls) {
        const none = narrowNull(column.values);
        for (let i = 0; i < rows; i++) if (values[i] === none) values[i] = Number.NaN;
      }
    } else if (column.kind === 'big') {
      for (let i = 0; i < rows; i++) {
        const value = column.values[from + i]!;
        values[i] = value === nullLong ? Number.NaN : Number(value);
      }
    } else throw new Error(`a column of ${column.kind} has no numbers`);
    return values;
  }
}
