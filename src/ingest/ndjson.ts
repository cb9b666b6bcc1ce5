// A JSON object per line. With a table (the parameter `series`) it is a plain row, {"time":…,"host":"a","usage":0.5}, whose members are time,
// tags and fields by their names; without one it is a point that says so itself, as in JSON (json.ts).

import { isUtf8 } from 'node:buffer';
import { ApiError, apiError } from '../base/errors.ts';
import { type Batch, BatchBuilder, type DecodeOptions, precisions } from './batch.ts';
import { ByteTable, sameBytes } from './byte-table.ts';
import type { Column } from './column.ts';
import { shown } from './fault-list.ts';
import { hashByte } from './hash.ts';
import { PointsDecoder } from './json.ts';
import { JsonText } from './json-text.ts';
import { JsonValues } from './json-value.ts';
import { Refusal } from './refusal.ts';
import type { SeriesRows } from './series.ts';
import type { TableOptions } from './table.ts';
import { TagRuns } from './tag-run.ts';
import type { TagColumn } from './tag-sets.ts';

const tab = 9;
const newline = 10;
const carriageReturn = 13;
const space = 32;

export function decodeNdjson(body: Buffer, options: DecodeOptions): Batch {
  const { table } = options;
  const text = body.length > 0 && body[body.length - 1] !== newline ? Buffer.concat([body, Buffer.of(newline)]) : body;
  if (table !== undefined) {
    const rows = new RowsDecoder(text, options, table);
    return decodeLines(rows.json, rows.batch, shown(table.series), (line, isWhole) => rows.readLine(line, isWhole));
  }
  const points = new PointsDecoder(text, options);
  return decodeLines(points.json, points.batch, undefined, (line, isWhole) => points.readLine(line, isWhole));
}

type ReadLine = (line: number, isWhole: () => Refusal | null) => Refusal | null;

function decodeLines(json: JsonText, batch: BatchBuilder, series: string | undefined, readLine: ReadLine): Batch {
  const { bytes } = json;
  const valid = isUtf8(bytes);
  let lineEnd = 0;
  const isWhole = (): Refusal | null =>
    passSpace(bytes, json.pos) === lineEnd ? null : new Refusal('InvalidLine', 'A line must be one JSON object');
  let points = 0;
  for (let start = 0, line = 1; start < bytes.length; start = lineEnd + 1, line++) {
    lineEnd = bytes.indexOf(newline, start);
    json.pos = passSpace(bytes, start);
    if (json.pos === lineEnd) continue;
    points++;
    batch.budget.position = lineEnd;
    let refusal: Refusal | null;
    if (!valid && !isUtf8(bytes.subarray(start, lineEnd))) {
      refusal = new Refusal('InvalidUtf8', 'The line is not valid UTF-8');
    } else if (json.kind() !== 'object') {
      refusal = new Refusal('InvalidLine', 'A line must be one JSON object');
    } else {
      try {
        refusal = readLine(line, isWhole);
      } catch (error) {
        if (!(error instanceof ApiError) || error.code !== 'InvalidJson') throw error;
        refusal = new Refusal('InvalidLine', error.message.replace('The body', 'The line'));
      }
    }
    if (refusal === null) continue;
    const { code, column, message } = refusal;
    if (!batch.faults.wanted) batch.faults.count++;
    else {
      batch.faults.add({
        line,
        ...(series === undefined ? {} : { series }),
        ...(column === undefined ? {} : { column: shown(column) }),
        code,
        message,
      });
    }
  }
  batch.lines = points;
  return batch.finish();
}

function passSpace(bytes: Buffer, start: number): number {
  let pos = start;
  while (bytes[pos] === space || bytes[pos] === tab || bytes[pos] === carriageReturn) pos++;
  return pos;
}

/** What a member of the rows is. */
interface Member {
  readonly tag: TagColumn | null;
  readonly field: Column | null;
  readonly refusal: Refusal | null;
  /** Where its name stood last, with the closing quote: the next row most likely has the same bytes there. */
  keyStart: number;
  keyLength: number;
  /** The reading of a row that met it last. */
  reading: number;
}

class RowsDecoder {
  readonly json: JsonText;
  readonly batch: BatchBuilder;
  private readonly view: DataView;
  private readonly values: JsonValues;
  private readonly table: TableOptions;
  private readonly series: SeriesRows;
  private readonly members = new Map<string, Member>();
  /** As the row before had them. */
  private readonly order: Member[] = [];
  private readonly tagValues: ByteTable<TagColumn>;
  private readonly tagRuns: TagRuns;
  /** No row has tags in two places so far. */
  private hasRuns = true;
  /** Of the row at hand, when its tags are known as they stand; else -1. */
  private run = -1;
  private hasTime = false;
  private reading = 0;

  constructor(body: Buffer, options: DecodeOptions, table: TableOptions) {
    this.json = new JsonText(body);
    this.view = new DataView(body.buffer, body.byteOffset, body.byteLength);
    this.batch = new BatchBuilder(body.length, options);
    this.values = new JsonValues(this.json, precisions[options.precision]);
    this.table = table;
    this.tagValues = new ByteTable(this.view);
    this.tagRuns = new TagRuns(body, this.view);
    const series = this.batch.seriesRows(table.series);
    if (series instanceof Refusal) throw apiError('InvalidRequest', { reason: series.message });
    this.series = series;
  }

  readLine(line: number, isWhole: () => Refusal | null): Refusal | null {
    const { series, values, json } = this;
    const start = json.pos;
    let refusal: Refusal | null = null;
    try {
      let read = this.readMembers();
      if (read === 'again') {
        this.hasRuns = false;
        for (const field of series.columns) field.unset(series.rows);
        json.pos = start;
        read = this.readMembers();
      }
      refusal = (read as Refusal | null) ?? isWhole();
      const key = this.run < 0 ? series.tagSets.end() : this.tagRuns.tagSet(this.run);
      if (refusal === null && !this.hasTime) refusal = new Refusal('InvalidTimestamp', 'The row has no time', 'time');
      if (refusal === null && series.columns.every((field) => !field.reaches(series.rows))) {
        refusal = new Refusal('MissingFields', 'The row gives no field');
      }
      if (refusal !== null) return refusal;
      if (this.run < 0 && this.hasRuns) this.tagRuns.learn(key);
      series.commit(key, values.time, line);
      return null;
    } catch (error) {
      refusal = error as Refusal;
      throw error;
    } finally {
      if (refusal !== null) for (const field of series.columns) field.unset(series.rows);
    }
  }

  /** `again`: tags were passed as a run, and there are more. */
  private readMembers(): Refusal | 'again' | null {
    const { json, series, tagRuns, order } = this;
    const reading = ++this.reading;
    this.hasTime = false;
    this.run = -1;
    series.tagSets.begin();
    tagRuns.begin();
    let refusal: Refusal | null = null;
    for (let first = true, index = 0; json.nextMember(first); first = false, index++) {
      const start = json.pos;
      if (this.hasRuns && tagRuns.isEmpty && order[index]?.tag) {
        this.run = tagRuns.expected(start);
        if (this.run >= 0) {
          json.pos = start + tagRuns.length(this.run);
          const members = tagRuns.memberCount(this.run);
          tagRuns.add(index, start, json.pos);
          index += members - 1;
          continue;
        }
      }
      const member = this.readName(index);
      if (member.tag !== null && this.run >= 0) return 'again';
      refusal ??= member.refusal;
      const kind = json.kind();
      if (member.reading === reading) {
        refusal ??= new Refusal('InvalidPoint', 'The row gives it twice', this.nameOf(member));
      }
      member.reading = reading;
      if (refusal !== null) json.passValue();
      else if (kind === 'null') json.passWord('null');
      else if (member.field !== null) refusal = this.values.readField(member.field, series.rows);
      else if (member.tag !== null) refusal = this.readTag(member.tag, kind);
      else {
        refusal = this.values.readTime();
        this.hasTime = true;
      }
      if (member.tag !== null) tagRuns.add(index, start, json.pos);
    }
    return refusal;
  }

  private readName(index: number): Member {
    const { json, order } = this;
    const start = json.pos + 1;
    const expected = order[index];
    if (
      expected !== undefined &&
      start + expected.keyLength <= json.bytes.length &&
      sameBytes(this.view, expected.keyStart, start, expected.keyLength)
    ) {
      json.pos = start + expected.keyLength;
      json.passColon();
      return expected;
    }
    json.passString();
    const name = json.text();
    const length = json.end + 1 - start;
    let member = this.members.get(name);
    if (member === undefined) {
      member = this.newMember(name);
      this.members.set(name, member);
    }
    member.keyStart = start;
    member.keyLength = length;
    order[index] = member;
    json.passColon();
    return member;
  }

  private newMember(name: string): Member {
    const { table, series } = this;
    const isTag = table.tagColumns.includes(name);
    const column = name === table.timeColumn ? null : isTag ? series.tagSets.column(name) : series.column(name);
    const refusal = column instanceof Refusal ? column : null;
    const known = refusal === null ? column : null;
    return {
      tag: isTag ? (known as TagColumn | null) : null,
      field: isTag ? null : (known as Column | null),
      refusal,
      keyStart: 0,
      keyLength: 0,
      reading: 0,
    };
  }

  private nameOf({ tag, field }: Member): string {
    return tag?.name ?? field?.name ?? 'time';
  }

  /** Numbers and booleans are tags as they are written. */
  private readTag(tag: TagColumn, kind: string): Refusal | null {
    const { json, tagValues, series } = this;
    const at = json.pos;
    json.passValue();
    if (kind === 'object' || kind === 'array') {
      return new Refusal('InvalidValue', 'The value of a tag must be a string', tag.name);
    }
    const text = kind === 'string';
    const start = text ? json.start : at;
    const end = text ? json.end : json.pos;
    let hash = tag.seed;
    for (let pos = start; pos < end; pos++) hash = hashByte(hash, json.bytes[pos]!);
    const entry = tagValues.find(start, end - start, hash, tag);
    if (entry >= 0) return series.tagSets.give(tag, tagValues.number(entry));
    const id = tag.idOfValue(text ? json.text() : json.bytes.toString('latin1', start, end));
    if (id instanceof Refusal) return id;
    tagValues.add(start, end - start, hash, tag, id);
    return series.tagSets.give(tag, id);
  }
}
