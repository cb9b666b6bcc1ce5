// The newest value of each field per tag set, kept ready: 16 bytes per tag set and field (20 in a page of two eras), in pages that a checkpoint shares
// instead of copying (1 M tag sets of 10 fields: 160 MB).
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

interface Page {
  /** Of all its values, while they are of one era. */
  era: number;
  eras: Int32Array | null;
  /** NaN: no value. */
  readonly offsets: Float64Array;
  readonly numbers: Float64Array;
  readonly others: Map<number, string | bigint>;
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
  #bytes = 0;
  #isForked = false;
  /** Of pages that were copied since the last fork: that keeps the old ones. */
  #copiedBytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  get copiedBytes(): number {
    return this.#copiedBytes;
  }

  /** As it is now, for as long as it is kept. */
  fork(): Latest {
    const fork = new Latest();
    for (let field = 0; field < this.#pages.length; field++) {
      const pages = this.#pages[field] ?? [];
      for (const page of pages) if (page) page.owner = null;
      fork.#pages[field] = pages.slice();
    }
    fork.#bytes = this.#bytes;
    this.#isForked = true;
    this.#copiedBytes = 0;
    return fork;
  }

  /** Nobody keeps what was forked. */
  release(): void {
    this.#isForked = false;
    this.#copiedBytes = 0;
  }

  /** Its pages, for a state file. */
  *pages(): Generator<{ field: number; number: number; values: NewestValues }> {
    for (let field = 0; field < this.#pages.length; field++) {
      const pages = this.#pages[field] ?? [];
      for (let number = 0; number < pages.length; number++) {
        const page = pages[number];
        if (!page) continue;
        const { offsets, numbers, others } = page;
        const eras = Int32Array.from(offsets, (offset, at) => (Number.isNaN(offset) ? noEra : eraIn(page, at)));
        yield { field, number, values: { eras, offsets, numbers, others } };
      }
    }
  }

  /** Copied: what is read of a state file are views of a whole chunk of it. */
  load(field: number, number: number, { eras, offsets, numbers, others }: NewestValues): void {
    const page: Page = {
      era: noEra,
      eras: null,
      offsets: new Float64Array(eras.length).fill(Number.NaN),
      numbers: numbers.slice(),
      others,
      owner: this,
    };
    for (const [at, era] of eras.entries()) if (era !== noEra) setTime(page, at, era, offsets[at]!);
    this.#pages[field] ??= [];
    this.#pages[field][number] = page;
    this.#bytes += pageBytes(page);
  }

  /** Takes the value unless a newer one is known; of equal times the one given last wins. */
  put(field: number, id: number, era: number, offset: number, column: Column, row: number): void {
    if (isNullAt(column, row)) return;
    const page = this.#own(field, id);
    const at = id & (pageIds - 1);
    const known = page.offsets[at]!;
    if (!Number.isNaN(known) && compareInstants(era, offset, eraIn(page, at), known) < 0) return;
    this.#setTime(page, at, era, offset);
    if (column.kind === 'number' || column.kind === 'narrow' || column.kind === 'boolean') {
      page.numbers[at] = column.values[row]!;
      if (page.others.size > 0) this.#setOther(page, at, null);
    } else this.#setOther(page, at, valueAt(column, row) as string | bigint);
  }

  get(field: FieldDefinition, number: number, id: number): Value | null {
    const page = this.#find(number, id);
    const at = id & (pageIds - 1);
    if (!page || !hasValue(page, at)) return null;
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
      if (!page || !hasValue(page, at)) continue;
      const other = page.others.size > 0 ? page.others.get(at) : undefined;
      const number = page.numbers[at]!;
      into.putValue(row, other ?? (isBoolean ? number === 1 : number));
    }
  }

  /** When the value was given; null when there is none. */
  time(number: number, id: number): { era: number; offset: number } | null {
    const page = this.#find(number, id);
    const at = id & (pageIds - 1);
    return page && hasValue(page, at) ? { era: eraIn(page, at), offset: page.offsets[at]! } : null;
  }

  /** Replaces what is known, by an older value or by none. */
  set(field: number, id: number, newest: NewestValue | null): void {
    const page = this.#own(field, id);
    const at = id & (pageIds - 1);
    const value = newest?.value ?? 0;
    this.#setOther(page, at, typeof value === 'string' || typeof value === 'bigint' ? value : null);
    if (newest) this.#setTime(page, at, newest.era, newest.offset);
    else page.offsets[at] = Number.NaN;
    if (typeof value === 'number' || typeof value === 'boolean') page.numbers[at] = Number(value);
  }

  /** Of one page, forgets what is before an instant and is still as it was. Whether there is any such value. */
  forgetBefore(was: Latest, field: number, number: number, before: { era: number; offset: number }): boolean {
    const old = was.#pages[field]?.[number];
    const page = this.#pages[field]?.[number];
    if (!old || !page) return false;
    const gone: number[] = [];
    let left = 0;
    for (let at = 0; at < old.offsets.length; at++) {
      if (!hasValue(old, at)) continue;
      if (compareInstants(eraIn(old, at), old.offsets[at]!, before.era, before.offset) >= 0) left++;
      else gone.push(at);
    }
    if (gone.length === 0) return false;
    if (page === old && left === 0) {
      this.#pages[field]![number] = undefined;
      this.#bytes -= pageBytes(page);
    } else {
      for (const at of gone) {
        if (page.offsets[at] === old.offsets[at] && eraIn(page, at) === eraIn(old, at))
          this.set(field, number * pageIds + at, null);
      }
    }
    return true;
  }

  #find(field: number, id: number): Page | undefined {
    return this.#pages[field]?.[id >> pageBits];
  }

  #setTime(page: Page, at: number, era: number, offset: number): void {
    const had = page.eras;
    setTime(page, at, era, offset);
    if (page.eras !== had) this.#bytes += page.eras!.byteLength;
  }

  #setOther(page: Page, at: number, value: string | bigint | null): void {
    const old = page.others.get(at);
    if (old !== undefined) this.#bytes -= otherBytes(old);
    if (value === null) page.others.delete(at);
    else {
      page.others.set(at, value);
      this.#bytes += otherBytes(value);
    }
  }

  /** The page of an id, long enough and not shared. */
  #own(field: number, id: number): Page {
    const pages = this.#pages[field];
    const page = pages?.[id >> pageBits];
    const at = id & (pageIds - 1);
    const length = page?.offsets.length ?? 0;
    if (page && page.owner === this && at < length) return page;
    // Small at first: a database may have thousands of series with a few tag sets each.
    const room = at < length ? length : Math.min(pageIds, Math.max(16, 2 * length, at + 1));
    const own: Page = {
      era: page?.era ?? noEra,
      eras: page?.eras ? new Int32Array(room) : null,
      offsets: new Float64Array(room).fill(Number.NaN, length),
      numbers: new Float64Array(room),
      others: new Map(page?.others),
      owner: this,
    };
    if (page) {
      if (page.eras) own.eras!.set(page.eras);
      own.offsets.set(page.offsets);
      own.numbers.set(page.numbers);
      this.#bytes -= pageBytes(page);
      if (page.owner === null && this.#isForked) this.#copiedBytes += pageBytes(page);
    }
    this.#bytes += pageBytes(own);
    this.#pages[field] ??= [];
    this.#pages[field][id >> pageBits] = own;
    return own;
  }
}

function hasValue({ offsets }: Page, at: number): boolean {
  return at < offsets.length && !Number.isNaN(offsets[at]!);
}

function eraIn({ era, eras }: Page, at: number): number {
  return eras ? eras[at]! : era;
}

function setTime(page: Page, at: number, era: number, offset: number): void {
  page.offsets[at] = offset;
  if (page.era === noEra) page.era = era;
  if (page.era !== era) page.eras ??= new Int32Array(page.offsets.length).fill(page.era);
  if (page.eras) page.eras[at] = era;
}

function pageBytes({ eras, offsets, numbers, others }: Page): number {
  let bytes = (eras?.byteLength ?? 0) + offsets.byteLength + numbers.byteLength;
  for (const other of others.values()) bytes += otherBytes(other);
  return bytes;
}

/** With its place in the map. */
function otherBytes(value: string | bigint): number {
  return 64 + (typeof value === 'string' ? value.length : 8);
}
