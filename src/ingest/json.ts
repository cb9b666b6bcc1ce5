// Points as JSON: rows {"series","tags","fields","time"}, or columns (the same with an array of times and an array per field), one or an
// array of them. Members come in any order, so each object is passed once to find them and read after that.

import { apiError } from '../base/errors.ts';
import { maxStringBytes } from '../base/limits.ts';
import { maxTimeNs, minTimeNs, parseIsoNs } from '../base/time.ts';
import { type Batch, BatchBuilder, type DecodeOptions, precisions } from './batch.ts';
import { ByteTable, sameBytes } from './byte-table.ts';
import { type Column, grown } from './column.ts';
import { type FaultCode, shown } from './fault-list.ts';
import { hashByte, hashSeed } from './hash.ts';
import { Int64 } from './int64.ts';
import { JsonText } from './json-text.ts';
import { Refusal } from './refusal.ts';
import type { SeriesRows } from './series.ts';

const minus = 45;
const members = ['series', 'tags', 'time', 'fields'] as const;
const digitsForm = /^-?\d+$/;

export function decodeJson(body: Buffer, options: DecodeOptions): Batch {
  return new PointsDecoder(body, options).decode();
}

class PointsDecoder {
  private readonly json: JsonText;
  private readonly bytes: Buffer;
  private readonly view: DataView;
  private readonly batch: BatchBuilder;
  private readonly zeros: number;
  private readonly nowNs: bigint;

  // What is known by its bytes: series names; tag objects, hashed with their series; field names with their closing quote, likewise.
  private readonly seriesNames: ByteTable<SeriesRows>;
  private readonly tagObjects: ByteTable<SeriesRows>;
  private readonly fieldNames: ByteTable<SeriesRows>;

  // Where the members of the object at hand are; -1: it does not have them.
  private seriesAt = -1;
  private tagsAt = -1;
  private tagsEnd = -1;
  /** The tags as known by their bytes, when they are those expected. */
  private tagsEntry = -1;
  private timeAt = -1;
  private fieldsAt = -1;
  /** A member that a point does not have. */
  private stranger: string | null = null;
  /** Points before the object. */
  private base = 0;
  private seriesName: string | undefined;
  /** Points of the object that have a fault. */
  private faulty = new Uint8Array(1);
  private readonly int64 = new Int64();
  /** Halves of the times of the object at hand. */
  private timeWords = new Int32Array(0);

  constructor(body: Buffer, { precision, nowNs }: DecodeOptions) {
    this.json = new JsonText(body);
    this.bytes = body;
    this.view = new DataView(body.buffer, body.byteOffset, body.byteLength);
    this.batch = new BatchBuilder(body.length);
    this.zeros = precisions[precision];
    this.nowNs = nowNs;
    this.seriesNames = new ByteTable(body);
    this.tagObjects = new ByteTable(body);
    this.fieldNames = new ByteTable(body);
  }

  decode(): Batch {
    const { json } = this;
    const kind = json.kind();
    if (kind === 'object') {
      this.readObject();
    } else if (kind === 'array') {
      for (let first = true; json.nextItem(first); first = false) this.readItem();
    } else {
      json.passValue();
      json.passEnd();
      throw apiError('InvalidRequest', { reason: 'the body must be a point or an array of points' });
    }
    json.passEnd();
    return this.batch.finish();
  }

  private readItem(): void {
    if (this.json.kind() === 'object') {
      this.readObject();
    } else {
      this.begin();
      this.json.passValue();
      this.batch.lines++;
      this.fault(0, 'InvalidPoint', undefined, 'A point must be an object');
    }
  }

  private readObject(): void {
    this.begin();
    this.findMembers();
    const end = this.json.pos;
    this.batch.budget.position = end;
    if (this.isColumns()) this.readColumns();
    else this.readRow();
    this.json.pos = end;
  }

  private begin(): void {
    this.seriesAt = this.tagsAt = this.timeAt = this.fieldsAt = this.tagsEntry = -1;
    this.stranger = null;
    this.seriesName = undefined;
    if (this.faulty.length === 1) this.faulty[0] = 0;
    else this.faulty = new Uint8Array(1);
    this.base = this.batch.lines;
  }

  private findMembers(): void {
    const { json, tagObjects } = this;
    for (let first = true; json.nextMember(first); first = false) {
      json.passName();
      const member = json.oneOf(members);
      if (member === undefined) this.stranger ??= json.text();
      json.kind();
      const at = json.pos;
      this.tagsEntry = member === 'tags' ? tagObjects.expected(at) : this.tagsEntry;
      if (member === 'tags' && this.tagsEntry >= 0) json.pos = at + tagObjects.length(this.tagsEntry);
      else json.passValue();
      if (member === 'series') this.seriesAt = at;
      else if (member === 'time') this.timeAt = at;
      else if (member === 'fields') this.fieldsAt = at;
      else if (member === 'tags') {
        this.tagsAt = at;
        this.tagsEnd = json.pos;
      }
    }
  }

  /** Columns have an array of times; without times, the first field tells. */
  private isColumns(): boolean {
    const { json } = this;
    if (this.timeAt >= 0) return this.kindAt(this.timeAt) === 'array';
    if (this.fieldsAt < 0 || this.kindAt(this.fieldsAt) !== 'object' || !json.nextMember(true)) return false;
    json.passName();
    return json.kind() === 'array';
  }

  private readRow(): void {
    const line = ++this.batch.lines;
    const series = this.readSeries();
    if (series === null) return;
    const key = this.readTags(series);
    if (key < 0 || !this.readTime()) return;
    const { low, high } = this.int64;
    let good = this.atFields();
    let given = 0;
    let index = 0;
    for (let first = true; good && this.json.nextMember(first); first = false, index++) {
      const column = this.readFieldName(series, index);
      if (column === null) good = false;
      else if (this.json.kind() === 'null') this.json.passWord('null');
      else if (this.readValue(column, series.rows, 0)) given++;
      else good = false;
    }
    if (good && given === 0) good = this.fault(0, 'MissingFields', undefined, 'The point gives no field');
    if (good) {
      this.int64.low = low;
      this.int64.high = high;
      series.commit(key, this.int64, line);
    } else {
      for (let i = 0; i <= index && i < series.order.length; i++) series.order[i]!.unset(series.rows);
    }
  }

  private readColumns(): void {
    const times = this.readTimes();
    this.batch.lines += Math.max(times, 1);
    if (times < 0) return;
    const series = this.readSeries();
    if (series === null) return;
    const key = this.readTags(series);
    if (key < 0 || !this.atFields()) return;
    const given = new Uint8Array(times);
    series.reserve(series.rows + times);
    for (let first = true, index = 0; this.json.nextMember(first); first = false, index++) {
      const column = this.readFieldName(series, index);
      if (column === null) this.json.passValue();
      else this.readColumn(column, series.rows, given);
    }
    for (let row = 0; row < times; row++) {
      if (given[row] === 0) this.fault(row, 'MissingFields', undefined, 'The point gives no field');
      this.int64.low = this.timeWords[2 * row]!;
      this.int64.high = this.timeWords[2 * row + 1]!;
      // With faults too: what the columns hold for these points stays theirs, and nothing of the batch is written.
      series.commit(key, this.int64, this.base + row + 1);
    }
  }

  /** One field of all points of the object; marks in `given` which of them have it. */
  private readColumn(column: Column, base: number, given: Uint8Array): void {
    const { json } = this;
    if (column.reaches(base)) {
      json.passValue();
      this.fault(0, 'InvalidPoint', column.name, 'The field is given twice');
      return;
    }
    if (json.kind() !== 'array') {
      json.passValue();
      this.fault(0, 'InvalidValue', column.name, 'The times are an array, so each field must be one');
      return;
    }
    let row = 0;
    column.reserve(base + given.length);
    for (let first = true; json.nextItem(first); first = false, row++) {
      if (row >= given.length) json.passValue();
      else if (json.kind() === 'null') json.passWord('null');
      else {
        given[row] = 1;
        this.readValue(column, base + row, row);
      }
    }
    if (row !== given.length) {
      this.fault(0, 'InvalidPoint', column.name, `The field has ${row} values for ${given.length} times`);
    }
  }

  private readSeries(): SeriesRows | null {
    const { json, seriesAt } = this;
    if (this.stranger !== null) {
      const name = shown(this.stranger);
      this.fault(0, 'InvalidPoint', name, `A point has series, tags, time and fields, not ${name}`);
      return null;
    }
    if (seriesAt < 0 || this.kindAt(seriesAt) !== 'string') {
      this.fault(0, 'InvalidPoint', 'series', 'The point must name its series with a string');
      return null;
    }
    json.passString();
    const hashed = this.hash(hashSeed, json.start, json.end);
    const length = json.end - json.start;
    const entry = this.seriesNames.find(json.start, length, hashed, null);
    const series = entry < 0 ? this.batch.seriesRows(json.text()) : this.seriesNames.owner(entry);
    if (series instanceof Refusal) {
      this.refuse(series);
      return null;
    }
    if (entry < 0) this.seriesNames.add(json.start, length, hashed, series, 0);
    this.seriesName = series.name;
    return series;
  }

  /** The number of the tag set, or -1. */
  private readTags(series: SeriesRows): number {
    const { tagsAt, tagsEnd, tagObjects } = this;
    if (tagsAt < 0) return this.readTagObject(series);
    const expected = this.tagsEntry;
    if (expected >= 0 && tagObjects.owner(expected) === series) {
      tagObjects.meet(expected);
      return tagObjects.number(expected);
    }
    const length = tagsEnd - tagsAt;
    const hashed = this.hash(hashByte(hashSeed, series.index), tagsAt, tagsEnd);
    const entry = tagObjects.find(tagsAt, length, hashed, series);
    const key = entry < 0 ? this.readTagObject(series) : tagObjects.number(entry);
    if (key >= 0) tagObjects.meet(entry < 0 ? tagObjects.add(tagsAt, length, hashed, series, key) : entry);
    return key;
  }

  private readTagObject({ tagSets }: SeriesRows): number {
    const { json } = this;
    tagSets.begin();
    const kind = this.tagsAt < 0 ? 'null' : this.kindAt(this.tagsAt);
    if (kind !== 'object') {
      if (kind === 'null') return tagSets.end();
      return this.refuse(new Refusal('InvalidPoint', 'Tags must be an object of strings', 'tags'));
    }
    for (let first = true; json.nextMember(first); first = false) {
      json.passName();
      const column = tagSets.column(json.text());
      if (column instanceof Refusal) return this.refuse(column);
      const value = json.kind();
      json.passValue();
      if (value !== 'string' && value !== 'null') {
        return this.refuse(new Refusal('InvalidValue', 'The value of a tag must be a string', column.name));
      }
      const id = column.idOfValue(value === 'string' ? json.text() : '');
      const refusal = id instanceof Refusal ? id : tagSets.give(column, id);
      if (refusal !== null) return this.refuse(refusal);
    }
    return tagSets.end();
  }

  /** Leaves the array of times in timeWords; gives how many there are, or -1 when there is no array. */
  private readTimes(): number {
    const { json } = this;
    if (this.timeAt < 0) {
      this.fault(0, 'InvalidTimestamp', 'time', 'Fields that are arrays need an array of times');
      return -1;
    }
    json.pos = this.timeAt;
    let row = 0;
    for (let first = true; json.nextItem(first); first = false, row++) {
      this.readTimeValue(row);
      if (2 * row >= this.timeWords.length) this.timeWords = grown(this.timeWords, Math.max(64, 4 * row));
      this.timeWords[2 * row] = this.int64.low;
      this.timeWords[2 * row + 1] = this.int64.high;
    }
    return row;
  }

  /** Leaves the time of a row in int64. */
  private readTime(): boolean {
    if (this.timeAt < 0) {
      this.int64.setBigInt(this.nowNs);
      return true;
    }
    this.json.pos = this.timeAt;
    return this.readTimeValue(0);
  }

  private readTimeValue(row: number): boolean {
    const { json } = this;
    const kind = json.kind();
    json.passValue();
    if (kind === 'number' && json.integer) return this.readIntegerTime(row, json.start, json.end);
    if (kind === 'string' && !json.escaped) {
      const text = json.text();
      if (digitsForm.test(text)) return this.readIntegerTime(row, json.start, json.end);
      const timeNs = parseIsoNs(text);
      if (timeNs !== undefined) {
        this.int64.setBigInt(timeNs);
        return (timeNs >= minTimeNs && timeNs <= maxTimeNs) || this.timeOutOfRange(row, text);
      }
    }
    return this.fault(row, 'InvalidTimestamp', 'time', 'A time must be an integer or an ISO 8601 string');
  }

  private readIntegerTime(row: number, start: number, end: number): boolean {
    const negative = this.bytes[start] === minus;
    if (this.int64.setTime(this.bytes, negative ? start + 1 : start, end, negative, this.zeros)) return true;
    return this.timeOutOfRange(row, this.bytes.toString('latin1', start, end));
  }

  private timeOutOfRange(row: number, text: string): false {
    return this.fault(row, 'TimeOutOfRange', 'time', `${shown(text)} is outside 1707-09-22 to 2262-04-11`);
  }

  /** Goes into the object of fields, to the place before its first member. */
  private atFields(): boolean {
    if (this.fieldsAt >= 0 && this.kindAt(this.fieldsAt) === 'object') return true;
    return this.fault(0, 'MissingFields', 'fields', 'The point needs an object of fields');
  }

  /** Passes the name of a member; `index` is its place, where the point before most likely had the same. Null: it is refused. */
  private readFieldName(series: SeriesRows, index: number): Column | null {
    const { json } = this;
    const start = json.pos + 1;
    const expected = series.order[index];
    if (
      expected !== undefined &&
      start + expected.keyLength <= this.bytes.length &&
      sameBytes(this.view, expected.keyStart, start, expected.keyLength)
    ) {
      json.pos = start + expected.keyLength;
      json.passColon();
      return expected;
    }
    json.passString();
    const length = json.end + 1 - start;
    const hashed = this.hash(hashByte(hashSeed, series.index), start, json.end);
    const entry = this.fieldNames.find(start, length, hashed, series);
    const column = entry < 0 ? series.column(json.text()) : series.columns[this.fieldNames.number(entry)]!;
    if (column instanceof Refusal) {
      json.passColon();
      this.refuse(column);
      return null;
    }
    if (entry < 0) this.fieldNames.add(start, length, hashed, series, column.index);
    json.passColon();
    column.keyStart = start;
    column.keyLength = length;
    series.order[index] = column;
    return column;
  }

  /** Passes a value that is not null and gives it to the column; false after a fault. */
  private readValue(column: Column, row: number, pointOfObject: number): boolean {
    const { json } = this;
    const kind = json.kind();
    let fits: boolean;
    switch (kind) {
      case 'number': {
        json.passNumber();
        const value = json.number();
        if (!Number.isFinite(value)) {
          return this.fault(pointOfObject, 'NotFinite', column.name, 'The number is too large for a float');
        }
        fits = column.setNumber(
          row,
          value,
          json.integer && !Number.isSafeInteger(value) && this.isLong() ? this.int64 : null,
        );
        break;
      }
      case 'string':
        return this.readString(column, row, pointOfObject);
      case 'true':
      case 'false':
        json.passWord(kind);
        fits = column.setBoolean(row, kind === 'true');
        break;
      default:
        json.passValue();
        return this.fault(pointOfObject, 'InvalidValue', column.name, `A value cannot be an ${kind} here`);
    }
    return fits || this.clash(column, kind === 'number' ? kind : 'boolean', pointOfObject);
  }

  /** Leaves the integer passed last in int64; false when it does not fit. */
  private isLong(): boolean {
    const { start, end } = this.json;
    const negative = this.bytes[start] === minus;
    return this.int64.setLong(this.bytes, negative ? start + 1 : start, end, negative);
  }

  private readString(column: Column, row: number, pointOfObject: number): boolean {
    const { json, bytes } = this;
    json.passString();
    let { start, end } = json;
    let text = bytes;
    if (json.escaped) {
      const value = json.text();
      if (!value.isWellFormed()) {
        return this.fault(pointOfObject, 'InvalidUtf8', column.name, 'The string has half a surrogate pair');
      }
      text = Buffer.from(value);
      start = 0;
      end = text.length;
    }
    if (end - start > maxStringBytes) {
      return this.fault(pointOfObject, 'ValueTooLong', column.name, `The string has more than ${maxStringBytes} bytes`);
    }
    return column.setString(row, text, start, end) || this.clash(column, 'string', pointOfObject);
  }

  private kindAt(pos: number): ReturnType<JsonText['kind']> {
    this.json.pos = pos;
    return this.json.kind();
  }

  private hash(seed: number, start: number, end: number): number {
    let hashed = seed;
    for (let pos = start; pos < end; pos++) hashed = hashByte(hashed, this.bytes[pos]!);
    return hashed;
  }

  private clash(column: Column, given: string, row: number): false {
    const name = shown(column.name);
    const message = `An earlier point gives ${name} as ${column.type}, this one as ${given}`;
    return this.fault(row, 'FieldTypeClash', column.name, message);
  }

  private refuse({ code, column, message }: Refusal): -1 {
    this.fault(0, code, column, message);
    return -1;
  }

  /** Notes a fault of a point of the object, unless the point has one. */
  private fault(row: number, code: FaultCode, column: string | undefined, message: string): false {
    const { faults } = this.batch;
    if (row >= this.faulty.length) this.faulty = grown(this.faulty, 2 * row);
    if (this.faulty[row] === 1) return false;
    this.faulty[row] = 1;
    faults.add({
      line: this.base + row + 1,
      ...(this.seriesName === undefined ? {} : { series: shown(this.seriesName) }),
      ...(column === undefined ? {} : { column: shown(column) }),
      code,
      message,
    });
    return false;
  }
}
