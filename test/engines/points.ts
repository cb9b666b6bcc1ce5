// Points as tests write them, and results as tests read them.
import { randomBytes } from 'node:crypto';
import { endOfTimeNs, minTimeNs } from '../../src/base/time.ts';
import type {
  Column,
  FieldColumn,
  FieldValues,
  InsertBatch,
  InsertPart,
  QueryResult,
  QuerySpec,
} from '../../src/kdb/engine.ts';

export type Value = number | bigint | boolean | string;
/** number: float; bigint: long. */
export interface Point {
  readonly series: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly timeNs: bigint;
  readonly fields: Readonly<Record<string, Value>>;
}

export function point(
  series: string,
  tags: Record<string, string>,
  timeNs: bigint,
  fields: Record<string, Value>,
): Point {
  return { series, tags, timeNs, fields };
}

/** One request: a part per series, points in their order. */
export function batchOf(points: readonly Point[], batchId: Uint8Array = randomBytes(16)): InsertBatch {
  const bySeries = Map.groupBy(points, ({ series }) => series);
  return { batchId, parts: [...bySeries].map(([series, own]) => partOf(series, own)) };
}

function partOf(series: string, points: readonly Point[]): InsertPart {
  const tagNames = [...new Set(points.flatMap(({ tags }) => Object.keys(tags)))];
  const sets = new Map<string, number>();
  const keys: string[][] = tagNames.map(() => []);
  const row = points.map(({ tags }) => {
    const values = tagNames.map((name) => tags[name] ?? '');
    const key = JSON.stringify(values);
    if (!sets.has(key)) {
      sets.set(key, sets.size);
      for (const [tag, value] of values.entries()) keys[tag]!.push(value);
    }
    return sets.get(key)!;
  });
  const fieldNames = [...new Set(points.flatMap(({ fields }) => Object.keys(fields)))];
  return {
    series,
    tagNames,
    keys,
    keyCount: Math.max(1, sets.size),
    row: Int32Array.from(row),
    timeNs: BigInt64Array.from(points, ({ timeNs }) => timeNs),
    fields: fieldNames.map((name) =>
      columnOf(
        name,
        points.map(({ fields }) => fields[name]),
      ),
    ),
  };
}

function columnOf(name: string, values: readonly (Value | undefined)[]): FieldColumn {
  const validity = values.includes(undefined)
    ? Uint8Array.from(values, (value) => (value === undefined ? 0 : 1))
    : null;
  return { name, validity, data: valuesOf(values) };
}

function valuesOf(values: readonly (Value | undefined)[]): FieldValues {
  const sample = values.find((value) => value !== undefined);
  switch (typeof sample) {
    case 'bigint':
      return { type: 'long', values: BigInt64Array.from(values, (value) => (value as bigint | undefined) ?? 0n) };
    case 'boolean':
      return { type: 'boolean', values: Uint8Array.from(values, (value) => (value ? 1 : 0)) };
    case 'string': {
      const texts = values.map((value) => Buffer.from((value as string | undefined) ?? '', 'utf8'));
      return {
        type: 'string',
        values: { lengths: Int32Array.from(texts, (text) => text.length), bytes: Buffer.concat(texts) },
      };
    }
    default:
      return { type: 'float', values: Float64Array.from(values, (value) => (value as number | undefined) ?? 0) };
  }
}

/** Every point of a series, raw, unless something else is asked for. */
export function queryOf(series: string, asked: Partial<Omit<QuerySpec, 'series'>> = {}): QuerySpec {
  return {
    series,
    fromNs: minTimeNs,
    toNs: endOfTimeNs,
    where: null,
    by: [],
    bucket: null,
    select: [],
    fields: [],
    order: 'asc',
    limit: 1_000_000,
    cut: true,
    after: null,
    ...asked,
  };
}

export type Cell = Value | null;

/** Rows of a result; null where there is no value. */
export function rowsOf({ columns, rows }: QueryResult): Cell[][] {
  return Array.from({ length: rows }, (_, row) => columns.map((column) => cellOf(column, row)));
}

function cellOf(column: Column, row: number): Cell {
  switch (column.kind) {
    case 'time':
      return column.values[row]!;
    case 'tag':
      return column.dictionary[column.index[row]!]!;
    case 'float':
      return Number.isNaN(column.values[row]!) ? null : column.values[row]!;
    case 'long':
      return column.values[row] === -(2n ** 63n) ? null : column.values[row]!;
    case 'boolean':
      return column.values[row] === 2 ? null : column.values[row] === 1;
    case 'string': {
      if (column.validity && column.validity[row] === 0) return null;
      const start = column.values.lengths.subarray(0, row).reduce((sum, length) => sum + length, 0);
      return Buffer.from(column.values.bytes.subarray(start, start + column.values.lengths[row]!)).toString('utf8');
    }
  }
}
