// Points from columns of typed arrays, as a library or a columnar file gives them: Parquet. Column by column; a bad row is taken out in the end.

import { isAscii, isUtf8 } from 'node:buffer';
import { apiError, type PointFault } from '../base/errors.ts';
import { maxStringBytes, maxTagValueBytes } from '../base/limits.ts';
import { maxTimeNs, minTimeNs, parseIsoNs } from '../base/time.ts';
import type { FieldColumn, FieldValues } from '../kdb/engine.ts';
import type { AllowedTimes } from './allowed-times.ts';
import type { Batch } from './batch.ts';
import { Budget } from './budget.ts';
import { shown } from './fault-list.ts';
import { withoutLines } from './part-rows.ts';
import { Refusal } from './refusal.ts';
import { checkSeriesName, SeriesRows } from './series.ts';
import type { TableOptions } from './table.ts';
import type { TagColumn } from './tag-sets.ts';
import { timePattern } from './time-pattern.ts';

/** Of a cell: no value, a value, or one that no type of ours holds. */
export const cellStates = { none: 0, given: 1, outside: 2 } as const;

/** Values of one column by row. A float that is NaN is no value. */
export type CellValues =
  /** `isTime`: nanoseconds since 1970, whatever the unit of other times is. */
  | { readonly kind: 'long'; readonly values: BigInt64Array; readonly isTime: boolean }
  | { readonly kind: 'float'; readonly values: Float64Array }
  | { readonly kind: 'boolean'; readonly values: Uint8Array }
  /** Row by row the bytes [start, end) of a source. */
  | {
      readonly kind: 'text';
      readonly sources: readonly Uint8Array[];
      readonly source: Int32Array;
      readonly start: Int32Array;
      readonly end: Int32Array;
    };

export type Cells = CellValues & {
  /** Of cellStates, by row; null: all are given. */
  readonly states: Uint8Array | null;
};

type Refused = Map<number, Refusal>;

const leastLong = -(2n ** 63n);
const bytesPerCell = 64;

/** Rows [from, from + rows) of the columns; the first is line 1. Times that are numbers are in `unitNs`. */
export function batchOfCells(
  columns: ReadonlyMap<string, Cells>,
  from: number,
  rows: number,
  table: TableOptions,
  unitNs: bigint,
  allowed?: AllowedTimes,
): Batch {
  const fault = checkSeriesName(table.series);
  if (fault !== null) throw apiError('InvalidRequest', { reason: fault.message });
  const series = new SeriesRows(table.series, 0, new Budget(rows * columns.size * bytesPerCell));
  const refused: Refused = new Map();
  const timeNs = timesOf(columns.get(table.timeColumn)!, from, rows, table, unitNs, refused, allowed);
  const tags: [TagColumn, Int32Array][] = [];
  const fields: FieldColumn[] = [];
  const gives = new Uint8Array(rows);
  for (const [name, cells] of columns) {
    if (name === table.timeColumn) continue;
    if (table.tagColumns.includes(name)) {
      const column = taken(series.tagSets.column(name));
      tags.push([column, tagIds(column, cells, from, rows, refused)]);
    } else {
      taken(series.column(name));
      const field = fieldOf(name, cells, from, rows, table, refused, gives);
      if (field !== null) fields.push(field);
    }
  }
  const keyOfRow = keysOf(series, tags, rows);
  for (let row = 0; row < rows; row++) {
    if (gives[row] === 0 && !refused.has(row)) refused.set(row, new Refusal('MissingFields', 'The row gives no field'));
  }
  const { names, values } = series.tagSets.finish();
  const part = { series: table.series, tagNames: names, keys: values, keyCount: series.tagSets.count };
  const batch = {
    parts: [{ ...part, row: keyOfRow, timeNs, fields }],
    points: rows,
    lines: rows,
    lineNumbers: [Int32Array.from(keyOfRow.keys(), (row) => row + 1)],
  };
  const faults = faultsOf(refused, table.series);
  const all = { ...batch, faults, faultCount: faults.length };
  return faults.length === 0 ? all : withoutLines(all, new Set(faults.map(({ line }) => line)));
}

function taken<T>(column: T | Refusal): T {
  if (column instanceof Refusal) throw apiError('InvalidRequest', { reason: column.message });
  return column;
}

function faultsOf(refused: Refused, series: string): PointFault[] {
  return [...refused]
    .sort(([a], [b]) => a - b)
    .map(([row, { code, column, message }]) => ({
      ...{ line: row + 1, series: shown(series) },
      ...(column !== undefined && { column: shown(column) }),
      ...{ code, message },
    }));
}

function stateOf({ states }: Cells, at: number): number {
  return states === null ? cellStates.given : states[at]!;
}

function timesOf(
  cells: Cells,
  from: number,
  rows: number,
  { timeFormat }: TableOptions,
  unitNs: bigint,
  refused: Refused,
  allowed: AllowedTimes | undefined,
): BigInt64Array {
  const times = new BigInt64Array(rows);
  const pattern = timeFormat === null ? parseIsoNs : timePattern(timeFormat);
  const timeOf = (at: number): bigint | undefined => {
    if (stateOf(cells, at) === cellStates.none) return undefined;
    if (cells.kind === 'long') return cells.isTime ? cells.values[at]! : cells.values[at]! * unitNs;
    if (cells.kind === 'text') return pattern(textOf(cells, at));
    const value = cells.kind === 'float' ? cells.values[at]! : Number.NaN;
    return Number.isSafeInteger(value) ? BigInt(value) * unitNs : undefined;
  };
  for (let row = 0; row < rows; row++) {
    const at = from + row;
    const time = timeOf(at);
    if (time === undefined) refused.set(row, new Refusal('InvalidTimestamp', 'The row has no time', 'time'));
    else if (stateOf(cells, at) === cellStates.outside || time < minTimeNs || time > maxTimeNs)
      refused.set(row, new Refusal('TimeOutOfRange', 'The time is outside 1707-09-22 to 2262-04-11', 'time'));
    else {
      times[row] = time;
      const code = allowed?.refusal(time);
      if (code) refused.set(row, new Refusal(code, allowed!.message(code, time), 'time'));
    }
  }
  return times;
}

/** Of each row the number of its value of the tag. */
function tagIds(column: TagColumn, cells: Cells, from: number, rows: number, refused: Refused): Int32Array {
  const ids = new Int32Array(rows);
  // What is at the same place is the same: of a dictionary each value is looked at once.
  const known = new Map<number, number | Refusal>();
  const idOf = (at: number): number | Refusal => {
    if (cells.kind !== 'text') return column.idOfValue(`${tagText(cells, at)}`);
    const place = cells.source[at]! * 2 ** 31 + cells.start[at]!;
    const found = known.get(place);
    if (found !== undefined) return found;
    const id = textTag(column, cells, at);
    known.set(place, id);
    return id;
  };
  for (let row = 0; row < rows; row++) {
    const at = from + row;
    const state = stateOf(cells, at);
    if (state === cellStates.none) continue;
    const id = state === cellStates.outside ? outside(column.name) : idOf(at);
    if (typeof id === 'number') ids[row] = id;
    else if (!refused.has(row)) refused.set(row, id);
  }
  return ids;
}

function textTag(column: TagColumn, cells: Cells & { kind: 'text' }, at: number): number | Refusal {
  const bytes = bytesOf(cells, at);
  const { name } = column;
  if (bytes.length > maxTagValueBytes)
    return new Refusal(
      'ValueTooLong',
      `The value of tag ${shown(name)} is longer than ${maxTagValueBytes} bytes`,
      name,
    );
  if (!isUtf8(bytes)) return new Refusal('InvalidUtf8', `The value of tag ${shown(name)} is not valid Unicode`, name);
  return column.idOfValue(bytes.toString());
}

function tagText(cells: Exclude<Cells, { kind: 'text' }>, at: number): string | number | bigint | boolean {
  if (cells.kind === 'boolean') return cells.values[at] === 1;
  const value = cells.values[at]!;
  return Number.isNaN(value) ? '' : value;
}

function keysOf(
  { tagSets }: SeriesRows,
  tags: readonly (readonly [TagColumn, Int32Array])[],
  rows: number,
): Int32Array {
  const keys = new Int32Array(rows);
  for (let row = 0; row < rows; row++) {
    tagSets.begin();
    for (const [tag, ids] of tags) tagSets.give(tag, ids[row]!);
    keys[row] = tagSets.end();
  }
  return keys;
}

/** Null when no row gives it. */
function fieldOf(
  name: string,
  cells: Cells,
  from: number,
  rows: number,
  table: TableOptions,
  refused: Refused,
  gives: Uint8Array,
): FieldColumn | null {
  const validity = new Uint8Array(rows);
  let given = 0;
  for (let row = 0; row < rows; row++) {
    const state = stateOf(cells, from + row);
    if (state === cellStates.none || isNoNumber(cells, from + row)) continue;
    const refusal = state === cellStates.outside ? outside(name) : refusalOf(name, cells, from + row);
    if (refusal === null) {
      validity[row] = 1;
      gives[row] = 1;
      given++;
    } else if (!refused.has(row)) {
      refused.set(row, refusal);
    }
  }
  if (given === 0) return null;
  return { name, validity: given < rows ? validity : null, data: dataOf(name, cells, from, rows, validity, table) };
}

function isNoNumber(cells: Cells, at: number): boolean {
  return cells.kind === 'float' && Number.isNaN(cells.values[at]!);
}

function refusalOf(name: string, cells: Cells, at: number): Refusal | null {
  switch (cells.kind) {
    case 'long':
      return cells.values[at] === leastLong ? outside(name) : null;
    case 'float':
      return Number.isFinite(cells.values[at]!)
        ? null
        : new Refusal('NotFinite', `${cells.values[at]} is not stored`, name);
    case 'boolean':
      return null;
    case 'text': {
      if (cells.end[at]! - cells.start[at]! > maxStringBytes)
        return new Refusal('ValueTooLong', `The string has more than ${maxStringBytes} bytes`, name);
      const bytes = bytesOf(cells, at);
      if (isAscii(bytes) || isUtf8(bytes)) return null;
      return new Refusal('InvalidUtf8', 'The string is not valid UTF-8', name);
    }
  }
}

function outside(name: string): Refusal {
  return new Refusal('InvalidNumber', 'The value is outside the 64-bit integers', name);
}

/** Of cells that are no values there are zeros. */
function dataOf(
  name: string,
  cells: Cells,
  from: number,
  rows: number,
  validity: Uint8Array,
  { types }: TableOptions,
): FieldValues {
  switch (cells.kind) {
    case 'long': {
      const values = cells.values.slice(from, from + rows);
      for (let row = 0; row < rows; row++) if (validity[row] === 0) values[row] = 0n;
      return { type: 'long', values };
    }
    case 'float': {
      const values = cells.values.slice(from, from + rows);
      for (let row = 0; row < rows; row++) if (validity[row] === 0) values[row] = 0;
      const asked = Object.hasOwn(types, name) ? types[name] : undefined;
      return { type: asked === 'long' || asked === 'number' ? 'number' : 'float', values };
    }
    case 'boolean': {
      const values = cells.values.slice(from, from + rows);
      for (let row = 0; row < rows; row++) if (validity[row] === 0) values[row] = 0;
      return { type: 'boolean', values };
    }
    case 'text': {
      const lengths = new Int32Array(rows);
      let total = 0;
      for (let row = 0; row < rows; row++) {
        if (validity[row] === 0) continue;
        lengths[row] = cells.end[from + row]! - cells.start[from + row]!;
        total += lengths[row]!;
      }
      const bytes = new Uint8Array(total);
      let to = 0;
      for (let row = 0; row < rows; row++) {
        if (validity[row] === 0) continue;
        bytes.set(bytesOf(cells, from + row), to);
        to += lengths[row]!;
      }
      return { type: 'string', values: { lengths, bytes } };
    }
  }
}

function bytesOf({ sources, source, start, end }: Cells & { kind: 'text' }, at: number): Buffer {
  const { buffer, byteOffset } = sources[source[at]!]!;
  return Buffer.from(buffer, byteOffset + start[at]!, end[at]! - start[at]!);
}

function textOf(cells: Cells & { kind: 'text' }, at: number): string {
  const bytes = bytesOf(cells, at);
  return bytes.length > maxTagValueBytes ? '' : bytes.toString();
}
