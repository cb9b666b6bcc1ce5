import type { Aggregate, FieldDefinition, Column as ResultColumn } from '../../../../src/kdb/engine.ts';
import { EngineError } from '../../../../src/kdb/engine-error.ts';
import { type Column, isNullAt, valueAt } from '../../memory/columns.ts';
import type { Run } from '../../memory/run.ts';
import { booleanColumn, floatColumn, textColumn } from '../result.ts';
import type { FieldCells } from './cells.ts';
import { Edge } from './edge.ts';

/** Booleans, strings, and longs beyond 2^53: value by value. */
export class ValueCells implements FieldCells {
  readonly #field: FieldDefinition;
  readonly #first = new Edge(-1);
  readonly #last = new Edge(1);
  readonly #count: number[] = [];
  readonly #sum: bigint[] = [];
  readonly #min: bigint[] = [];
  readonly #max: bigint[] = [];

  constructor(field: FieldDefinition) {
    this.#field = field;
  }

  grow(): void {}

  add(run: Run, id: number, column: Column, from: number, ends: Int32Array, cells: Int32Array, cuts: number): void {
    let start = from;
    for (let cut = 0; cut < cuts; cut++) {
      const end = ends[cut]!;
      const cell = cells[cut]!;
      if (cell >= 0) this.#addRows(run, id, column, start, end, cell);
      start = end;
    }
  }

  #addRows(run: Run, id: number, column: Column, start: number, end: number, cell: number): void {
    let first = -1;
    let last = -1;
    for (let row = start; row < end; row++) {
      if (isNullAt(column, row)) continue;
      if (first < 0) first = row;
      last = row;
      this.#count[cell] = (this.#count[cell] ?? 0) + 1;
      if (this.#field.type !== 'long') continue;
      const value = BigInt(valueAt(column, row)!);
      this.#sum[cell] = (this.#sum[cell] ?? 0n) + value;
      if (this.#min[cell] === undefined || value < this.#min[cell]) this.#min[cell] = value;
      if (this.#max[cell] === undefined || value > this.#max[cell]) this.#max[cell] = value;
    }
    if (first < 0) return;
    this.#first.offer(cell, run.era, run.times[first]!, id, column, first);
    this.#last.offer(cell, run.era, run.times[last]!, id, column, last);
  }

  result({ op, as: name }: Aggregate, order: Int32Array): ResultColumn {
    const longs = (read: (cell: number) => bigint | undefined): ResultColumn => ({
      kind: 'long',
      name,
      values: BigInt64Array.from(order, (cell) => read(cell) ?? -(2n ** 63n)),
    });
    switch (op) {
      case 'count':
        return longs((cell) => BigInt(this.#count[cell] ?? 0));
      case 'sum':
        return longs((cell) => this.#fitting(this.#sum[cell]));
      case 'min':
        return longs((cell) => this.#min[cell]);
      case 'max':
        return longs((cell) => this.#max[cell]);
      case 'spread':
        return longs((cell) => {
          const max = this.#max[cell];
          return max === undefined ? max : this.#fitting(max - this.#min[cell]!);
        });
      case 'avg':
        return floatColumn(
          name,
          Float64Array.from(order, (cell) => Number(this.#sum[cell] ?? 0n) / (this.#count[cell] ?? Number.NaN)),
        );
      default: {
        const { values } = op === 'first' ? this.#first : this.#last;
        const picked = Array.from(order, (cell) => values[cell] ?? null);
        if (this.#field.type === 'boolean') return booleanColumn(name, picked as (boolean | null)[]);
        if (this.#field.type === 'string') return textColumn(name, picked as (string | null)[]);
        return longs((cell) => (values[cell] === undefined ? undefined : BigInt(values[cell] as number | bigint)));
      }
    }
  }

  /** -2^63 would read as null. */
  #fitting(value: bigint | undefined): bigint | undefined {
    if (value !== undefined && (BigInt.asIntN(64, value) !== value || value === -(2n ** 63n)))
      throw new EngineError('LongOverflow', this.#field.name);
    return value;
  }
}
