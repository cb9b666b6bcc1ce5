// The newest value of each field per tag set, kept ready: about 20 bytes per tag set and field, in pages that a checkpoint shares instead of copying
// (1 M tag sets of 10 fields: 200 MB).
import type { FieldDefinition } from '../../../src/kdb/engine.ts';
import { type Column, type ColumnBuilder, isNullAt, type Value, valueAt } from './columns.ts';
import { compareInstants } from './era.ts';

/** Stands for no time. */
export const noEra = -0x80000000;
const pageBits = 13;
/** Tag sets of a page. */
export const pageIds = 1 << pageBits;

/** One field of some tag sets. */
export interface NewestValues {
  readonly eras: Int32Array;
  readonly offsets: Float64Array;
  /** Numbers and booleans (0, 1). */
  readonly numbers: Float64Array;
  /** Strings, and longs beyond 2^53; by id within the page. */
  readonly others: Map<number, string | bigint>;
}

interface Page extends NewestValues {
  /** Who may change it; null: it is shared, and copied before it is changed. */
  owner: Latest | null;
}

export interface NewestValue {
  readonly era: number;
  readonly offset: number;
  readonly value: Value;
}

export class Latest {
  /** By field, then by id / pageIds. */
  readonly #pages: (Page | undefined)[][] = [];

  /** As it is now, for as long as it is kept. */
  fork(): Latest {
    const fork = new Latest();
    for (let field = 0; field < this.#pages.length; field++) {
      const pages = this.#pages[field] ?? [];
      for (const page of pages) if (page) page.owner = null;
      fork.#pages[field] = pages.slice();
    }
    return fork;
  }

  /** Its pages, for a state file. */
  *pages(): Generator<{ field: number; number: number; values: NewestValues }> {
    for (let field = 0; field < this.#pages.length; field++) {
      const pages = this.#pages[field] ?? [];
      for (let number = 0; number < pages.length; number++) {
        const page = pages[number];
        if (!page) continue;
        const { eras, offsets, numbers, others } = page;
        yield { field, number, values: { eras, offsets, numbers, others } };
      }
    }
  }

  /** Copied: what is read of a state file are views of a whole chunk of it. */
  load(field: number, number: number, { eras, offsets, numbers, others }: NewestValues): void {
    this.#pages[field] ??= [];
    const own = { eras: eras.slice(), offsets: offsets.slice(), numbers: numbers.slice(), others };
    this.#pages[field][number] = { ...own, owner: this };
  }

  /** Takes the value unless a newer one is known; of equal times the one given last wins. */
  put(field: number, id: number, era: number, offset: number, column: Column, row: number): void {
    if (isNullAt(column, row)) return;
    const page = this.#own(field, id);
    const at = id & (pageIds - 1);
    if (page.eras[at] !== noEra && compareInstants(era, offset, page.eras[at]!, page.offsets[at]!) < 0) return;
    page.eras[at] = era;
    page.offsets[at] = offset;
    if (column.kind === 'number' || column.kind === 'narrow' || column.kind === 'boolean') {
      page.numbers[at] = column.values[row]!;
      if (page.others.size > 0) page.others.delete(at);
    } else page.others.set(at, valueAt(column, row) as string | bigint);
  }

  get(field: FieldDefinition, number: number, id: number): Value | null {
    const page = this.#find(number, id);
    const at = id & (pageIds - 1);
    if (!page || page.eras[at] === noEra) return null;
    const other = page.others.size > 0 ? page.others.get(at) : undefined;
    if (other !== undefined) return other;
    return field.type === 'boolean' ? page.numbers[at] === 1 : page.numbers[at]!;
  }

  /** Puts the values of the tag sets ids[from], … into a column, each in the row where its id stands. */
  copy(field: FieldDefinition, number: number, ids: Int32Array, from: number, to: number, into: ColumnBuilder): void {
    const pages = this.#pages[number];
    if (!pages) return;
    const isBoolean = field.type === 'boolean';
    for (let row = from; row < to; row++) {
      const page = pages[ids[row]! >> pageBits];
      const at = ids[row]! & (pageIds - 1);
      if (!page || at >= page.eras.length || page.eras[at] === noEra) continue;
      const other = page.others.size > 0 ? page.others.get(at) : undefined;
      const number = page.numbers[at]!;
      into.putValue(row, other ?? (isBoolean ? number === 1 : number));
    }
  }

  /** When the value was given; null when there is none. */
  time(number: number, id: number): { era: number; offset: number } | null {
    const page = this.#find(number, id);
    const at = id & (pageIds - 1);
    if (!page || page.eras[at] === noEra) return null;
    return { era: page.eras[at]!, offset: page.offsets[at]! };
  }

  /** Replaces what is known, by an older value or by none. */
  set(field: number, id: number, newest: NewestValue | null): void {
    const page = this.#own(field, id);
    const at = id & (pageIds - 1);
    page.others.delete(at);
    page.eras[at] = newest ? newest.era : noEra;
    if (!newest) return;
    page.offsets[at] = newest.offset;
    if (typeof newest.value === 'number' || typeof newest.value === 'boolean') page.numbers[at] = Number(newest.value);
    else page.others.set(at, newest.value);
  }

  /** Of one page, forgets what is before an instant and is still as it was. Whether there is any such value. */
  forgetBefore(was: Latest, field: number, number: number, before: { era: number; offset: number }): boolean {
    const old = was.#pages[field]?.[number];
    const page = this.#pages[field]?.[number];
    if (!old || !page) return false;
    const gone: number[] = [];
    let left = 0;
    for (let at = 0; at < old.eras.length; at++) {
      if (old.eras[at] === noEra) continue;
      if (compareInstants(old.eras[at]!, old.offsets[at]!, before.era, before.offset) >= 0) left++;
      else gone.push(at);
    }
    if (gone.length === 0) return false;
    if (page === old && left === 0) this.#pages[field]![number] = undefined;
    else {
      for (const at of gone) {
        if (page.eras[at] === old.eras[at] && page.offsets[at] === old.offsets[at])
          this.set(field, number * pageIds + at, null);
      }
    }
    return true;
  }

  #find(field: number, id: number): Page | undefined {
    const page = this.#pages[field]?.[id >> pageBits];
    return page && (id & (pageIds - 1)) < page.eras.length ? page : undefined;
  }

  /** The page of an id, long enough and not shared. */
  #own(field: number, id: number): Page {
    const pages = this.#pages[field];
    const page = pages?.[id >> pageBits];
    const at = id & (pageIds - 1);
    if (page && page.owner === this && at < page.eras.length) return page;
    const length = page?.eras.length ?? 0;
    // Small at first: a database may have thousands of series with a few tag sets each.
    const room = at < length ? length : Math.min(pageIds, Math.max(16, 2 * length, at + 1));
    const own: Page = {
      eras: new Int32Array(room).fill(noEra, length),
      offsets: new Float64Array(room),
      numbers: new Float64Array(room),
      others: new Map(page?.others),
      owner: this,
    };
    if (page) {
      own.eras.set(page.eras);
      own.offsets.set(page.offsets);
      own.numbers.set(page.numbers);
    }
    this.#pages[field] ??= [];
    this.#pages[field][id >> pageBits] = own;
    return own;
  }
}
