import type { FieldColumn, FieldType, FieldValues } from '../kdb/engine.ts';
import type { Budget } from './budget.ts';
import { Int64 } from './int64.ts';

/** 'number': a JSON number; the catalogue decides whether it is a float or a long. */
export type ColumnType = FieldType | 'number';

const scratch = new Int64();
const noFloats = new Float64Array(0);
const noWords = new Int32Array(0);
const noBytes = new Uint8Array(0);

/** The values of one field of one series, one cell per row, growing. Rows that do not give the field are gaps. */
export class Column {
  readonly series: string;
  readonly name: string;
  /** Place among the columns of the series. */
  readonly index: number;
  /** Null while no row gives the field. */
  type: ColumnType | null = null;
  /** Where the decoder saw the field's name last, as raw bytes of the body: the next line most likely has the same bytes there. */
  keyStart = 0;
  keyLength = 0;

  private readonly budget: Budget;
  private capacity = 0;
  /** Rows below this one are values or gaps. */
  private filled = 0;
  private given = 0;
  private validity: Uint8Array | null = null;
  /** A JSON number that is no integer, or no exact one, was given: the column cannot become 'long'. */
  private fractional = false;
  // One of these, by type; words are the halves of longs.
  private floats = noFloats;
  private words = noWords;
  private flags = noBytes;
  private lengths = noWords;
  private text = noBytes;
  private textBytes = 0;

  constructor(series: string, name: string, index: number, budget: Budget) {
    this.series = series;
    this.name = name;
    this.index = index;
    this.budget = budget;
    budget.takeColumn();
  }

  /** False, here and below: the field has another type in this request. */
  setFloat(row: number, value: number): boolean {
    if (this.type !== 'float') {
      if (this.type === null) this.become('float');
      else if (this.type === 'long') this.toFloats('float');
      else return false;
    }
    this.open(row);
    this.floats[row] = value;
    return true;
  }

  setLong(row: number, value: Int64): boolean {
    if (this.type !== 'long') {
      if (this.type === 'float') return this.setFloat(row, value.toNumber());
      if (this.type !== null) return false;
      this.become('long');
    }
    this.open(row);
    this.words[2 * row] = value.low;
    this.words[2 * row + 1] = value.high;
    return true;
  }

  /** As setLong, for -2^31 to 2^31 - 1. */
  setInt32(row: number, value: number): boolean {
    if (this.type !== 'long') {
      if (this.type === 'float') return this.setFloat(row, value);
      if (this.type !== null) return false;
      this.become('long');
    }
    this.open(row);
    this.words[2 * row] = value;
    this.words[2 * row + 1] = value >> 31;
    return true;
  }

  /** A JSON number; `integer` is its exact value when it is an integer literal that no double holds. */
  setNumber(row: number, value: number, integer: Int64 | null): boolean {
    if (this.type === null) this.become(integer === null ? 'number' : 'long');
    else if (this.type !== 'number' && this.type !== 'long') return false;
    if (integer !== null && this.type === 'number' && !this.fractional) this.toLongs();
    if (integer === null && !Number.isSafeInteger(value)) {
      this.fractional = true;
      if (this.type === 'long') this.toFloats('number');
    }
    this.open(row);
    if (this.type === 'number') {
      this.floats[row] = value;
    } else {
      if (integer === null) scratch.set(value);
      const { low, high } = integer ?? scratch;
      this.words[2 * row] = low;
      this.words[2 * row + 1] = high;
    }
    return true;
  }

  setBoolean(row: number, value: boolean): boolean {
    if (this.type === null) this.become('boolean');
    else if (this.type !== 'boolean') return false;
    this.open(row);
    this.flags[row] = value ? 1 : 0;
    return true;
  }

  /** The value is bytes[start, end). */
  setString(row: number, bytes: Uint8Array, start: number, end: number): boolean {
    if (this.type === null) this.become('string');
    else if (this.type !== 'string') return false;
    this.open(row);
    const length = end - start;
    if (this.textBytes + length > this.text.length) {
      this.text = grown(this.text, Math.max(256, 2 * this.text.length, this.textBytes + length));
    }
    // A call of set costs as much as some 30 turns of the loop.
    if (length < 32) for (let from = start, to = this.textBytes; from < end; from++, to++) this.text[to] = bytes[from]!;
    else this.text.set(bytes.subarray(start, end), this.textBytes);
    this.textBytes += length;
    this.lengths[row] = length;
    return true;
  }

  /** Whether this row or a later one was given. */
  reaches(row: number): boolean {
    return this.filled > row;
  }

  /** Makes room for so many rows. */
  reserve(rows: number): void {
    if (rows <= this.capacity) return;
    const capacity = this.budget.capacity(rows, this.capacity);
    this.budget.takeCells(capacity - this.capacity, this.series);
    this.capacity = capacity;
    if (this.type !== null) this.capacityOf(this.type);
  }

  /** Takes back what the row gave, if anything: its line turned out to be bad. */
  unset(row: number): void {
    if (this.filled <= row) return;
    this.takeBack(row);
    if (this.given === 0) this.type = null;
  }

  /** Null when no row gives the field. */
  finish(rows: number): FieldColumn | null {
    const { name, given, type } = this;
    if (type === null) return null;
    if (this.filled < rows) this.skipTo(rows);
    return {
      name,
      validity: given < rows ? firstOf(this.validity!, rows) : null,
      data: this.values(type, rows),
    };
  }

  private open(row: number): void {
    if (this.filled !== row) {
      // A field that one point gives twice: the last value wins.
      if (this.filled > row) this.takeBack(row);
      else this.skipTo(row);
    }
    if (row >= this.capacity) this.reserve(row + 1);
    this.filled = row + 1;
    this.given++;
    if (this.validity !== null) this.validity[row] = 1;
  }

  private takeBack(row: number): void {
    if (this.type === 'string') this.textBytes -= this.lengths[row]!;
    this.filled = row;
    this.given--;
  }

  /** Rows up to this one do not give the field. */
  private skipTo(row: number): void {
    this.reserve(row);
    if (this.validity === null) this.validity = new Uint8Array(this.capacity).fill(1, 0, this.filled);
    this.validity.fill(0, this.filled, row);
    if (this.type === 'string') this.lengths.fill(0, this.filled, row);
    this.filled = row;
  }

  private become(type: ColumnType): void {
    this.type = type;
    this.capacityOf(type);
  }

  private capacityOf(type: ColumnType): void {
    const { capacity } = this;
    if (this.validity !== null) this.validity = grown(this.validity, capacity);
    if (type === 'long') this.words = grown(this.words, 2 * capacity);
    else if (type === 'boolean') this.flags = grown(this.flags, capacity);
    else if (type === 'string') this.lengths = grown(this.lengths, capacity);
    else this.floats = grown(this.floats, capacity);
  }

  private toFloats(type: 'float' | 'number'): void {
    this.become(type);
    for (let row = 0; row < this.filled; row++) {
      scratch.low = this.words[2 * row]!;
      scratch.high = this.words[2 * row + 1]!;
      this.floats[row] = scratch.toNumber();
    }
    this.words = noWords;
  }

  private toLongs(): void {
    this.become('long');
    for (let row = 0; row < this.filled; row++) {
      scratch.set(this.floats[row]!);
      this.words[2 * row] = scratch.low;
      this.words[2 * row + 1] = scratch.high;
    }
    this.floats = noFloats;
  }

  private values(type: ColumnType, rows: number): FieldValues {
    switch (type) {
      case 'long':
        return { type, values: longsOf(this.words, rows) };
      case 'boolean':
        return { type, values: firstOf(this.flags, rows) };
      case 'string':
        return {
          type,
          values: { lengths: firstOf(this.lengths, rows), bytes: firstOf(this.text, this.textBytes) },
        };
      default:
        return { type, values: firstOf(this.floats, rows) };
    }
  }
}

/** Up to so many items a copy is cheaper than a view, for which V8 moves a small array off its heap: 0.1 µs against 1. */
const fewItems = 8;

/** The first `length` items. */
export function firstOf<T extends Uint8Array | Int32Array | Float64Array>(array: T, length: number): T {
  if (array.length === length) return array;
  return (length > fewItems ? array.subarray(0, length) : array.slice(0, length)) as T;
}

/** Longs of their halves, low before high. */
export function longsOf(words: Int32Array, length: number): BigInt64Array {
  if (length > fewItems) return new BigInt64Array(words.buffer, 0, length);
  const longs = new BigInt64Array(length);
  for (let i = 0; i < length; i++) longs[i] = (BigInt(words[2 * i + 1]!) << 32n) | BigInt(words[2 * i]! >>> 0);
  return longs;
}

/** A longer copy of the same kind. */
export function grown<T extends Uint8Array | Int32Array | Float64Array>(array: T, length: number): T {
  if (array.length >= length) return array;
  const copy = new (array.constructor as new (length: number) => T)(length);
  copy.set(array);
  return copy;
}
