import { type Column, type Value, valueAt } from '../../memory/columns.ts';
import { compareInstants } from '../../memory/era.ts';

/** First or last value per cell with its time; of equal times first takes the lowest tag-set id, last the highest. */
export class Edge {
  readonly #sign: 1 | -1;
  readonly values: (Value | null)[] = [];
  readonly #eras: number[] = [];
  readonly #offsets: number[] = [];
  readonly #ids: number[] = [];

  constructor(sign: 1 | -1) {
    this.#sign = sign;
  }

  offer(cell: number, era: number, offset: number, id: number, column: Column, row: number): void {
    if (this.values[cell] !== undefined) {
      const sign =
        this.#sign * (compareInstants(era, offset, this.#eras[cell]!, this.#offsets[cell]!) || id - this.#ids[cell]!);
      if (sign <= 0) return;
    }
    this.values[cell] = valueAt(column, row);
    this.#eras[cell] = era;
    this.#offsets[cell] = offset;
    this.#ids[cell] = id;
  }
}
