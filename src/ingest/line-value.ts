// Field values of line protocol: 1.5, 15i, 15u, true, "text".

import { maxStringBytes } from '../base/limits.ts';
import type { Column } from './column.ts';
import { decimalToDouble } from './decimal.ts';
import { type FaultCode, shown } from './fault-list.ts';
import { Int64 } from './int64.ts';

const newline = 10;
const carriageReturn = 13;
const space = 32;
const quote = 34;
const plus = 43;
const comma = 44;
const minus = 45;
const dot = 46;
const zero = 48;
const backslash = 92;
const letterI = 105;
const letterU = 117;

const powersOfTen = [1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
const floatForm = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const notFiniteForm = /^[+-]?(nan|inf|infinity)$/i;
const booleans = new Map([
  ...['t', 'T', 'true', 'True', 'TRUE'].map((text) => [text, true] as const),
  ...['f', 'F', 'false', 'False', 'FALSE'].map((text) => [text, false] as const),
]);

/** What a read method returns in place of a position when it does not understand what stands there. */
export const bad = -1;

export class ValueReader {
  /** Newlines in all strings passed so far. */
  lines = 0;
  /** The string passed last has escapes. */
  private escaped = false;
  private readonly body: Buffer;
  private readonly int64 = new Int64();

  // After `bad`: what was wrong (% stands for the text at `at`), and where what is not understood begins.
  code: FaultCode = 'InvalidNumber';
  message = '';
  at = 0;
  resume = 0;

  /** The body ends with a newline. */
  constructor(body: Buffer) {
    this.body = body;
  }

  /** Gives the value at `start` to the column; gives the place after it: a comma, a space or the end of the line. */
  read(column: Column, row: number, start: number): number {
    const { body } = this;
    let pos = start;
    let byte = body[pos]!;
    const negative = byte === minus;
    if (negative || byte === plus) byte = body[++pos]!;
    const digitsStart = pos;
    let value = 0;
    for (let digit = byte - zero; digit >= 0 && digit <= 9; digit = byte - zero) {
      value = value * 10 + digit;
      byte = body[++pos]!;
    }
    const digits = pos - digitsStart;
    if (digits === 0 && byte !== dot) return this.readWord(column, row, start);
    if (byte === letterI || (byte === letterU && !negative)) {
      if (!endsValue(body[pos + 1]!)) return this.noValue(start);
      let fits: boolean;
      if (digits <= 9) {
        fits = column.setInt32(row, negative ? -value : value);
      } else {
        if (!this.int64.setLong(body, digitsStart, pos, negative)) {
          return this.refuse('InvalidNumber', '% is outside the 64-bit integers', start, start);
        }
        fits = column.setLong(row, this.int64);
      }
      return fits ? pos + 1 : this.clash(column, 'long', pos);
    }
    let decimals = 0;
    if (byte === dot) {
      byte = body[++pos]!;
      for (let digit = byte - zero; digit >= 0 && digit <= 9; digit = byte - zero) {
        value = value * 10 + digit;
        decimals++;
        byte = body[++pos]!;
      }
    }
    if (!endsValue(byte) || digits + decimals === 0) return this.readExponent(column, row, start);
    if (digits + decimals > 15) value = decimalToDouble(body, digitsStart, pos, decimals);
    // Up to 15 digits and a power of ten are exact doubles, so the quotient is the nearest double to what is written.
    else if (decimals > 0) value /= powersOfTen[decimals]!;
    if (value === Number.POSITIVE_INFINITY) return this.tooLarge(start);
    return column.setFloat(row, negative ? -value : value) ? pos : this.clash(column, 'float', pos);
  }

  /** The closing quote of a string, or -1. Backslashes escape quotes and themselves. */
  stringEnd(start: number): number {
    const { body } = this;
    let lines = 0;
    let escaped = false;
    for (let pos = start; pos < body.length; pos++) {
      const byte = body[pos]!;
      if (byte === quote) {
        this.lines += lines;
        this.escaped = escaped;
        return pos;
      }
      if (byte === newline) lines++;
      if (byte === backslash && (body[pos + 1] === quote || body[pos + 1] === backslash)) {
        escaped = true;
        pos++;
      }
    }
    return -1;
  }

  valueEnd(start: number): number {
    let pos = start;
    while (!endsValue(this.body[pos]!)) pos++;
    return pos;
  }

  private readExponent(column: Column, row: number, start: number): number {
    const end = this.valueEnd(start);
    const text = this.body.toString('latin1', start, end);
    if (!floatForm.test(text)) return this.noValue(start);
    const value = Number(text);
    if (!Number.isFinite(value)) return this.tooLarge(start);
    return column.setFloat(row, value) ? end : this.clash(column, 'float', end);
  }

  /** A string, a boolean, or no value at all. */
  private readWord(column: Column, row: number, start: number): number {
    if (this.body[start] === quote) return this.readString(column, row, start + 1);
    const end = this.valueEnd(start);
    const text = end - start > 20 ? '' : this.body.toString('latin1', start, end);
    const value = booleans.get(text);
    if (value !== undefined) return column.setBoolean(row, value) ? end : this.clash(column, 'boolean', end);
    if (!notFiniteForm.test(text)) return this.noValue(start);
    return this.refuse('NotFinite', '% is not stored; leave the field out', start, start);
  }

  private readString(column: Column, row: number, start: number): number {
    const { body } = this;
    const end = this.stringEnd(start);
    if (end < 0) return this.refuse('InvalidLine', 'The string has no closing quote', start, start);
    // Escapes count as written: nobody needs the difference.
    if (end - start > maxStringBytes) {
      return this.refuse('ValueTooLong', `The string has more than ${maxStringBytes} bytes`, start, end + 1);
    }
    if (!endsValue(body[end + 1]!)) {
      return this.refuse('InvalidLine', 'After a string comes a comma, a space or the end', end, end + 1);
    }
    const text = this.escaped ? unescaped(body, start, end) : null;
    const fits = text ? column.setString(row, text, 0, text.length) : column.setString(row, body, start, end);
    return fits ? end + 1 : this.clash(column, 'string', end + 1);
  }

  private noValue(start: number): typeof bad {
    return this.refuse('InvalidNumber', '% is not a value; use 1.5, 15i, true or "text"', start, start);
  }

  private tooLarge(start: number): typeof bad {
    return this.refuse('NotFinite', '% is too large for a float', start, start);
  }

  private clash({ name, type }: Column, given: string, resume: number): typeof bad {
    const message = `An earlier line gives ${shown(name)} as ${type}, this one as ${given}`;
    return this.refuse('FieldTypeClash', message, resume, resume);
  }

  private refuse(code: FaultCode, message: string, at: number, resume: number): typeof bad {
    this.code = code;
    this.message = message;
    this.at = at;
    this.resume = resume;
    return bad;
  }
}

function endsValue(byte: number): boolean {
  return byte === comma || byte === space || byte === newline || byte === carriageReturn;
}

function unescaped(body: Buffer, start: number, end: number): Buffer {
  const text = Buffer.allocUnsafe(end - start);
  let length = 0;
  for (let pos = start; pos < end; pos++) {
    if (body[pos] === backslash && (body[pos + 1] === quote || body[pos + 1] === backslash)) pos++;
    text[length++] = body[pos]!;
  }
  return text.subarray(0, length);
}
