// CSV (RFC 4180) of one series, from the bytes of the body straight into columns: a header row, then a point per row. An empty cell is no value;
// an empty cell in quotes is an empty string. Columns that are neither time nor tag are fields, of the type that is given for them, or else of
// the one that their first rows look like: numbers (float where the field is new, as for JSON), true and false, or strings.
//
// Adjacent columns of tags are compared as one range of bytes, as the prefix of line protocol is (line-protocol.ts).

import { isUtf8 } from 'node:buffer';
import { apiError } from '../base/errors.ts';
import { columnNameFault } from '../base/limits.ts';
import { type Batch, BatchBuilder, type DecodeOptions, precisions } from './batch.ts';
import { ByteTable, sameBytes } from './byte-table.ts';
import { TimeReader } from './cell-time.ts';
import type { Column } from './column.ts';
import { CellReader, typeOfText } from './csv-cell.ts';
import { CsvRecords } from './csv-record.ts';
import { shown } from './fault-list.ts';
import { hashByte, hashSeed } from './hash.ts';
import { Refusal } from './refusal.ts';
import type { SeriesRows } from './series.ts';
import type { CellType, TableOptions } from './table.ts';
import type { TagColumn } from './tag-sets.ts';
import { timePattern } from './time-pattern.ts';

const newline = 10;
const carriageReturn = 13;
/** Rows that the type of a column is told by. */
const sampledRows = 1_000;

type CsvColumn =
  | { readonly kind: 'time' }
  | { readonly kind: 'skip' }
  | { readonly kind: 'tag'; readonly tag: TagColumn; readonly values: ByteTable<TagColumn> }
  | { readonly kind: 'field'; readonly field: Column; readonly type: CellType };

export function decodeCsv(body: Buffer, options: DecodeOptions): Batch {
  if (options.table === undefined) {
    throw apiError('InvalidRequest', { reason: 'CSV needs the parameter series' });
  }
  return new CsvDecoder(csvText(body), options, options.table).decode();
}

export interface CsvHeader {
  readonly names: readonly string[];
  /** By column; null: every cell of it is empty. */
  readonly types: readonly (CellType | null)[];
  /** Where the first point begins in the body, and the number of its line. */
  readonly start: number;
  readonly line: number;
}

/** What the first rows of a body say. */
export function csvHeader(body: Buffer, table: TableOptions): CsvHeader {
  const text = csvText(body);
  const { names, types, start, line } = new CsvSample(text, table);
  return { names, types, start: start + (hasMark(body) ? mark.length : 0), line };
}

/** Every scan stops at a newline, so there is one at the end. A byte order mark is no part of the first name. */
function csvText(body: Buffer): Buffer {
  const text = hasMark(body) ? body.subarray(mark.length) : body;
  return text.length > 0 && text[text.length - 1] !== newline ? Buffer.concat([text, Buffer.of(newline)]) : text;
}

const mark = Buffer.from('\uFEFF');

function hasMark(body: Buffer): boolean {
  return mark.equals(body.subarray(0, mark.length));
}

/** The first rows of a body as texts. */
class CsvSample {
  readonly names: readonly string[];
  readonly types: (CellType | null)[];
  /** Where the first point begins, and the number of its line. */
  readonly start: number;
  readonly line: number;

  constructor(body: Buffer, { delimiter, columns, types }: TableOptions) {
    const code = delimiter.charCodeAt(0);
    const records = new CsvRecords(body, code);
    const cells = new CellReader(body, code, records);
    const read = (start: number): string[] | null => {
      const texts: string[] = [];
      for (let pos = start; ; pos++) {
        pos = cells.pass(pos);
        if (pos < 0) return null;
        texts.push(cells.text());
        if (body[pos] !== code) return texts;
      }
    };
    let pos = columns === null ? firstRecord(body) : 0;
    const header = columns ?? (pos < body.length ? read(pos)?.map((name) => name.trim()) : undefined);
    if (header === undefined) throw apiError('InvalidRequest', { reason: 'the CSV has no header row' });
    this.names = header;
    if (columns === null) pos = records.end(pos) + 1;
    this.start = pos;
    this.line = 1;
    for (let at = body.indexOf(newline); at >= 0 && at < pos; at = body.indexOf(newline, at + 1)) this.line++;
    this.types = header.map((name) => (Object.hasOwn(types, name) ? types[name]! : null));
    const open = new Set(this.types.keys().filter((i) => this.types[i] === null));
    for (let row = 0; row < sampledRows && pos < body.length && open.size > 0; row++) {
      const texts = read(pos);
      const end = records.end(pos);
      if (texts?.length === header.length) {
        for (const i of open) {
          const type = typeOfText(texts[i]!);
          if (type === null || type === this.types[i]) continue;
          this.types[i] = this.types[i] === null ? type : 'string';
          if (this.types[i] === 'string') open.delete(i);
        }
      }
      if (end < 0) break;
      pos = end + 1;
    }
  }
}

/** Empty lines before it are passed. */
function firstRecord(body: Buffer): number {
  let pos = 0;
  while (body[pos] === newline || body[pos] === carriageReturn) pos++;
  return pos;
}

class CsvDecoder {
  private readonly body: Buffer;
  private readonly view: DataView;
  private readonly batch: BatchBuilder;
  private readonly delimiter: number;
  private readonly records: CsvRecords;
  private readonly cells: CellReader;
  private readonly times: TimeReader;
  private readonly series: SeriesRows;
  private readonly columns: readonly CsvColumn[];
  private readonly fields: readonly Column[];
  /** The columns of tags when they are neighbours, else -1: [firstTag, lastTag]. */
  private readonly firstTag: number;
  private readonly lastTag: number;
  /** Cells of all tags as written; the number is that of the tag set. */
  private readonly tagRanges: ByteTable<SeriesRows>;
  /** False: some row is not UTF-8, so each is looked at. */
  private readonly valid: boolean;
  private line: number;
  private start: number;

  // The point at hand.
  private rowStart = 0;
  private firstLine = 1;
  private key = 0;
  private hasTime = false;
  /** Where the time read last stands. */
  private timeStart = 0;
  private timeLength = 0;

  constructor(body: Buffer, options: DecodeOptions, table: TableOptions) {
    this.body = body;
    this.view = new DataView(body.buffer, body.byteOffset, body.byteLength);
    this.batch = new BatchBuilder(body.length, options);
    this.delimiter = table.delimiter.charCodeAt(0);
    this.records = new CsvRecords(body, this.delimiter);
    this.cells = new CellReader(body, this.delimiter, this.records);
    this.times = new TimeReader(body, precisions[options.precision], patternOf(table));
    this.tagRanges = new ByteTable(this.view);
    this.valid = isUtf8(body);
    const sample = new CsvSample(body, table);
    this.start = sample.start;
    this.line = sample.line;
    const series = this.batch.seriesRows(table.series);
    if (series instanceof Refusal) throw apiError('InvalidRequest', { reason: series.message });
    this.series = series;
    this.columns = this.columnsOf(sample, table);
    this.fields = this.columns.flatMap((column) => (column.kind === 'field' ? [column.field] : []));
    const tags = [...this.columns.keys()].filter((i) => this.columns[i]!.kind === 'tag');
    const adjacent = tags.length > 0 && tags.at(-1)! - tags[0]! === tags.length - 1;
    this.firstTag = adjacent ? tags[0]! : -1;
    this.lastTag = adjacent ? tags.at(-1)! : -1;
  }

  private columnsOf({ names, types }: CsvSample, { timeColumn, tagColumns }: TableOptions): CsvColumn[] {
    for (const name of [timeColumn, ...tagColumns]) {
      if (!names.includes(name)) throw badHeader(`has no column ${shown(name)}`);
    }
    return names.map((name, i) => {
      if (names.indexOf(name) !== i) throw badHeader(`has two columns ${shown(name)}`);
      if (name === timeColumn) return { kind: 'time' };
      if (types[i] === 'skip') return { kind: 'skip' };
      const fault = columnNameFault(name);
      if (fault !== null) throw badHeader(`has a column "${shown(name)}" (number ${i + 1}), whose name ${fault}`);
      const isTag = tagColumns.includes(name);
      const column = isTag ? this.series.tagSets.column(name) : this.series.column(name);
      if (column instanceof Refusal) throw badHeader(`has too many columns: ${column.message}`);
      return isTag
        ? { kind: 'tag', tag: column as TagColumn, values: new ByteTable(this.view) }
        : { kind: 'field', field: column as Column, type: types[i] ?? 'number' };
    });
  }

  decode(): Batch {
    const { body, batch, cells } = this;
    for (let pos = this.start; pos < body.length; ) {
      if (body[pos] === newline) {
        pos++;
        this.line++;
        continue;
      }
      if (body[pos] === carriageReturn && body[pos + 1] === newline) {
        pos += 2;
        this.line++;
        continue;
      }
      this.rowStart = pos;
      this.firstLine = this.line + cells.lines;
      batch.lines++;
      const end = this.readRow(pos);
      pos = end >= 0 ? end : this.rowEnd();
      batch.budget.position = pos;
      pos++;
      this.line++;
    }
    return batch.finish();
  }

  /** Gives the newline that ends the row, or -1 for a bad one. */
  private readRow(start: number): number {
    const { series, fields } = this;
    this.hasTime = false;
    this.key = -1;
    const end = this.readCells(start);
    const refusal = end < 0 ? null : this.missing();
    if (refusal !== null) this.fault(refusal);
    else if (end >= 0) {
      const newlineAt = this.body[end] === carriageReturn ? end + 1 : end;
      if (this.valid || isUtf8(this.body.subarray(start, newlineAt))) {
        series.commit(this.key, this.times.time, this.firstLine);
        return newlineAt;
      }
      this.fault(new Refusal('InvalidUtf8', 'The row is not valid UTF-8'));
    }
    for (const field of fields) field.unset(series.rows);
    return -1;
  }

  private missing(): Refusal | null {
    const { series, fields } = this;
    if (!this.hasTime) return new Refusal('InvalidTimestamp', 'The row has no time', 'time');
    if (fields.every((field) => !field.reaches(series.rows))) {
      return new Refusal('MissingFields', 'The row gives no field');
    }
    if (this.key < 0) {
      series.tagSets.begin();
      this.key = series.tagSets.end();
    }
    return null;
  }

  /** Gives the place after the last cell, or -1 after a fault. */
  private readCells(start: number): number {
    const { body, columns, series, cells, delimiter } = this;
    const { length } = columns;
    let pos = start;
    const apart = this.firstTag < 0;
    if (apart) series.tagSets.begin();
    for (let i = 0; i < length; i++) {
      const column = columns[i]!;
      if (i > 0) {
        if (body[pos] !== delimiter) return this.wrongCount(start);
        pos++;
      }
      let refusal: Refusal | null = null;
      if (column.kind === 'field') {
        cells.refusal = null;
        pos = cells.readValue(column.field, column.type, series.rows, pos);
        refusal = cells.refusal;
      } else if (column.kind === 'time') {
        pos = this.readTime(pos);
        if (pos === -2) return -1;
      } else if (column.kind === 'skip') {
        pos = cells.pass(pos);
      } else if (apart) {
        pos = cells.pass(pos);
        if (pos >= 0) {
          const id = this.tagValue(column.tag, column.values);
          refusal = id instanceof Refusal ? id : series.tagSets.give(column.tag, id);
        }
      } else {
        pos = this.readTags(pos);
        if (pos === -2) return -1;
        i = this.lastTag;
      }
      if (refusal !== null) return this.fault(refusal);
      if (pos < 0) return this.fault(new Refusal('InvalidLine', 'A quoted cell must end with a quote and a delimiter'));
    }
    if (body[pos] === delimiter) return this.wrongCount(start);
    if (apart) this.key = series.tagSets.end();
    return pos;
  }

  /** The cells of all tags, which are neighbours. -1: wrong quotes; -2: another fault, which is noted. */
  private readTags(start: number): number {
    const { cells, tagRanges, series, columns } = this;
    const expected = tagRanges.expected(start);
    if (expected >= 0) {
      const end = start + tagRanges.length(expected);
      // A cell that goes on where the known one ended is another one.
      if (cells.endsCell(end)) {
        tagRanges.meet(expected);
        this.key = tagRanges.number(expected);
        return end;
      }
    }
    const { lines } = cells;
    let end = start;
    for (let i = this.firstTag; i <= this.lastTag; i++) {
      if (i > this.firstTag) {
        if (this.body[end] !== this.delimiter) {
          this.wrongCount(this.rowStart);
          return -2;
        }
        end++;
      }
      end = cells.pass(end);
      if (end < 0) return -1;
    }
    let hash = hashSeed;
    for (let pos = start; pos < end; pos++) hash = hashByte(hash, this.body[pos]!);
    let entry = tagRanges.find(start, end - start, hash, series);
    if (entry < 0) {
      const hasNewlines = cells.lines > lines;
      cells.lines = lines;
      series.tagSets.begin();
      for (let i = this.firstTag, pos = start; i <= this.lastTag; i++) {
        const column = columns[i]!;
        if (column.kind !== 'tag') continue;
        pos = cells.pass(pos) + 1;
        const id = this.tagValue(column.tag, column.values);
        const refusal = id instanceof Refusal ? id : series.tagSets.give(column.tag, id);
        if (refusal !== null) {
          this.fault(refusal);
          return -2;
        }
      }
      this.key = series.tagSets.end();
      // What is known by its bytes is not looked at again: newlines in it would not be counted.
      if (hasNewlines) return end;
      entry = tagRanges.add(start, end - start, hash, series, this.key);
    }
    tagRanges.meet(entry);
    this.key = tagRanges.number(entry);
    return end;
  }

  /** The id of the cell passed last. */
  private tagValue(tag: TagColumn, values: ByteTable<TagColumn>): number | Refusal {
    const { body, cells } = this;
    const { start, end, quoted } = cells;
    if (end === start) return 0;
    let hash = quoted ? tag.seed + 1 : tag.seed;
    for (let pos = start; pos < end; pos++) hash = hashByte(hash, body[pos]!);
    const entry = values.find(start, end - start, hash, tag);
    if (entry >= 0) return values.number(entry);
    // One value can be written with quotes and without.
    const id = tag.idOfValue(cells.text());
    if (!(id instanceof Refusal)) values.add(start, end - start, hash, tag, id);
    return id;
  }

  /** As readTags; an empty cell is passed. */
  private readTime(start: number): number {
    const { cells, timeLength } = this;
    // Rows of one moment come together.
    if (timeLength > 0 && cells.endsCell(start + timeLength) && this.isTimeBefore(start)) {
      this.hasTime = true;
      return start + timeLength;
    }
    const end = cells.pass(start);
    if (end < 0 || cells.end === cells.start) return end;
    const read = this.times.read(cells.start, cells.end);
    this.timeStart = start;
    this.timeLength = read === 'ok' ? end - start : 0;
    if (read === 'ok') {
      this.hasTime = true;
      return end;
    }
    const text = shown(cells.text());
    this.fault(
      read === 'TimeOutOfRange'
        ? new Refusal(read, `${text} is outside 1707-09-22 to 2262-04-11`, 'time')
        : new Refusal(read, `${text} is not a time that is expected here`, 'time'),
    );
    return -2;
  }

  private isTimeBefore(start: number): boolean {
    const { body, timeLength } = this;
    return start + timeLength < body.length && sameBytes(this.view, this.timeStart, start, timeLength);
  }

  private wrongCount(start: number): -1 {
    let count = 1;
    for (let pos = start; ; pos++, count++) {
      pos = this.cells.pass(pos);
      if (pos < 0 || this.body[pos] !== this.delimiter) break;
    }
    return this.fault(new Refusal('InvalidLine', `The row has ${count} cells, not ${this.columns.length}`));
  }

  /** After a fault: the newline that ends the row. Leaves the count of lines as if the row had been read. */
  private rowEnd(): number {
    const { body, cells, rowStart } = this;
    const found = this.records.end(rowStart);
    const end = found < 0 ? body.length - 1 : found;
    cells.lines = this.firstLine - this.line;
    for (let at = body.indexOf(newline, rowStart); at >= 0 && at < end; at = body.indexOf(newline, at + 1))
      cells.lines++;
    return end;
  }

  private fault({ code, column, message }: Refusal): -1 {
    const { faults } = this.batch;
    if (!faults.wanted) faults.count++;
    else {
      faults.add({
        line: this.firstLine,
        series: shown(this.series.name),
        ...(column === undefined ? {} : { column: shown(column) }),
        code,
        message,
      });
    }
    return -1;
  }
}

function patternOf({ timeFormat }: TableOptions): ReturnType<typeof timePattern> | null {
  if (timeFormat === null) return null;
  try {
    return timePattern(timeFormat);
  } catch (error) {
    throw apiError('InvalidRequest', { reason: `the time format ${timeFormat}: ${(error as Error).message}` });
  }
}

function badHeader(what: string): Error {
  return apiError('InvalidRequest', { reason: `the header of the CSV ${what}` });
}
