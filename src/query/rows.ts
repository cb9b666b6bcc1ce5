// Rows of a result by their numbers: what is done with small results chooses rows, and makes columns of the chosen.

import type { Column, QueryResult, Strings } from '../kdb/engine.ts';
import { nullTest, stringStarts } from './text-cells.ts';

export const nullLong = -(2n ** 63n);

/** The rows in this order; -1 is a row of nulls. */
export function takeRows(result: QueryResult, rows: Int32Array): QueryResult {
  return { columns: result.columns.map((column) => take(column, rows)), rows: rows.length, next: null };
}

/** The column's cells of these rows; -1 is null, which a tag cannot be. */
export function take(column: Column, rows: Int32Array): Column {
  switch (column.kind) {
    case 'tag':
      return { ...column, index: rows.map((row) => column.index[row]!) };
    case 'float':
      return { ...column, values: Float64Array.from(rows, (row) => (row < 0 ? Number.NaN : column.values[row]!)) };
    case 'boolean':
      return { ...column, values: Uint8Array.from(rows, (row) => (row < 0 ? 2 : column.values[row]!)) };
    case 'time':
    case 'long': {
      const values = new BigInt64Array(rows.length);
      for (let i = 0; i < rows.length; i++) values[i] = rows[i]! < 0 ? nullLong : column.values[rows[i]!]!;
      return { ...column, values };
    }
    case 'string':
      return { ...column, ...takeStrings(column.values, column.validity, rows) };
  }
}

function takeStrings(
  { lengths, bytes }: Strings,
  validity: Uint8Array | null,
  rows: Int32Array,
): { values: Strings; validity: Uint8Array | null } {
  const starts = stringStarts(lengths);
  const taken = rows.map((row) => (row < 0 ? 0 : lengths[row]!));
  const out = new Uint8Array(taken.reduce((sum, length) => sum + length, 0));
  let at = 0;
  for (let i = 0; i < rows.length; i++) {
    const length = taken[i]!;
    if (length === 0) continue;
    const start = starts[rows[i]!]!;
    out.set(bytes.subarray(start, start + length), at);
    at += length;
  }
  const isWhole = validity === null && !rows.includes(-1);
  return {
    values: { lengths: taken, bytes: out },
    validity: isWhole ? null : Uint8Array.from(rows, (row) => (row < 0 ? 0 : (validity?.[row] ?? 1))),
  };
}

/** Rows from `start` on, up to `end`. */
export interface Group {
  readonly start: number;
  readonly end: number;
}

/** Rows of one group stand together; those of a result without tags are one. */
export function groupsOf({ columns, rows }: QueryResult): Group[] {
  const tags = columns.flatMap((column) => (column.kind === 'tag' ? [column.index] : []));
  const groups: Group[] = [];
  let start = 0;
  for (let row = 1; row <= rows; row++) {
    if (row < rows && tags.every((index) => index[row] === index[row - 1])) continue;
    groups.push({ start, end: row });
    start = row;
  }
  return groups;
}

export function isNull(column: Column): (row: number) => boolean {
  return column.kind === 'tag' ? () => false : nullTest(column);
}

/** A row's cell in a form that compares; null is null. */
export function cellOf(column: Column): (row: number) => string | number | bigint | boolean | null {
  const none = isNull(column);
  switch (column.kind) {
    case 'tag':
      return (row) => column.dictionary[column.index[row]!]!;
    case 'boolean':
      return (row) => (none(row) ? null : column.values[row] === 1);
    case 'string': {
      const { lengths, bytes } = column.values;
      const starts = stringStarts(lengths);
      const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      return (row) => (none(row) ? null : buffer.toString('utf8', starts[row]!, starts[row]! + lengths[row]!));
    }
    default:
      return (row) => (none(row) ? null : column.values[row]!);
  }
}

/** Below zero as `a` comes first: text by code point, as the engines sort it. Nothing else than cells of one column is compared. */
export function compareCells(a: string | number | bigint | boolean, b: typeof a): number {
  if (typeof a === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b as string));
  return a < b ? -1 : a > b ? 1 : 0;
}

export function columnNamed(result: QueryResult, name: string): Column | undefined {
  return result.columns.find((column) => column.name === name);
}

export function timesOf({ columns }: QueryResult): BigInt64Array | null {
  const column = columns.find(({ kind }) => kind === 'time');
  return column?.kind === 'time' ? column.values : null;
}
