import { columnNameFault, maxFieldsPerSeries, nameFault } from '../base/limits.ts';
import type { FieldColumn, InsertPart } from '../kdb/engine.ts';
import type { AllowedTimes, TimeRefusal } from './allowed-times.ts';
import type { Budget } from './budget.ts';
import { Column, firstOf, grown, longsOf } from './column.ts';
import { shown } from './fault-list.ts';
import type { Int64 } from './int64.ts';
import { Refusal } from './refusal.ts';
import { TagSets } from './tag-sets.ts';

/** firstNs is after lastNs while there is no point. */
export interface TimeSpan {
  firstNs: number;
  lastNs: number;
}

/** The points of one series in one request, by column. */
export class SeriesRows {
  readonly name: string;
  /** Number of the series in its request. */
  readonly index: number;
  rows = 0;
  /** The fields of the point before, in its order: the next one most likely gives the same. */
  readonly order: Column[] = [];
  readonly tagSets: TagSets;

  private readonly budget: Budget;
  readonly columns: Column[] = [];
  private readonly columnOf = new Map<string, Column>();

  private capacity = 0;
  private keyOfRow = new Int32Array(0);
  private lineOfRow = new Int32Array(0);
  /** Halves of the times. */
  private timeWords = new Int32Array(0);
  /** 1 for rows that have a fault although they are committed; null while there are none. */
  private spoiled: Uint8Array | null = null;

  constructor(name: string, index: number, budget: Budget) {
    this.name = name;
    this.index = index;
    this.budget = budget;
    this.tagSets = new TagSets(name, index, budget);
    budget.takeColumn();
  }

  /** The column of a field, made when it is new. */
  column(name: string): Column | Refusal {
    const known = this.columnOf.get(name);
    if (known !== undefined) return known;
    const fault = columnNameFault(name);
    if (fault !== null) return new Refusal('InvalidName', `The field name "${shown(name)}" ${fault}`, name);
    if (this.columns.length >= maxFieldsPerSeries) {
      return new Refusal('TooManyFields', `Series ${this.name} has more than ${maxFieldsPerSeries} fields`, name);
    }
    const column = new Column(this.name, name, this.columns.length, this.budget);
    this.columns.push(column);
    this.columnOf.set(name, column);
    return column;
  }

  /** Makes room for so many rows. */
  reserve(rows: number): void {
    if (rows <= this.capacity) return;
    this.capacity = this.budget.capacity(rows, this.capacity);
    this.keyOfRow = grown(this.keyOfRow, this.capacity);
    this.lineOfRow = grown(this.lineOfRow, this.capacity);
    this.timeWords = grown(this.timeWords, 2 * this.capacity);
  }

  /** Closes the row that the columns have been given the values of. */
  commit(key: number, time: Int64, line: number): void {
    const row = this.rows;
    if (row >= this.capacity) this.reserve(row + 1);
    this.keyOfRow[row] = key;
    this.lineOfRow[row] = line;
    this.timeWords[2 * row] = time.low;
    this.timeWords[2 * row + 1] = time.high;
    this.rows = row + 1;
  }

  /** What was read by columns has a row for each of its points, bad ones too. */
  spoil(row: number): void {
    this.spoiled = grown(this.spoiled ?? new Uint8Array(this.capacity), this.capacity);
    this.spoiled[row] = 1;
  }

  isSpoiled(row: number): boolean {
    return this.spoiled?.[row] === 1;
  }

  /** Spoils the rows whose time is not allowed. */
  eachRefusedTime(times: AllowedTimes, refused: (line: number, code: TimeRefusal, timeNs: bigint) => void): void {
    const { timeWords, rows } = this;
    for (let row = 0; row < rows; row++) {
      const high = timeWords[2 * row + 1]!;
      if (times.surelyAllows(high) || this.isSpoiled(row)) continue;
      const timeNs = (BigInt(high) << 32n) | BigInt(timeWords[2 * row]! >>> 0);
      const code = times.refusal(timeNs);
      if (code === null) continue;
      this.spoil(row);
      refused(this.lineOfRow[row]!, code, timeNs);
    }
  }

  /** Of the rows that are not spoiled, the earliest and the latest time in ns since 1970, to a microsecond. */
  widen(span: TimeSpan): void {
    const { timeWords, rows } = this;
    for (let row = 0; row < rows; row++) {
      const timeNs = timeWords[2 * row + 1]! * 4_294_967_296 + (timeWords[2 * row]! >>> 0);
      if ((timeNs >= span.firstNs && timeNs <= span.lastNs) || this.isSpoiled(row)) continue;
      if (timeNs < span.firstNs) span.firstNs = timeNs;
      if (timeNs > span.lastNs) span.lastNs = timeNs;
    }
  }

  finish(): InsertPart {
    const { name, rows, tagSets } = this;
    const { names, values } = tagSets.finish();
    const columns: FieldColumn[] = [];
    for (const column of this.columns) {
      const finished = column.finish(rows);
      if (finished !== null) columns.push(finished);
    }
    return {
      series: name,
      tagNames: names,
      keys: values,
      keyCount: tagSets.count,
      row: firstOf(this.keyOfRow, rows),
      timeNs: longsOf(this.timeWords, rows),
      fields: columns,
    };
  }

  /** Line numbers by row. */
  get lines(): Int32Array {
    return firstOf(this.lineOfRow, this.rows);
  }
}

export function checkSeriesName(name: string): Refusal | null {
  const fault = nameFault(name);
  return fault === null ? null : new Refusal('InvalidName', `The series name "${shown(name)}" ${fault}`);
}
