// Field values in memory. A refused value marks a null, so that no validity is kept: NaN, -2^63, 2 for booleans, -1 for strings.
import type { FieldType } from '../../../src/kdb/engine.ts';

export type Column =
  /** Floats, and longs while each is at most 2^53 in magnitude. */
  | { readonly kind: 'number'; readonly values: Float64Array }
  /** Numbers that are small integers, as read from parts. The lowest value of the type is null. */
  | { readonly kind: 'narrow'; readonly values: Int8Array | Int16Array | Int32Array; readonly nulls: boolean }
  | { readonly kind: 'big'; readonly values: BigInt64Array }
  | { readonly kind: 'boolean'; readonly values: Uint8Array }
  | { readonly kind: 'text'; readonly index: Int32Array; readonly dictionary: readonly string[] };

export type Value = number | bigint | boolean | string;

export const nullLong = -(2n ** 63n);
export const nullBoolean = 2;

export function isNullAt(column: Column, row: number): boolean {
  switch (column.kind) {
    case 'number':
      return Number.isNaN(column.values[row]!);
    case 'narrow':
      return column.nulls && column.values[row] === narrowNull(column.values);
    case 'big':
      return column.values[row] === nullLong;
    case 'boolean':
      return column.values[row] === nullBoolean;
    case 'text':
      return column.index[row]! < 0;
  }
}

/** The value as a filter or the newest-value table sees it; null when there is none. */
export function valueAt(column: Column | undefined, row: number): Value | null {
  if (!column || isNullAt(column, row)) return null;
  switch (column.kind) {
    case 'number':
    case 'narrow':
    case 'big':
      return column.values[row]!;
    case 'boolean':
      return column.values[row] === 1;
    case 'text':
      return column.dictionary[column.index[row]!]!;
  }
}

export function narrowNull(values: Int8Array | Int16Array | Int32Array): number {
  return values.BYTES_PER_ELEMENT === 1 ? -128 : values.BYTES_PER_ELEMENT === 2 ? -32_768 : -2_147_483_648;
}

export function columnBytes(column: Column): number {
  switch (column.kind) {
    case 'text':
      // A JavaScript string costs about its characters and 24 bytes.
      return column.index.byteLength + column.dictionary.reduce((sum, text) => sum + text.length + 24, 0);
    default:
      return column.values.byteLength;
  }
}

/** A copy of rows order[0], order[1], … */
export function gathered(column: Column, order: Int32Array): Column {
  const rows = order.length;
  switch (column.kind) {
    case 'number':
      return { kind: 'number', values: gather(column.values, order, new Float64Array(rows)) };
    case 'narrow': {
      const { values, nulls } = column;
      if (values instanceof Int8Array)
        return { kind: 'narrow', values: gather(values, order, new Int8Array(rows)), nulls };
      if (values instanceof Int16Array)
        return { kind: 'narrow', values: gather(values, order, new Int16Array(rows)), nulls };
      return { kind: 'narrow', values: gather(values, order, new Int32Array(rows)), nulls };
    }
    case 'big':
      return { kind: 'big', values: gather(column.values, order, new BigInt64Array(rows)) };
    case 'boolean':
      return { kind: 'boolean', values: gather(column.values, order, new Uint8Array(rows)) };
    case 'text':
      return {
        kind: 'text',
        index: gather(column.index, order, new Int32Array(rows)),
        dictionary: column.dictionary,
      };
  }
}

/** A column that grows. Rows that nobody puts are null. */
export class ColumnBuilder {
  readonly type: FieldType;
  #numbers: Float64Array | null = null;
  #bigs: BigInt64Array | null = null;
  #booleans: Uint8Array | null = null;
  #index: Int32Array | null = null;
  #dictionary: string[] = [];
  #lookup = new Map<string, number>();
  #textBytes = 0;

  constructor(type: FieldType, capacity: number) {
    this.type = type;
    this.grow(capacity);
  }

  grow(capacity: number): void {
    if (this.#bigs) this.#bigs = grown(this.#bigs, new BigInt64Array(capacity).fill(nullLong));
    else if (this.type === 'boolean')
      this.#booleans = grown(this.#booleans, new Uint8Array(capacity).fill(nullBoolean));
    else if (this.type === 'string') this.#index = grown(this.#index, new Int32Array(capacity).fill(-1));
    else this.#numbers = grown(this.#numbers, new Float64Array(capacity).fill(Number.NaN));
  }

  get capacity(): number {
    return (this.#numbers ?? this.#bigs ?? this.#booleans ?? this.#index)!.length;
  }

  /** Characters of its strings. */
  get textLength(): number {
    return this.#textBytes;
  }

  get bytes(): number {
    return (this.#numbers ?? this.#bigs ?? this.#booleans ?? this.#index)!.byteLength + this.#textBytes;
  }

  /** Puts rows [from, to) of the source at `at`; nulls leave what is there. */
  putRange(at: number, source: Column, from: number, to: number): void {
    if (source.kind === 'number' && this.#numbers) this.#numbers.set(source.values.subarray(from, to), at);
    else for (let row = from; row < to; row++) this.put(at + row - from, source, row);
  }

  /** Puts one value; a null leaves what is there. */
  put(at: number, source: Column, row: number): void {
    if (isNullAt(source, row)) return;
    switch (source.kind) {
      case 'number':
      case 'narrow':
        if (this.#numbers) this.#numbers[at] = source.values[row]!;
        else this.#bigs![at] = BigInt(source.values[row]!);
        break;
      case 'big':
        this.#widen()[at] = source.values[row]!;
        break;
      case 'boolean':
        this.#booleans![at] = source.values[row]!;
        break;
      case 'text':
        this.#index![at] = this.#intern(source.dictionary[source.index[row]!]!);
        break;
    }
  }

  putValue(at: number, value: Value): void {
    if (typeof value === 'string') this.#index![at] = this.#intern(value);
    else if (typeof value === 'boolean') this.#booleans![at] = value ? 1 : 0;
    else if (typeof value === 'bigint') this.#widen()[at] = value;
    else if (this.#numbers) this.#numbers[at] = value;
    else this.#bigs![at] = BigInt(value);
  }

  /** The first `rows` rows without a copy: good until the next put. */
  peek(rows: number): Column {
    if (this.#numbers) return { kind: 'number', values: this.#numbers.subarray(0, rows) };
    if (this.#bigs) return { kind: 'big', values: this.#bigs.subarray(0, rows) };
    if (this.#booleans) return { kind: 'boolean', values: this.#booleans.subarray(0, rows) };
    return { kind: 'text', index: this.#index!.subarray(0, rows), dictionary: this.#dictionary };
  }

  /** A copy of rows order[0], order[1], … */
  gathered(order: Int32Array): Column {
    const column = gathered(this.peek(this.capacity), order);
    return column.kind === 'text' ? { ...column, dictionary: column.dictionary.slice() } : column;
  }

  /** A copy in which row order[i] is put at targets[i]: of several the last value stays. */
  merged(order: Int32Array, targets: Int32Array, rows: number): Column {
    const source = this.peek(this.capacity);
    const merged = new ColumnBuilder(this.type, rows);
    for (let i = 0; i < order.length; i++) merged.put(targets[i]!, source, order[i]!);
    return merged.peek(rows);
  }

  /** From here on every value is a BigInt: one is beyond 2^53. */
  #widen(): BigInt64Array {
    if (!this.#bigs) {
      const numbers = this.#numbers!;
      this.#bigs = new BigInt64Array(numbers.length).fill(nullLong);
      for (let i = 0; i < numbers.length; i++) if (!Number.isNaN(numbers[i]!)) this.#bigs[i] = BigInt(numbers[i]!);
      this.#numbers = null;
    }
    return this.#bigs;
  }

  #intern(text: string): number {
    let index = this.#lookup.get(text);
    if (index === undefined) {
      index = this.#dictionary.length;
      this.#dictionary.push(text);
      this.#lookup.set(text, index);
      this.#textBytes += text.length + 64;
    }
    return index;
  }
}

function grown<T extends Float64Array | BigInt64Array | Uint8Array | Int32Array>(old: T | null, next: T): T {
  if (old) (next as Float64Array).set(old as Float64Array);
  return next;
}

function gather<T extends Numbers>(from: T, order: Int32Array, to: T): T {
  if (from instanceof Float64Array) gatherFloats(from, order, to as Float64Array);
  else for (let i = 0; i < order.length; i++) to[i] = from[order[i]!]!;
  return to;
}

type Numbers = Float64Array | BigInt64Array | Uint8Array | Int8Array | Int16Array | Int32Array;

/** Its own loop, so that the engine compiles it for one kind of array. */
function gatherFloats(from: Float64Array, order: Int32Array, to: Float64Array): void {
  for (let i = 0; i < order.length; i++) to[i] = from[order[i]!]!;
}
