// A batch without some of its points: the way of bad rows only, so it is short rather than fast.

import type { FieldColumn, FieldValues, InsertPart } from '../kdb/engine.ts';
import type { Batch } from './batch.ts';

/** Which points of a part go. */
export type Leaves = (part: number, row: number) => boolean;

export function withoutLines(batch: Batch, lines: ReadonlySet<number>): Batch {
  return withoutRows(batch, (part, row) => lines.has(batch.lineNumbers[part]![row]!));
}

/** Tag sets and fields that no point of it gives go too: the engine would make them. */
export function withoutRows(batch: Batch, leaves: Leaves): Batch {
  const parts: InsertPart[] = [];
  const lineNumbers: Int32Array[] = [];
  for (const [i, part] of batch.parts.entries()) {
    const numbers = batch.lineNumbers[i]!;
    const rows = stayingRows(numbers.length, (row) => leaves(i, row));
    if (rows.length === 0) continue;
    parts.push(onlyRows(part, rows));
    lineNumbers.push(rows.map((row) => numbers[row]!));
  }
  const points = lineNumbers.reduce((sum, { length }) => sum + length, 0);
  return { ...batch, parts, lineNumbers, points };
}

function stayingRows(count: number, leaves: (row: number) => boolean): Int32Array {
  const rows = new Int32Array(count);
  let staying = 0;
  for (let row = 0; row < count; row++) if (!leaves(row)) rows[staying++] = row;
  return rows.slice(0, staying);
}

function onlyRows(part: InsertPart, rows: Int32Array): InsertPart {
  const newKey = new Map<number, number>();
  const row = rows.map((from) => {
    const key = part.row[from]!;
    if (!newKey.has(key)) newKey.set(key, newKey.size);
    return newKey.get(key)!;
  });
  const sets = [...newKey.keys()];
  const keys = part.keys.map((values) => sets.map((set) => values[set]!));
  const given = keys.map((values) => values.some((value) => value !== ''));
  return {
    series: part.series,
    tagNames: part.tagNames.filter((_, tag) => given[tag]),
    keys: keys.filter((_, tag) => given[tag]),
    keyCount: sets.length,
    row,
    timeNs: BigInt64Array.from(rows, (from) => part.timeNs[from]!),
    fields: part.fields.map((field) => onlyCells(field, rows)).filter((field) => field.validity?.includes(1) ?? true),
  };
}

function onlyCells({ name, validity, data }: FieldColumn, rows: Int32Array): FieldColumn {
  return { name, validity: validity && Uint8Array.from(rows, (from) => validity[from]!), data: onlyValues(data, rows) };
}

function onlyValues(data: FieldValues, rows: Int32Array): FieldValues {
  switch (data.type) {
    case 'long':
      return { type: data.type, values: BigInt64Array.from(rows, (from) => data.values[from]!) };
    case 'boolean':
      return { type: data.type, values: Uint8Array.from(rows, (from) => data.values[from]!) };
    case 'string': {
      const { lengths, bytes } = data.values;
      const starts = new Int32Array(lengths.length);
      for (let i = 1; i < starts.length; i++) starts[i] = starts[i - 1]! + lengths[i - 1]!;
      const texts = Array.from(rows, (from) => bytes.subarray(starts[from]!, starts[from]! + lengths[from]!));
      return { type: data.type, values: { lengths: rows.map((from) => lengths[from]!), bytes: Buffer.concat(texts) } };
    }
    default:
      return { type: data.type, values: Float64Array.from(rows, (from) => data.values[from]!) };
  }
}
