// Columns of results from columns of the engine.
import type { Column as ResultColumn } from '../../../src/kdb/engine.ts';
import { type Column, nullBoolean, nullLong, valueAt } from '../memory/columns.ts';
import { wordsOf, writeTime } from '../memory/era.ts';
import type { SeriesStore } from '../memory/series-store.ts';

const two32 = 2 ** 32;

export function timeColumn(
  name: string,
  eras: ArrayLike<number>,
  offsets: ArrayLike<number>,
  rows: number,
): ResultColumn {
  const values = new BigInt64Array(rows);
  const words = wordsOf(values);
  for (let row = 0; row < rows; row++) writeTime(words, row, eras[row]!, offsets[row]!);
  return { kind: 'time', name, values };
}

/** A tag of the tag sets given by id; the dictionary holds what occurs. */
export function tagColumn(series: SeriesStore, tag: number, ids: ArrayLike<number>, rows: number): ResultColumn {
  const numbers = series.tagSets.index[tag]!;
  const index = new Int32Array(rows);
  const dictionary: string[] = [];
  const texts = series.tagSets.values[tag]!;
  // 0: not in the dictionary yet. A map of a million places takes 100 ms, so few rows of many values have one, and many rows do not.
  const places = rows * 8 < texts.length ? new Map<number, number>() : new Int32Array(texts.length);
  for (let row = 0; row < rows; row++) {
    const number = numbers[ids[row]!]!;
    let place = (places instanceof Map ? places.get(number) : places[number]) ?? 0;
    if (place === 0) {
      place = dictionary.push(texts[number]!);
      if (places instanceof Map) places.set(number, place);
      else places[number] = place;
    }
    index[row] = place - 1;
  }
  return { kind: 'tag', name: series.tags[tag]!, dictionary, index };
}

export function floatColumn(name: string, values: Float64Array): ResultColumn {
  return { kind: 'float', name, values };
}

/** Longs without a BigInt per row where they are doubles. */
export function longColumn(name: string, column: Column): ResultColumn {
  if (column.kind === 'big') return { kind: 'long', name, values: column.values };
  const from = (column as Extract<Column, { kind: 'number' }>).values;
  const values = new BigInt64Array(from.length);
  const words = wordsOf(values);
  for (let row = 0; row < from.length; row++) {
    const value = from[row]!;
    if (Number.isNaN(value)) {
      values[row] = nullLong;
      continue;
    }
    const upper = Math.floor(value / two32);
    words[2 * row] = value - upper * two32;
    words[2 * row + 1] = upper;
  }
  return { kind: 'long', name, values };
}

export function booleanColumn(name: string, values: readonly (boolean | null)[]): ResultColumn {
  return {
    kind: 'boolean',
    name,
    values: Uint8Array.from(values, (value) => (value === null ? nullBoolean : value ? 1 : 0)),
  };
}

export function textColumn(name: string, values: readonly (string | null)[]): ResultColumn {
  const lengths = new Int32Array(values.length);
  const parts: Buffer[] = [];
  for (const [row, value] of values.entries()) {
    if (value === null || value === '') continue;
    const bytes = Buffer.from(value, 'utf8');
    lengths[row] = bytes.length;
    parts.push(bytes);
  }
  const validity = values.includes(null) ? Uint8Array.from(values, (value) => (value === null ? 0 : 1)) : null;
  return { kind: 'string', name, validity, values: { lengths, bytes: Buffer.concat(parts) } };
}

/** A field column as rows were copied. */
export function fieldColumn(name: string, type: 'float' | 'long' | 'boolean' | 'string', column: Column): ResultColumn {
  switch (type) {
    case 'float':
      return floatColumn(name, (column as Extract<Column, { kind: 'number' }>).values);
    case 'long':
      return longColumn(name, column);
    case 'boolean':
      return { kind: 'boolean', name, values: (column as Extract<Column, { kind: 'boolean' }>).values };
    case 'string': {
      const { index } = column as Extract<Column, { kind: 'text' }>;
      return textColumn(
        name,
        Array.from(index, (_, row) => valueAt(column, row) as string | null),
      );
    }
  }
}
