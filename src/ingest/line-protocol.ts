// InfluxDB line protocol, from the bytes of the body straight into columns: measurement[,tag=value…] field=value[,…] [timestamp].
// Lines of one source repeat themselves, so whatever a line has in common with the one before is compared, not parsed: the measurement with
// its tags as one range of bytes (the prefix that came next last time is tried first), the fields' names in their order.

import { isUtf8 } from 'node:buffer';
import { maxStringBytes } from '../base/limits.ts';
import { type Batch, BatchBuilder, type DecodeOptions, precisions } from './batch.ts';
import { ByteTable, sameBytes } from './byte-table.ts';
import type { Column } from './column.ts';
import { decimalToDouble } from './decimal.ts';
import { type FaultCode, shown } from './fault-list.ts';
import { hashByte, hashSeed } from './hash.ts';
import { Int64 } from './int64.ts';
import { columnText, PrefixReader } from './line-prefix.ts';
import { Refusal } from './refusal.ts';
import type { SeriesRows } from './series.ts';

const tab = 9;
const newline = 10;
const carriageReturn = 13;
const space = 32;
const quote = 34;
const hash = 35;
const plus = 43;
const comma = 44;
const minus = 45;
const dot = 46;
const zero = 48;
const equals = 61;
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

export function decodeLineProtocol(body: Buffer, options: DecodeOptions): Batch {
  // Every scan below stops at a newline, so there is one at the end.
  const lines = body.length > 0 && body[body.length - 1] !== newline ? Buffer.concat([body, Buffer.of(newline)]) : body;
  return new LineDecoder(lines, options).decode();
}

/** What a read method returns in place of a position when it has noted a fault; `resume` says where to go on. */
const bad = -1;

class LineDecoder {
  private readonly body: Buffer;
  private readonly view: DataView;
  private readonly batch: BatchBuilder;
  /** False: some line is not UTF-8, so each is looked at. */
  private readonly valid: boolean;
  private readonly zeros: number;
  private readonly now = new Int64();

  /** Measurements with tags as written; the number is that of the tag set in its series. */
  private readonly prefixes: ByteTable<SeriesRows>;
  private readonly prefixReader: PrefixReader;
  /** Names of fields with their '=' as written, hashed with their series. */
  private readonly fieldNames: ByteTable<SeriesRows>;

  // The point at hand.
  private lineStart = 0;
  private firstLine = 1;
  private line = 1;
  private series: SeriesRows | null = null;
  private key = 0;
  /** How many fields it has given so far. */
  private given = 0;
  private readonly int64 = new Int64();
  /** The time read last, and its text. */
  private readonly time = new Int64();
  private timeStart = 0;
  private timeLength = 0;
  /** Of the string passed last: newlines in it, and whether it has escapes. */
  private stringLines = 0;
  private stringEscaped = false;
  /** After a fault: where the rest of the line begins. */
  private resume = 0;

  constructor(body: Buffer, { precision, nowNs }: DecodeOptions) {
    this.body = body;
    this.view = new DataView(body.buffer, body.byteOffset, body.byteLength);
    this.batch = new BatchBuilder(body.length);
    this.valid = isUtf8(body);
    this.zeros = precisions[precision];
    this.now.setBigInt(nowNs);
    this.prefixes = new ByteTable(body);
    this.prefixReader = new PrefixReader(body, this.batch);
    this.fieldNames = new ByteTable(body);
  }

  decode(): Batch {
    const { body } = this;
    for (let pos = 0; pos < body.length; ) {
      const byte = body[pos]!;
      if (byte === newline) {
        pos++;
        this.line++;
      } else if (byte === space || byte === tab || byte === carriageReturn) {
        pos++;
      } else if (byte === hash) {
        pos = body.indexOf(newline, pos);
      } else {
        this.lineStart = pos;
        this.firstLine = this.line;
        this.batch.lines++;
        pos = this.readPoint(pos);
        this.batch.budget.position = pos;
      }
    }
    return this.batch.finish();
  }

  /** Gives the place of the newline that ends the line. */
  private readPoint(start: number): number {
    this.given = 0;
    this.series = null;
    let pos = this.readPrefix(start);
    if (pos !== bad) {
      pos = this.readFields(this.series!, pos);
      if (pos !== bad) pos = this.readTime(pos);
      if (pos !== bad && !this.valid && !isUtf8(this.body.subarray(start, pos))) {
        pos = this.fault('InvalidUtf8', undefined, 'The line is not valid UTF-8', start, pos);
      }
      if (pos !== bad) {
        this.series!.commit(this.key, this.time, this.firstLine);
        return pos;
      }
      const { order, rows } = this.series!;
      for (let i = 0; i < this.given; i++) order[i]!.unset(rows);
    }
    return this.lineEnd(this.resume);
  }

  /** Series and tag set; gives the place of the space after them. */
  private readPrefix(start: number): number {
    const { prefixes, body } = this;
    let entry = prefixes.expected(start);
    let end = entry < 0 ? 0 : start + prefixes.length(entry);
    if (entry < 0 || body[end] !== space) {
      let hashed = hashSeed;
      let byte = body[start]!;
      for (end = start; byte !== newline && (byte !== space || body[end - 1] === backslash); byte = body[++end]!) {
        hashed = hashByte(hashed, byte);
      }
      if (byte === newline) return this.fault('MissingFields', undefined, 'The line has no field', end, end);
      entry = prefixes.find(start, end - start, hashed, null);
      if (entry < 0) return this.internPrefix(start, end, hashed);
    }
    prefixes.meet(entry);
    this.series = prefixes.owner(entry);
    this.key = prefixes.number(entry);
    return end;
  }

  private internPrefix(start: number, end: number, hashed: number): number {
    const key = this.prefixReader.read(start, end);
    this.series = this.prefixReader.series;
    if (key instanceof Refusal) return this.refuse(key, end);
    this.key = key;
    this.prefixes.meet(this.prefixes.add(start, end - start, hashed, this.series!, key));
    return end;
  }

  private readFields(series: SeriesRows, start: number): number {
    const { body, view } = this;
    const { order, rows } = series;
    let pos = start;
    while (body[pos] === space) pos++;
    for (;;) {
      let column = this.given < order.length ? order[this.given]! : null;
      if (
        column === null ||
        pos + column.keyLength > body.length ||
        !sameBytes(view, column.keyStart, pos, column.keyLength)
      ) {
        column = this.readFieldName(series, pos);
        if (column === null) return bad;
        order[this.given] = column;
      }
      this.given++;
      pos = this.readValue(column, rows, pos + column.keyLength);
      if (pos === bad || body[pos] !== comma) return pos;
      pos++;
    }
  }

  /** A field that is not where the point before had it. */
  private readFieldName(series: SeriesRows, start: number): Column | null {
    const { body } = this;
    let hashed = hashByte(hashSeed, series.index);
    let byte = body[start]!;
    let before = 0;
    let end = start;
    for (; byte !== equals || before === backslash; byte = body[++end]!) {
      if (byte === newline || ((byte === comma || byte === space) && before !== backslash)) break;
      hashed = hashByte(hashed, byte);
      before = byte;
    }
    if (byte !== equals || end === start) {
      const nothing = this.given === 0 && (body[start] === newline || body[start] === carriageReturn);
      if (nothing) this.fault('MissingFields', undefined, 'The line has no field', start, start);
      else this.fault('InvalidLine', undefined, 'A field must be name=value, found %', start, start);
      return null;
    }
    const length = end + 1 - start;
    const entry = this.fieldNames.find(start, length, hashed, series);
    const column =
      entry < 0 ? series.column(columnText(body, start, end)) : series.columns[this.fieldNames.number(entry)]!;
    if (column instanceof Refusal) {
      this.refuse(column, start);
      return null;
    }
    if (entry < 0) this.fieldNames.add(start, length, hashed, series, column.index);
    column.keyStart = start;
    column.keyLength = length;
    return column;
  }

  /** Gives the place after the value: a comma, a space or the end of the line. */
  private readValue(column: Column, row: number, start: number): number {
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
      if (!endsValue(body[pos + 1]!)) return this.notNumber(column, start);
      let fits: boolean;
      if (digits <= 9) {
        fits = column.setInt32(row, negative ? -value : value);
      } else {
        if (!this.int64.setLong(body, digitsStart, pos, negative)) {
          return this.fault('InvalidNumber', column.name, '% is outside the 64-bit integers', start, start);
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
    if (value === Number.POSITIVE_INFINITY) return this.tooLarge(column, start);
    return column.setFloat(row, negative ? -value : value) ? pos : this.clash(column, 'float', pos);
  }

  private readExponent(column: Column, row: number, start: number): number {
    const end = this.valueEnd(start);
    const text = this.body.toString('latin1', start, end);
    if (!floatForm.test(text)) return this.notNumber(column, start);
    const value = Number(text);
    if (!Number.isFinite(value)) return this.tooLarge(column, start);
    return column.setFloat(row, value) ? end : this.clash(column, 'float', end);
  }

  /** A string, a boolean, or no value at all. */
  private readWord(column: Column, row: number, start: number): number {
    if (this.body[start] === quote) return this.readString(column, row, start + 1);
    const end = this.valueEnd(start);
    const text = end - start > 20 ? '' : this.body.toString('latin1', start, end);
    const value = booleans.get(text);
    if (value === undefined) {
      if (notFiniteForm.test(text)) {
        return this.fault('NotFinite', column.name, '% is not stored; leave the field out', start, start);
      }
      return this.notNumber(column, start);
    }
    return column.setBoolean(row, value) ? end : this.clash(column, 'boolean', end);
  }

  private readString(column: Column, row: number, start: number): number {
    const { body } = this;
    const end = this.stringEnd(start);
    if (end < 0) return this.fault('InvalidLine', column.name, 'The string has no closing quote', start, start);
    this.line += this.stringLines;
    if (end - start > maxStringBytes) {
      // Escapes count as written: nobody needs the difference.
      return this.fault(
        'ValueTooLong',
        column.name,
        `The string has more than ${maxStringBytes} bytes`,
        start,
        end + 1,
      );
    }
    if (!endsValue(body[end + 1]!)) {
      return this.fault('InvalidLine', column.name, 'After a string comes a comma, a space or the end', end, end + 1);
    }
    const text = this.stringEscaped ? unescapedString(body, start, end) : null;
    const fits = text ? column.setString(row, text, 0, text.length) : column.setString(row, body, start, end);
    return fits ? end + 1 : this.clash(column, 'string', end + 1);
  }

  /** Leaves the time in `time`; gives the place of the newline. */
  private readTime(start: number): number {
    const { body, timeLength } = this;
    let pos = start;
    while (body[pos] === space) pos++;
    const first = pos;
    // Lines of one moment come together.
    if (
      timeLength > 0 &&
      first + timeLength < body.length &&
      body[first + timeLength] === newline &&
      sameBytes(this.view, this.timeStart, first, timeLength)
    ) {
      return first + timeLength;
    }
    let byte = body[pos]!;
    const negative = byte === minus;
    if (negative) byte = body[++pos]!;
    const digits = pos;
    while (byte >= zero && byte <= zero + 9) byte = body[++pos]!;
    const end = pos;
    while (byte === space) byte = body[++pos]!;
    if (byte === carriageReturn) byte = body[++pos]!;
    if (byte !== newline || (end === digits && negative)) {
      return this.fault('InvalidTimestamp', 'time', '% is not an integer time', first, first);
    }
    this.timeStart = first;
    this.timeLength = 0;
    if (end === digits) {
      this.time.high = this.now.high;
      this.time.low = this.now.low;
    } else if (this.time.setTime(body, digits, end, negative, this.zeros)) {
      this.timeLength = end - first;
    } else {
      return this.fault('TimeOutOfRange', 'time', '% is outside 1707-09-22 to 2262-04-11', first, first);
    }
    return pos;
  }

  /** The place of the newline that ends the line of which the part from `from` on is not understood: newlines in strings do not count. */
  private lineEnd(from: number): number {
    const { body } = this;
    for (let pos = from; ; pos++) {
      const byte = body[pos]!;
      if (byte === newline) return pos;
      if (byte !== quote || body[pos - 1] !== equals || body[pos - 2] === backslash) continue;
      const end = this.stringEnd(pos + 1);
      if (end < 0) continue;
      this.line += this.stringLines;
      pos = end;
    }
  }

  /** The closing quote of a string, or -1. */
  private stringEnd(start: number): number {
    const { body } = this;
    let lines = 0;
    let escaped = false;
    for (let pos = start; pos < body.length; pos++) {
      const byte = body[pos]!;
      if (byte === quote) {
        this.stringLines = lines;
        this.stringEscaped = escaped;
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

  private valueEnd(start: number): number {
    let pos = start;
    while (!endsValue(this.body[pos]!)) pos++;
    return pos;
  }

  private notNumber(column: Column, start: number): number {
    return this.fault('InvalidNumber', column.name, '% is not a value; use 1.5, 15i, true or "text"', start, start);
  }

  private tooLarge(column: Column, start: number): number {
    return this.fault('NotFinite', column.name, '% is too large for a float', start, start);
  }

  private clash(column: Column, given: string, resume: number): number {
    return this.fault(
      'FieldTypeClash',
      column.name,
      `An earlier line gives ${shown(column.name)} as ${column.type}, this one as ${given}`,
      resume,
      resume,
    );
  }

  private refuse({ code, column, message }: Refusal, resume: number): number {
    return this.fault(code, column, message, this.lineStart, resume);
  }

  /** Notes a fault of the line; % in the message is the text at `at`. */
  private fault(code: FaultCode, column: string | undefined, message: string, at: number, resume: number): typeof bad {
    this.resume = resume;
    const series = this.series?.name;
    const { faults } = this.batch;
    if (!faults.wanted) {
      faults.count++;
      return bad;
    }
    const found = shown(this.body.toString('utf8', at, Math.min(this.valueEnd(at), at + 240)));
    faults.add({
      line: this.firstLine,
      ...(series === undefined ? {} : { series: shown(series) }),
      column: shown(column ?? `char ${at - this.lineStart + 1}`),
      code,
      message: message.replace('%', () => found || 'nothing'),
    });
    return bad;
  }
}

function endsValue(byte: number): boolean {
  return byte === comma || byte === space || byte === newline || byte === carriageReturn;
}

function unescapedString(body: Buffer, start: number, end: number): Buffer {
  const text = Buffer.allocUnsafe(end - start);
  let length = 0;
  for (let pos = start; pos < end; pos++) {
    if (body[pos] === backslash && (body[pos + 1] === quote || body[pos + 1] === backslash)) pos++;
    text[length++] = body[pos]!;
  }
  return text.subarray(0, length);
}
