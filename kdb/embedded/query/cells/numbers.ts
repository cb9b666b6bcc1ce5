import type { Aggregate, AggregateOp, FieldDefinition, Column as ResultColumn } from '../../../../src/kdb/engine.ts';
import type { Column } from '../../memory/columns.ts';
import type { Run } from '../../memory/run.ts';
import { floatColumn, longColumn } from '../result.ts';
import { type FieldCells, grown, NeedsBigInts } from './cells.ts';
import { Doubles } from './doubles.ts';
import { Edge } from './edge.ts';

const maxExact = 2 ** 53;
const doubles = new Doubles();

/** Floats, and longs as long as doubles hold them. Measured: 432,000 values in 1,200 cells in 2.2 ms, the query around them included. */
export class NumberCells implements FieldCells {
  readonly #field: FieldDefinition;
  readonly #sums: boolean;
  readonly #exactSums: boolean;
  readonly #mins: boolean;
  readonly #maxs: boolean;
  readonly #counts: boolean;
  readonly #first: Edge | null;
  readonly #last: Edge | null;
  #count = new Float64Array(0);
  #sum = new Float64Array(0);
  #magnitude = new Float64Array(0);
  #min = new Float64Array(0);
  #max = new Float64Array(0);

  constructor(field: FieldDefinition, ops: ReadonlySet<AggregateOp>) {
    this.#field = field;
    this.#sums = ops.has('sum') || ops.has('avg');
    this.#exactSums = ops.has('sum') && field.type === 'long';
    this.#counts = ops.has('count') && !this.#sums;
    this.#mins = ops.has('min') || ops.has('spread');
    this.#maxs = ops.has('max') || ops.has('spread');
    this.#first = ops.has('first') ? new Edge(-1) : null;
    this.#last = ops.has('last') ? new Edge(1) : null;
  }

  grow(cells: number): void {
    if (this.#sums || this.#counts) this.#count = grown(this.#count, cells);
    if (this.#sums) this.#sum = grown(this.#sum, cells);
    if (this.#exactSums) this.#magnitude = grown(this.#magnitude, cells);
    if (this.#mins) this.#min = grown(this.#min, cells, Number.POSITIVE_INFINITY);
    if (this.#maxs) this.#max = grown(this.#max, cells, Number.NEGATIVE_INFINITY);
  }

  add(run: Run, id: number, column: Column, from: number, ends: Int32Array, cells: Int32Array, cuts: number): void {
    if (cuts === 0) return;
    if (column.kind === 'big') throw new NeedsBigInts();
    const values = doubles.of(column, from, ends[cuts - 1]!);
    const { shift } = doubles;
    let start = from - shift;
    for (let cut = 0; cut < cuts; cut++) {
      const end = ends[cut]! - shift;
      const cell = cells[cut]!;
      if (cell >= 0) {
        if (this.#maxs) this.#max[cell] = maxOf(values, start, end, this.#max[cell]!);
        if (this.#mins) this.#min[cell] = minOf(values, start, end, this.#min[cell]!);
        if (this.#sums) this.#addSum(values, start, end, cell);
        if (this.#counts) this.#count[cell]! += countOf(values, start, end);
        if (this.#first) {
          let row = start;
          while (row < end && Number.isNaN(values[row]!)) row++;
          if (row < end) this.#first.offer(cell, run.era, run.times[row + shift]!, id, column, row + shift);
        }
        if (this.#last) {
          let row = end - 1;
          while (row >= start && Number.isNaN(values[row]!)) row--;
          if (row >= start) this.#last.offer(cell, run.era, run.times[row + shift]!, id, column, row + shift);
        }
      }
      start = end;
    }
  }

  #addSum(values: Float64Array, start: number, end: number, cell: number): void {
    let sum = plainSum(values, start, end);
    let count = end - start;
    if (Number.isNaN(sum)) {
      // There are nulls among them.
      sum = 0;
      count = 0;
      for (let i = start; i < end; i++) {
        const value = values[i]!;
        if (Number.isNaN(value)) continue;
        sum += value;
        count++;
      }
    }
    this.#sum[cell]! += sum;
    this.#count[cell]! += count;
    if (!this.#exactSums) return;
    let magnitude = this.#magnitude[cell]!;
    for (let i = start; i < end; i++) {
      const value = values[i]!;
      if (!Number.isNaN(value)) magnitude += Math.abs(value);
    }
    // Every partial sum is at most the sum of magnitudes, so below 2^53 all of them were exact.
    if (magnitude > maxExact) throw new NeedsBigInts();
    this.#magnitude[cell] = magnitude;
  }

  #spread(cell: number): number {
    const spread = this.#max[cell]! - this.#min[cell]!;
    if (this.#field.type === 'long' && spread > maxExact) throw new NeedsBigInts();
    return Math.abs(spread) === Number.POSITIVE_INFINITY ? Number.NaN : spread;
  }

  result({ op, as: name }: Aggregate, order: Int32Array): ResultColumn {
    const pick = (read: (cell: number) => number): Float64Array => {
      const values = new Float64Array(order.length);
      for (let row = 0; row < values.length; row++) values[row] = read(order[row]!);
      return values;
    };
    const typed = (values: Float64Array): ResultColumn =>
      this.#field.type === 'long' ? longColumn(name, { kind: 'number', values }) : floatColumn(name, values);
    const finite = (value: number) => (Math.abs(value) === Number.POSITIVE_INFINITY ? Number.NaN : value);
    switch (op) {
      case 'count':
        return longColumn(name, { kind: 'number', values: pick((cell) => this.#count[cell]!) });
      case 'sum':
        return typed(pick((cell) => (this.#count[cell] === 0 ? Number.NaN : this.#sum[cell]!)));
      case 'avg':
        return floatColumn(
          name,
          pick((cell) => (this.#count[cell] === 0 ? Number.NaN : this.#sum[cell]! / this.#count[cell]!)),
        );
      case 'min':
        return typed(pick((cell) => finite(this.#min[cell]!)));
      case 'max':
        return typed(pick((cell) => finite(this.#max[cell]!)));
      case 'spread':
        return typed(pick((cell) => this.#spread(cell)));
      default: {
        const { values } = op === 'first' ? this.#first! : this.#last!;
        return typed(pick((cell) => (values[cell] as number | undefined) ?? Number.NaN));
      }
    }
  }
}

/** Four sums side by side: an addition need not wait for the one before it (CPU of a whole query over 4.3 M values: 19 ms with one sum and a test for null each, 13.5 ms so). */
function plainSum(values: Float64Array, start: number, end: number): number {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let i = start;
  for (; i + 3 < end; i += 4) {
    a += values[i]!;
    b += values[i + 1]!;
    c += values[i + 2]!;
    d += values[i + 3]!;
  }
  for (; i < end; i++) a += values[i]!;
  return a + b + (c + d);
}

function maxOf(values: Float64Array, start: number, end: number, max: number): number {
  for (let i = start; i < end; i++) if (values[i]! > max) max = values[i]!;
  return max;
}

function minOf(values: Float64Array, start: number, end: number, min: number): number {
  for (let i = start; i < end; i++) if (values[i]! < min) min = values[i]!;
  return min;
}

function countOf(values: Float64Array, start: number, end: number): number {
  let count = 0;
  for (let i = start; i < end; i++) if (!Number.isNaN(values[i]!)) count++;
  return count;
}
