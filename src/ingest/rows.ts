// Points from columns of JavaScript values, as a library gives them: Parquet. Undefined, null and NaN are no value.

import { apiError } from '../base/errors.ts';
import { maxStringBytes } from '../base/limits.ts';
import { parseIsoNs } from '../base/time.ts';
import { type Batch, BatchBuilder } from './batch.ts';
import type { Column } from './column.ts';
import { shown } from './fault-list.ts';
import { Int64 } from './int64.ts';
import { Refusal } from './refusal.ts';
import type { SeriesRows } from './series.ts';
import type { TableOptions } from './table.ts';
import type { TagColumn } from './tag-sets.ts';
import { timePattern } from './time-pattern.ts';

/** Room is bounded by what a row of values could be as text. */
const bytesPerRow = 1_024;
const maxLong = 2n ** 63n - 1n;

type Values = readonly unknown[];

export class RowsBuilder {
  private readonly table: TableOptions;
  private readonly batch: BatchBuilder;
  private readonly series: SeriesRows;
  private readonly unitNs: bigint;
  private readonly pattern: ((text: string) => bigint | undefined) | null;
  private readonly time = new Int64();
  private readonly int64 = new Int64();

  /** Times that are numbers are in this unit. */
  constructor(table: TableOptions, unitNs: bigint, rows: number) {
    this.table = table;
    this.batch = new BatchBuilder(rows * bytesPerRow, { partial: true });
    this.unitNs = unitNs;
    this.pattern = table.timeFormat === null ? null : timePattern(table.timeFormat);
    const series = this.batch.seriesRows(table.series);
    if (series instanceof Refusal) throw apiError('InvalidRequest', { reason: series.message });
    this.series = series;
  }

  /** Rows [from, from + rows) of the columns; the first is line 1. */
  build(columns: ReadonlyMap<string, Values>, from: number, rows: number): Batch {
    const { table, series, batch } = this;
    const times = columns.get(table.timeColumn)!;
    const tags: [TagColumn, Values][] = [];
    const fields: [Column, Values][] = [];
    for (const [name, values] of columns) {
      if (name === table.timeColumn) continue;
      const isTag = table.tagColumns.includes(name);
      const column = isTag ? series.tagSets.column(name) : series.column(name);
      if (column instanceof Refusal) throw apiError('InvalidRequest', { reason: column.message });
      if (isTag) tags.push([column as TagColumn, values]);
      else fields.push([column as Column, values]);
    }
    series.reserve(rows);
    for (let i = 0; i < rows; i++) {
      batch.lines++;
      const at = from + i;
      const refusal = this.readTime(times[at]) ?? this.readTags(tags, at) ?? this.readFields(fields, at);
      if (refusal === null) {
        series.commit(series.tagSets.end(), this.time, i + 1);
        continue;
      }
      for (const [field] of fields) field.unset(series.rows);
      const { code, column, message } = refusal;
      const where = { line: i + 1, series: shown(series.name), ...(column !== undefined && { column: shown(column) }) };
      batch.faults.add({ ...where, code, message });
    }
    return batch.finish();
  }

  private readTime(value: unknown): Refusal | null {
    let timeNs: bigint | undefined;
    if (typeof value === 'bigint') timeNs = value * this.unitNs;
    else if (typeof value === 'number' && Number.isSafeInteger(value)) timeNs = BigInt(value) * this.unitNs;
    else if (typeof value === 'string') timeNs = this.pattern ? this.pattern(value) : parseIsoNs(value);
    if (timeNs === undefined) return new Refusal('InvalidTimestamp', 'The row has no time', 'time');
    const seconds = timeNs / 1_000_000_000n - (timeNs % 1_000_000_000n < 0n ? 1n : 0n);
    if (this.time.setUnix(Number(seconds), Number(timeNs - seconds * 1_000_000_000n))) return null;
    return new Refusal('TimeOutOfRange', `${timeNs} ns is outside 1707-09-22 to 2262-04-11`, 'time');
  }

  private readTags(tags: readonly (readonly [TagColumn, Values])[], at: number): Refusal | null {
    const { tagSets } = this.series;
    tagSets.begin();
    for (const [tag, values] of tags) {
      const value = values[at];
      const id = tag.idOfValue(value === undefined || value === null ? '' : `${value}`);
      const refusal = id instanceof Refusal ? id : tagSets.give(tag, id);
      if (refusal !== null) return refusal;
    }
    return null;
  }

  private readFields(fields: readonly (readonly [Column, Values])[], at: number): Refusal | null {
    let given = false;
    for (const [column, values] of fields) {
      const value = values[at];
      if (value === undefined || value === null || (typeof value === 'number' && Number.isNaN(value))) continue;
      const refusal = this.readField(column, value);
      if (refusal !== null) return refusal;
      given = true;
    }
    return given ? null : new Refusal('MissingFields', 'The row gives no field');
  }

  private readField(column: Column, value: unknown): Refusal | null {
    const row = this.series.rows;
    const { name } = column;
    let taken = false;
    if (typeof value === 'number') {
      if (!Number.isFinite(value)) return new Refusal('NotFinite', `${value} is not stored`, name);
      taken = this.isInteger(column) ? column.setNumber(row, value, null) : column.setFloat(row, value);
    } else if (typeof value === 'bigint') {
      if (value < -maxLong || value > maxLong)
        return new Refusal('InvalidNumber', `${value} is outside the 64-bit integers`, name);
      this.int64.setBigInt(value);
      taken = column.setLong(row, this.int64);
    } else if (typeof value === 'boolean') {
      taken = column.setBoolean(row, value);
    } else {
      const text = Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
      if (text.length > maxStringBytes)
        return new Refusal('ValueTooLong', `The string has more than ${maxStringBytes} bytes`, name);
      taken = column.setString(row, text, 0, text.length);
    }
    return taken ? null : new Refusal('FieldTypeClash', `An earlier row gives ${shown(name)} as ${column.type}`, name);
  }

  /** Numbers of a column that is to be integers. */
  private isInteger({ name }: Column): boolean {
    const type = Object.hasOwn(this.table.types, name) ? this.table.types[name] : undefined;
    return type === 'long' || type === 'number';
  }
}
