// Cells of a CSV: where one ends, its text, and the value that it gives a column.

import { maxStringBytes } from '../base/limits.ts';
import type { Column } from './column.ts';
import type { CsvRecords } from './csv-record.ts';
import { decimalToDouble } from './decimal.ts';
import { shown } from './fault-list.ts';
import { Int64 } from './int64.ts';
import { Refusal } from './refusal.ts';
import type { CellType } from './table.ts';

const newline = 10;
const carriageReturn = 13;
const quote = 34;
const minus = 45;
const dot = 46;
const zero = 48;

const powersOfTen = [1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
const numberForm = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const integerForm = /^[+-]?\d+$/;
const notFiniteForm = /^[+-]?(nan|inf|infinity)$/i;
const trueForm = /^(true|t)$/i;
const falseForm = /^(false|f)$/i;

/** What a column looks like whose cell has this text; null: the cell is empty and tells nothing. */
export function typeOfText(text: string): 'number' | 'boolean' | 'string' | null {
  const trimmed = text.trim();
  if (trimmed === '') return null;
  if (numberForm.test(trimmed)) return 'number';
  return /^(true|false)$/i.test(trimmed) ? 'boolean' : 'string';
}

/** Reads cells of one body, which ends with a newline. */
export class CellReader {
  /** Newlines in the quoted cells passed so far. */
  lines = 0;
  // The cell passed last: its text is bytes[start, end), without its quotes.
  start = 0;
  end = 0;
  quoted = false;
  /** It has quotes in it, written as two. */
  private doubled = false;
  /** What readValue refused. */
  refusal: Refusal | null = null;
  private readonly bytes: Buffer;
  private readonly delimiter: number;
  private readonly records: CsvRecords;
  private readonly int64 = new Int64();

  constructor(bytes: Buffer, delimiter: number, records: CsvRecords) {
    this.bytes = bytes;
    this.delimiter = delimiter;
    this.records = records;
  }

  /** A delimiter or the end of the line is at `pos`. */
  endsCell(pos: number): boolean {
    const byte = this.bytes[pos]!;
    return byte === this.delimiter || byte === newline || (byte === carriageReturn && this.bytes[pos + 1] === newline);
  }

  /** Passes the cell at `start`; gives the place after it, or -1 when its quotes are wrong. */
  pass(start: number): number {
    const { bytes } = this;
    this.quoted = bytes[start] === quote;
    this.doubled = false;
    let pos = start;
    if (!this.quoted) {
      while (!this.endsCell(pos)) pos++;
      this.start = start;
      this.end = pos;
      return pos;
    }
    const closing = this.records.closingQuote(start + 1);
    if (closing < 0 || !this.endsCell(closing + 1)) return -1;
    this.start = start + 1;
    this.end = closing;
    for (pos = this.start; pos < closing; pos++) {
      if (bytes[pos] === newline) this.lines++;
      else if (bytes[pos] === quote) {
        this.doubled = true;
        pos++;
      }
    }
    return closing + 1;
  }

  /** An empty cell without quotes is no value. */
  get absent(): boolean {
    return this.end === this.start && !this.quoted;
  }

  /** Of the cell passed last. */
  text(): string {
    const text = this.bytes.toString('utf8', this.start, this.end);
    return this.doubled ? text.replaceAll('""', '"') : text;
  }

  /**
   * Gives the cell at `start` to the column; gives the place after it, or -1 when its quotes are wrong. A value that is refused is passed and
   * left in `refusal`.
   */
  readValue(column: Column, type: CellType, row: number, start: number): number {
    if (type !== 'string' && type !== 'boolean') {
      const end = this.readPlainNumber(column, type, row, start);
      if (end >= 0) return end;
    }
    const end = this.pass(start);
    if (end >= 0 && !this.absent) this.refusal = this.readPassed(column, type, row);
    return end;
  }

  /** The usual way to write a number; -1 for other cells, which are left alone. */
  private readPlainNumber(column: Column, type: CellType, row: number, start: number): number {
    const { bytes } = this;
    let pos = start;
    let byte = bytes[pos]!;
    const negative = byte === minus;
    if (negative) byte = bytes[++pos]!;
    const first = pos;
    let value = 0;
    for (let digit = byte - zero; digit >= 0 && digit <= 9; digit = byte - zero) {
      value = value * 10 + digit;
      byte = bytes[++pos]!;
    }
    const integerDigits = pos - first;
    let decimals = 0;
    if (byte === dot) {
      byte = bytes[++pos]!;
      for (let digit = byte - zero; digit >= 0 && digit <= 9; digit = byte - zero) {
        value = value * 10 + digit;
        decimals++;
        byte = bytes[++pos]!;
      }
    }
    if (integerDigits === 0 || !this.endsCell(pos)) return -1;
    const digits = integerDigits + decimals;
    if (digits > 15) {
      if (decimals === 0 || type === 'long') return -1;
      value = decimalToDouble(bytes, first, pos, decimals);
    } else if (decimals > 0) {
      // Both are exact doubles, so the quotient is the nearest double to what is written.
      value /= powersOfTen[decimals]!;
    }
    if (negative) value = -value;
    if (type === 'number') return column.setNumber(row, value, null) ? pos : -1;
    if (type === 'float') return column.setFloat(row, value) ? pos : -1;
    if (decimals > 0) return -1;
    if (digits <= 9) return column.setInt32(row, value) ? pos : -1;
    this.int64.set(value);
    return column.setLong(row, this.int64) ? pos : -1;
  }

  private readPassed(column: Column, type: CellType, row: number): Refusal | null {
    if (type === 'string') return this.readString(column, row);
    const text = this.text().trim();
    if (text === '') return null;
    const { name } = column;
    if (type === 'boolean') {
      if (!trueForm.test(text) && !falseForm.test(text)) return clash(name, type, text);
      return column.setBoolean(row, trueForm.test(text)) ? null : clash(name, type, text);
    }
    if (notFiniteForm.test(text)) {
      return new Refusal('NotFinite', `${shown(text)} is not stored; leave the cell empty`, name);
    }
    if (!numberForm.test(text)) return clash(name, type, text);
    const value = Number(text);
    if (!Number.isFinite(value)) return new Refusal('NotFinite', `${shown(text)} is too large for a float`, name);
    const exact = integerForm.test(text) && this.readInteger(text);
    let taken: boolean;
    if (type === 'float') taken = column.setFloat(row, value);
    else if (type === 'number') {
      taken = column.setNumber(row, value, exact && !Number.isSafeInteger(value) ? this.int64 : null);
    } else {
      // 1.0 and 1e3 are integers too.
      if (!exact && Number.isSafeInteger(value)) this.int64.set(value);
      else if (!exact) return clash(name, type, text);
      taken = column.setLong(row, this.int64);
    }
    return taken ? null : clash(name, column.type ?? type, text);
  }

  private readInteger(text: string): boolean {
    const digits = Buffer.from(text.replace(/^[+-]/, ''), 'latin1');
    return this.int64.setLong(digits, 0, digits.length, text.startsWith('-'));
  }

  private readString(column: Column, row: number): Refusal | null {
    const { bytes, start, end } = this;
    if (end - start > maxStringBytes) {
      return new Refusal('ValueTooLong', `The string has more than ${maxStringBytes} bytes`, column.name);
    }
    const text = this.doubled ? Buffer.from(this.text()) : null;
    const taken = text ? column.setString(row, text, 0, text.length) : column.setString(row, bytes, start, end);
    return taken ? null : clash(column.name, column.type ?? 'string', this.text());
  }
}

function clash(name: string, type: string, text: string): Refusal {
  return new Refusal('FieldTypeClash', `Column ${shown(name)} is ${type}, which ${shown(text)} is not`, name);
}
