// The newest value of each field per tag set, kept ready: about 20 bytes per tag set and field.
import type { FieldDefinition } from '../../src/kdb/engine.ts';
import { type Column, isNullAt, type Value, valueAt } from './columns.ts';
import { compareInstants } from './era.ts';

const noEra = -0x80000000;

/** One field of every tag set. */
export interface NewestValues {
  eras: Int32Array;
  offsets: Float64Array;
  /** Numbers and booleans (0, 1). */
  numbers: Float64Array;
  /** Strings, and longs beyond 2^53. */
  readonly others: Map<number, string | bigint>;
}

export interface NewestValue {
  readonly era: number;
  readonly offset: number;
  readonly value: Value;
}

export type SavedLatest = readonly (NewestValues | undefined)[];

export class Latest {
  #fields: (NewestValues | undefined)[] = [];

  save(): SavedLatest {
    return Array.from(
      this.#fields,
      (values) =>
        values && {
          eras: values.eras.slice(),
          offsets: values.offsets.slice(),
          numbers: values.numbers.slice(),
          others: new Map(values.others),
        },
    );
  }

  load(saved: SavedLatest): void {
    this.#fields = [...saved];
  }

  /** Takes the value unless a newer one is known; of equal times the one given last wins. */
  put(field: number, id: number, era: number, offset: number, column: Column, row: number): void {
    if (isNullAt(column, row)) return;
    const values = this.#room(field, id);
    if (values.eras[id] !== noEra && compareInstants(era, offset, values.eras[id]!, values.offsets[id]!) < 0) return;
    values.eras[id] = era;
    values.offsets[id] = offset;
    if (column.kind === 'number' || column.kind === 'narrow' || column.kind === 'boolean') {
      values.numbers[id] = column.values[row]!;
      if (values.others.size > 0) values.others.delete(id);
    } else values.others.set(id, valueAt(column, row) as string | bigint);
  }

  get(field: FieldDefinition, number: number, id: number): Value | null {
    const values = this.#fields[number];
    if (!values || id >= values.eras.length || values.eras[id] === noEra) return null;
    const other = values.others.size > 0 ? values.others.get(id) : undefined;
    if (other !== undefined) return other;
    return field.type === 'boolean' ? values.numbers[id] === 1 : values.numbers[id]!;
  }

  /** The values of some tag sets as numbers (NaN: none); null where some are not. */
  numbers(number: number, ids: readonly number[]): Float64Array | null {
    const values = this.#fields[number];
    if (!values) return new Float64Array(ids.length).fill(Number.NaN);
    if (values.others.size > 0) return null;
    return Float64Array.from(ids, (id) =>
      id >= values.eras.length || values.eras[id] === noEra ? Number.NaN : values.numbers[id]!,
    );
  }

  /** When the value was given; null when there is none. */
  time(number: number, id: number): { era: number; offset: number } | null {
    const values = this.#fields[number];
    if (!values || id >= values.eras.length || values.eras[id] === noEra) return null;
    return { era: values.eras[id]!, offset: values.offsets[id]! };
  }

  /** Replaces what is known, by an older value or by none. */
  set(field: number, id: number, newest: NewestValue | null): void {
    const values = this.#room(field, id);
    values.others.delete(id);
    values.eras[id] = newest ? newest.era : noEra;
    if (!newest) return;
    values.offsets[id] = newest.offset;
    if (typeof newest.value === 'number' || typeof newest.value === 'boolean')
      values.numbers[id] = Number(newest.value);
    else values.others.set(id, newest.value);
  }

  #room(field: number, id: number): NewestValues {
    let values = this.#fields[field];
    if (!values) {
      values = {
        eras: new Int32Array(0),
        offsets: new Float64Array(0),
        numbers: new Float64Array(0),
        others: new Map(),
      };
      this.#fields[field] = values;
    }
    if (id >= values.eras.length) {
      const capacity = Math.max(16, 2 * values.eras.length, id + 1);
      const { eras, offsets, numbers } = values;
      values.eras = new Int32Array(capacity).fill(noEra, eras.length);
      values.eras.set(eras);
      values.offsets = new Float64Array(capacity);
      values.offsets.set(offsets);
      values.numbers = new Float64Array(capacity);
      values.numbers.set(numbers);
    }
    return values;
  }
}
