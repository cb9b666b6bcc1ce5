// Times and field values of JSON points.

import { maxStringBytes } from '../base/limits.ts';
import { maxTimeNs, minTimeNs, parseIsoNs } from '../base/time.ts';
import type { Column } from './column.ts';
import { shown } from './fault-list.ts';
import { Int64 } from './int64.ts';
import type { JsonText } from './json-text.ts';
import { Refusal } from './refusal.ts';

const minus = 45;
const digitsForm = /^-?\d+$/;

export class JsonValues {
  /** The time read last. */
  readonly time = new Int64();
  private readonly json: JsonText;
  /** Integer times are in units of 10^zeros ns. */
  private readonly zeros: number;
  private readonly int64 = new Int64();

  constructor(json: JsonText, zeros: number) {
    this.json = json;
    this.zeros = zeros;
  }

  /** Passes a time: an integer, an integer in a string (for clients that have no int64), or ISO 8601. */
  readTime(): Refusal | null {
    const { json } = this;
    const kind = json.kind();
    json.passValue();
    if (kind === 'number' && json.integer) return this.readInteger();
    if (kind === 'string' && !json.escaped) {
      const text = json.text();
      if (digitsForm.test(text)) return this.readInteger();
      const timeNs = parseIsoNs(text);
      if (timeNs !== undefined) {
        this.time.setBigInt(timeNs);
        return timeNs >= minTimeNs && timeNs <= maxTimeNs ? null : timeOutOfRange(text);
      }
    }
    return new Refusal('InvalidTimestamp', 'A time must be an integer or an ISO 8601 string', 'time');
  }

  /** Passes a value that is not null and gives it to the column. */
  readField(column: Column, row: number): Refusal | null {
    const { json } = this;
    const kind = json.kind();
    switch (kind) {
      case 'number':
        return this.readNumber(column, row);
      case 'string':
        return this.readString(column, row);
      case 'true':
      case 'false':
        json.passWord(kind);
        return column.setBoolean(row, kind === 'true') ? null : clash(column, 'boolean');
      default:
        json.passValue();
        return new Refusal('InvalidValue', 'A value is a number, a string, true or false', column.name);
    }
  }

  private readInteger(): Refusal | null {
    const { bytes, start, end } = this.json;
    const negative = bytes[start] === minus;
    if (this.time.setTime(bytes, negative ? start + 1 : start, end, negative, this.zeros)) return null;
    return timeOutOfRange(bytes.toString('latin1', start, end));
  }

  private readNumber(column: Column, row: number): Refusal | null {
    const { json } = this;
    json.passNumber();
    const value = json.number();
    if (!Number.isFinite(value)) return new Refusal('NotFinite', 'The number is too large for a float', column.name);
    const exact = json.integer && !Number.isSafeInteger(value) && this.isLong();
    return column.setNumber(row, value, exact ? this.int64 : null) ? null : clash(column, 'number');
  }

  /** Leaves the integer passed last in int64; false when it does not fit. */
  private isLong(): boolean {
    const { bytes, start, end } = this.json;
    const negative = bytes[start] === minus;
    return this.int64.setLong(bytes, negative ? start + 1 : start, end, negative);
  }

  private readString(column: Column, row: number): Refusal | null {
    const { json } = this;
    json.passString();
    let { bytes: text, start, end } = json;
    if (json.escaped) {
      const value = json.text();
      if (!value.isWellFormed()) {
        return new Refusal('InvalidUtf8', 'The string has half a surrogate pair', column.name);
      }
      text = Buffer.from(value);
      start = 0;
      end = text.length;
    }
    if (end - start > maxStringBytes) {
      return new Refusal('ValueTooLong', `The string has more than ${maxStringBytes} bytes`, column.name);
    }
    return column.setString(row, text, start, end) ? null : clash(column, 'string');
  }
}

function timeOutOfRange(text: string): Refusal {
  return new Refusal('TimeOutOfRange', `${shown(text)} is outside 1707-09-22 to 2262-04-11`, 'time');
}

function clash({ name, type }: Column, given: string): Refusal {
  return new Refusal('FieldTypeClash', `An earlier point gives ${shown(name)} as ${type}, this one as ${given}`, name);
}
