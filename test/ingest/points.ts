import type { Batch } from '../../src/ingest/index.ts';
import type { FieldColumn, InsertPart } from '../../src/kdb/engine.ts';

/** A long is a bigint, a float a number, a JSON number (type 'number') a number in an array. */
export type Value = number | bigint | boolean | string | [number];

export interface Point {
  readonly line: number;
  readonly series: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly fields: Readonly<Record<string, Value>>;
  readonly time: bigint;
}

/** The batch as points in the order of their lines; also checks that its columns fit together. */
export function pointsOf(batch: Batch): Point[] {
  const points = batch.parts.flatMap((part, i) => partPoints(part, batch.lineNumbers[i]!));
  if (points.length !== batch.points) throw new Error(`${batch.points} points announced, ${points.length} given`);
  return points.sort((a, b) => a.line - b.line);
}

function partPoints(part: InsertPart, lines: Int32Array): Point[] {
  const { series, tagNames, keys, keyCount, row, timeNs } = part;
  if (keys.length !== tagNames.length || keys.some((column) => column.length !== keyCount)) throw new Error('keys');
  if (row.length !== timeNs.length || row.length !== lines.length) throw new Error('lengths');
  const values = part.fields.map((field) => fieldValues(field, row.length));
  return Array.from(row, (key, i) => ({
    line: lines[i]!,
    series,
    tags: record(tagNames.map((name, tag) => [name, keys[tag]![key]!] as const).filter(([, value]) => value !== '')),
    fields: record(
      part.fields.flatMap(({ name }, field) => {
        const value = values[field]![i];
        return value === undefined ? [] : [[name, value] as const];
      }),
    ),
    time: timeNs[i]!,
  }));
}

/** By row; undefined where it does not give the field. */
function fieldValues({ validity, data }: FieldColumn, rows: number): (Value | undefined)[] {
  if (validity !== null && validity.length !== rows) throw new Error('validity');
  const given = (i: number): boolean => validity === null || validity[i] === 1;
  if (data.type === 'string') {
    const { lengths, bytes } = data.values;
    let at = 0;
    const texts = Array.from(lengths, (length) => {
      at += length;
      return Buffer.from(bytes.subarray(at - length, at)).toString();
    });
    if (texts.length !== rows || at !== bytes.length) throw new Error('strings');
    return texts.map((text, i) => (given(i) ? text : undefined));
  }
  if (data.values.length !== rows) throw new Error('values');
  return Array.from({ length: rows }, (_, i) => {
    const value = data.values[i]!;
    if (!given(i)) return undefined;
    if (data.type === 'boolean') return value === 1;
    return data.type === 'number' ? [Number(value)] : value;
  });
}

/** Sorted by name, so that two of them compare; without a prototype, so that every name is one. */
export function record<T>(entries: Iterable<readonly [string, T]>): Record<string, T> {
  const sorted = [...entries].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return Object.assign(Object.create(null), Object.fromEntries(sorted));
}
