// Points as JSON: rows {"series","tags","fields","time"}, or columns (the same with an array of times and an array per field), one or an
// array of them. Members come in any order, so each object is passed once to find them and read after that.

import { isUtf8 } from 'node:buffer';
import { apiError } from '../base/errors.ts';
import { type Batch, BatchBuilder, type DecodeOptions, precisions } from './batch.ts';
import { type Column, grown } from './column.ts';
import { shown } from './fault-list.ts';
import { JsonNames } from './json-names.ts';
import { type JsonKind, JsonText } from './json-text.ts';
import { JsonValues } from './json-value.ts';
import { Refusal } from './refusal.ts';
import type { SeriesRows } from './series.ts';

const members = ['series', 'tags', 'time', 'fields'] as const;

export function decodeJson(body: Buffer, options: DecodeOptions): Batch {
  if (!isUtf8(body)) throw apiError('InvalidJson', { reason: 'it is not UTF-8' });
  return new PointsDecoder(body, options).decode();
}

export class PointsDecoder {
  readonly json: JsonText;
  readonly batch: BatchBuilder;
  private readonly names: JsonNames;
  private readonly values: JsonValues;
  private readonly nowNs: bigint;

  // The object at hand: where its members are, -1 where it does not have them.
  private seriesAt = -1;
  private tagsAt = -1;
  private tagsEnd = -1;
  private timeAt = -1;
  private fieldsAt = -1;
  /** A member that a point does not have. */
  private stranger: string | null = null;
  private series: SeriesRows | null = null;
  private key = 0;
  /** Points before the object. */
  private base = 0;
  /** 1 for points of the object that have a fault. */
  private faulty = new Uint8Array(1);
  /** Halves of its times. */
  private timeWords = new Int32Array(0);

  constructor(body: Buffer, { precision, nowNs, ...rest }: DecodeOptions) {
    this.json = new JsonText(body);
    this.batch = new BatchBuilder(body.length, rest);
    this.names = new JsonNames(this.json, this.batch);
    this.values = new JsonValues(this.json, precisions[precision]);
    this.nowNs = nowNs;
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
      this.fault(0, new Refusal('InvalidPoint', 'A point must be an object'));
    }
  }

  private readObject(): void {
    this.begin();
    this.findMembers();
    const end = this.json.pos;
    this.batch.budget.position = end;
    if (this.isColumns()) this.readColumns();
    else this.readRow(++this.batch.lines);
    this.json.pos = end;
  }

  /** A row that stands alone on a line; `isWhole` is asked when its object has been passed. */
  readLine(line: number, isWhole: () => Refusal | null): Refusal | null {
    this.begin();
    this.base = line - 1;
    this.findMembers();
    const end = this.json.pos;
    const refusal = isWhole();
    if (refusal === null) this.readRow(line);
    this.json.pos = end;
    return refusal;
  }

  private begin(): void {
    this.seriesAt = this.tagsAt = this.timeAt = this.fieldsAt = -1;
    this.stranger = null;
    this.series = null;
    this.base = this.batch.lines;
    if (this.faulty.length === 1) this.faulty[0] = 0;
    else this.faulty = new Uint8Array(1);
  }

  private findMembers(): void {
    const { json } = this;
    for (let first = true; json.nextMember(first); first = false) {
      json.passName();
      const member = json.oneOf(members);
      if (member === undefined) this.stranger ??= json.text();
      json.kind();
      const at = json.pos;
      if (member === 'tags') this.names.passTags();
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

  private readRow(line: number): void {
    const refusal = this.readIdentity() ?? this.readTime() ?? this.readFields(this.series!);
    if (refusal === null) this.series!.commit(this.key, this.values.time, line);
    else this.fault(0, refusal);
  }

  /** Series and tags. */
  private readIdentity(): Refusal | null {
    if (this.stranger !== null) {
      const message = `A point has series, tags, time and fields, not ${shown(this.stranger)}`;
      return new Refusal('InvalidPoint', message, this.stranger);
    }
    if (this.seriesAt < 0 || this.kindAt(this.seriesAt) !== 'string') {
      return new Refusal('InvalidPoint', 'The point must name its series with a string', 'series');
    }
    const series = this.names.readSeries();
    if (series instanceof Refusal) return series;
    this.series = series;
    const key = this.tagsAt < 0 ? noTags(series) : this.names.readTags(series, this.tagsAt, this.tagsEnd);
    if (key instanceof Refusal) return key;
    this.key = key;
    if (this.fieldsAt >= 0 && this.kindAt(this.fieldsAt) === 'object') return null;
    return new Refusal('MissingFields', 'The point needs an object of fields', 'fields');
  }

  private readTime(): Refusal | null {
    if (this.timeAt < 0) {
      this.values.time.setBigInt(this.nowNs);
      return null;
    }
    this.json.pos = this.timeAt;
    return this.values.readTime();
  }

  /** The fields of a row; after a refusal the columns are as before. */
  private readFields(series: SeriesRows): Refusal | null {
    const { json, names, values } = this;
    json.pos = this.fieldsAt;
    let refusal: Refusal | null = null;
    let given = 0;
    let index = 0;
    for (let first = true; refusal === null && json.nextMember(first); first = false) {
      const column = names.readField(series, index);
      if (column instanceof Refusal) {
        refusal = column;
        break;
      }
      index++;
      if (json.kind() === 'null') {
        json.passWord('null');
      } else {
        refusal = values.readField(column, series.rows);
        given++;
      }
    }
    if (refusal === null && given === 0) refusal = new Refusal('MissingFields', 'The point gives no field');
    if (refusal !== null) for (let i = 0; i < index; i++) series.order[i]!.unset(series.rows);
    return refusal;
  }

  private readColumns(): void {
    const { json } = this;
    if (this.timeAt < 0) {
      this.batch.lines++;
      this.fault(0, new Refusal('InvalidTimestamp', 'Fields that are arrays need an array of times', 'time'));
      return;
    }
    const times = this.readTimes();
    this.batch.lines += Math.max(times, 1);
    const refusal = this.readIdentity();
    if (refusal !== null) {
      this.faultAll(times, refusal);
      return;
    }
    const series = this.series!;
    series.reserve(series.rows + times);
    const given = new Uint8Array(times);
    json.pos = this.fieldsAt;
    for (let first = true, index = 0; json.nextMember(first); first = false, index++) {
      const column = this.names.readField(series, index);
      if (column instanceof Refusal) {
        this.faultAll(times, column);
        json.passValue();
      } else {
        this.readColumn(column, series.rows, given);
      }
    }
    this.commitColumns(series, given);
  }

  /** Leaves the array of times in timeWords; gives how many there are. */
  private readTimes(): number {
    const { json, values } = this;
    json.pos = this.timeAt;
    let row = 0;
    for (let first = true; json.nextItem(first); first = false, row++) {
      const refusal = values.readTime();
      if (refusal !== null) this.fault(row, refusal);
      if (2 * row >= this.timeWords.length) this.timeWords = grown(this.timeWords, Math.max(64, 4 * row));
      this.timeWords[2 * row] = values.time.low;
      this.timeWords[2 * row + 1] = values.time.high;
    }
    return row;
  }

  /** One field of all points of the object; marks in `given` which of them have it. */
  private readColumn(column: Column, base: number, given: Uint8Array): void {
    const { json, values } = this;
    const array = json.kind() === 'array';
    if (!array || column.reaches(base)) {
      json.passValue();
      const reason = array ? 'The field is given twice' : 'The times are an array, so each field must be one';
      this.faultAll(given.length, new Refusal('InvalidPoint', reason, column.name));
      return;
    }
    column.reserve(base + given.length);
    let row = 0;
    for (let first = true; json.nextItem(first); first = false, row++) {
      if (row >= given.length) {
        json.passValue();
      } else if (json.kind() === 'null') {
        json.passWord('null');
      } else {
        given[row] = 1;
        const refusal = values.readField(column, base + row);
        if (refusal !== null) this.fault(row, refusal);
      }
    }
    if (row !== given.length) {
      const message = `The field has ${row} values for ${given.length} times`;
      this.faultAll(given.length, new Refusal('InvalidPoint', message, column.name));
    }
  }

  /** With faults too: what the columns hold for these points stays theirs, and is not written. */
  private commitColumns(series: SeriesRows, given: Uint8Array): void {
    const { time } = this.values;
    for (let row = 0; row < given.length; row++) {
      if (given[row] === 0) this.fault(row, new Refusal('MissingFields', 'The point gives no field'));
      time.low = this.timeWords[2 * row]!;
      time.high = this.timeWords[2 * row + 1]!;
      if (this.faulty[row] === 1) series.spoil(series.rows);
      series.commit(this.key, time, this.base + row + 1);
    }
  }

  private kindAt(pos: number): JsonKind {
    this.json.pos = pos;
    return this.json.kind();
  }

  /** Notes a fault of all points of the object. */
  private faultAll(points: number, refusal: Refusal): void {
    for (let row = 0; row < Math.max(points, 1); row++) this.fault(row, refusal);
  }

  /** Notes a fault of a point of the object, unless the point has one. */
  private fault(row: number, { code, column, message }: Refusal): void {
    if (row >= this.faulty.length) this.faulty = grown(this.faulty, 2 * row);
    if (this.faulty[row] === 1) return;
    this.faulty[row] = 1;
    const { faults } = this.batch;
    if (!faults.wanted) {
      faults.count++;
      return;
    }
    faults.add({
      line: this.base + row + 1,
      ...(this.series === null ? {} : { series: shown(this.series.name) }),
      ...(column === undefined ? {} : { column: shown(column) }),
      code,
      message,
    });
  }
}

function noTags({ tagSets }: SeriesRows): number {
  tagSets.begin();
  return tagSets.end();
}
