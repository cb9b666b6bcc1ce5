// What the database knows of its series. Changes are staged first, so that a refused or unjournalled request changes nothing.
import {
  columnNameFault,
  maxFieldsPerSeries,
  maxTagsPerSeries,
  maxTagValueBytes,
  nameFault,
} from '../../../src/base/limits.ts';
import { compareNames } from '../../../src/base/name-order.ts';
import type { FieldDefinition, FieldType, SchemaMode, SeriesDefinition } from '../../../src/kdb/engine.ts';
import { EngineError } from '../../../src/kdb/engine-error.ts';
import { newestBytes, SeriesStore } from './series-store.ts';
import { TagSets, tagSetBytes } from './tag-sets.ts';

/** Tags and fields of a page of series: their names take up to 255 bytes each. */
const maxPageColumns = 20_000;

export class Catalogue {
  readonly schema: SchemaMode;
  maxTagSets: number;
  maxSeries = Number.POSITIVE_INFINITY;
  version = 0n;
  /** Numbers are never used again: rows of a dropped series may still stand in parts. */
  nextNumber = 0;
  /** Of all series. */
  tagSets = 0;
  /** What more tag sets and newest values may take. */
  roomBytes = Number.POSITIVE_INFINITY;
  readonly #series = new Map<string, SeriesStore>();
  #inOrder: { readonly version: bigint; readonly names: readonly string[] } | undefined;

  constructor(schema: SchemaMode, maxTagSets: number) {
    this.schema = schema;
    this.maxTagSets = maxTagSets;
  }

  get size(): number {
    return this.#series.size;
  }

  all(): SeriesStore[] {
    return [...this.#series.values()];
  }

  /** In the order of their names, up to `limit` and what a reply should hold. */
  page(after: string | null, limit: number): { series: SeriesStore[]; next: string | null } {
    const names = this.#namesInOrder();
    const start = after === null ? 0 : firstAfter(names, after);
    const series: SeriesStore[] = [];
    for (let i = start, columns = 0; i < names.length && series.length < limit && columns < maxPageColumns; i++) {
      const one = this.get(names[i]!);
      series.push(one);
      columns += one.fields.length + one.tags.length;
    }
    return { series, next: start + series.length < names.length ? (series.at(-1)?.name ?? after) : null };
  }

  /** Sorted when they are asked for and have changed: 50,000 take 30 ms. */
  #namesInOrder(): readonly string[] {
    if (this.#inOrder?.version !== this.version || this.#inOrder.names.length !== this.size)
      this.#inOrder = { version: this.version, names: [...this.#series.keys()].sort(compareNames) };
    return this.#inOrder.names;
  }

  find(name: string): SeriesStore | undefined {
    return this.#series.get(name);
  }

  get(name: string): SeriesStore {
    const series = this.#series.get(name);
    if (!series) throw new EngineError('SeriesNotFound', name);
    return series;
  }

  add(name: string, tagSets: TagSets, number = this.nextNumber): SeriesStore {
    const series = new SeriesStore(number, name, tagSets);
    this.nextNumber = Math.max(this.nextNumber, number + 1);
    this.#series.set(name, series);
    return series;
  }

  drop(name: string): void {
    this.tagSets -= this.get(name).tagSets.count;
    this.#series.delete(name);
    this.version++;
  }
}

function firstAfter(names: readonly string[], name: string): number {
  let [low, high] = [0, names.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareNames(names[middle]!, name) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A series as it will be once the record is journalled. */
export interface StagedSeries {
  readonly name: string;
  readonly stored: SeriesStore | undefined;
  readonly tags: string[];
  readonly fields: FieldDefinition[];
  readonly tagNumbers: Map<string, number>;
  readonly fieldNumbers: Map<string, number>;
  /** Those of the stored series, or what will be its own. */
  readonly tagSets: TagSets;
}

/** Changes of the requests that one journal write carries; they see each other's. */
export class Stage {
  readonly catalogue: Catalogue;
  readonly #series = new Map<string, StagedSeries>();
  readonly #undo: (() => void)[] = [];
  #tagSets: number;
  #roomBytes: number;
  #seriesCount: number;

  constructor(catalogue: Catalogue) {
    this.catalogue = catalogue;
    this.#tagSets = catalogue.tagSets;
    this.#roomBytes = catalogue.roomBytes;
    this.#seriesCount = catalogue.size;
  }

  /** Where to roll back to when the next request is refused. */
  mark(): number {
    return this.#undo.length;
  }

  rollback(mark: number): void {
    while (this.#undo.length > mark) this.#undo.pop()!();
  }

  find(name: string): StagedSeries | undefined {
    const staged = this.#series.get(name);
    if (staged) return staged;
    const stored = this.catalogue.find(name);
    if (!stored) return undefined;
    return this.#stage(name, stored);
  }

  create(name: string): StagedSeries {
    const fault = nameFault(name);
    if (fault) throw new EngineError('InvalidName', name, fault);
    if (this.#seriesCount >= this.catalogue.maxSeries)
      throw new EngineError('TooManySeries', String(this.catalogue.maxSeries));
    this.#seriesCount++;
    this.#undo.push(() => {
      this.#seriesCount--;
      this.#series.delete(name);
    });
    return this.#stage(name, undefined);
  }

  addTag(series: StagedSeries, name: string): number {
    checkColumnName(name);
    if (series.fieldNumbers.has(name)) throw new EngineError('TagFieldClash', series.name, name);
    if (series.tags.length >= maxTagsPerSeries)
      throw new EngineError(
        'InvalidName',
        name,
        `would be more than the ${maxTagsPerSeries} tags that ${series.name} may have`,
      );
    this.#undo.push(() => {
      series.tags.pop();
      series.tagNumbers.delete(name);
      series.tagSets.removeTag();
    });
    series.tagNumbers.set(name, series.tags.length);
    series.tagSets.addTag();
    return series.tags.push(name) - 1;
  }

  addField(series: StagedSeries, name: string, type: FieldType): number {
    checkColumnName(name);
    if (series.tagNumbers.has(name)) throw new EngineError('TagFieldClash', series.name, name);
    if (series.fields.length >= maxFieldsPerSeries)
      throw new EngineError('TooManyFields', series.name, String(maxFieldsPerSeries));
    // As if each of its tag sets had a value at once.
    const bytes = newestBytes(1) * series.tagSets.count;
    if (this.#roomBytes < bytes) throw new EngineError('TooManyFields', series.name, String(series.fields.length));
    this.#roomBytes -= bytes;
    this.#undo.push(() => {
      series.fields.pop();
      series.fieldNumbers.delete(name);
      this.#roomBytes += bytes;
    });
    series.fieldNumbers.set(name, series.fields.length);
    return series.fields.push({ name, type }) - 1;
  }

  /** Interns the tag sets of a request, unless there would be too many; gives their ids. */
  intern(
    series: StagedSeries,
    tags: readonly number[],
    columns: readonly (readonly string[])[],
    sets: number,
  ): Int32Array {
    const { tagSets } = series;
    const [mark, before, roomBefore] = [tagSets.mark(), this.#tagSets, this.#roomBytes];
    this.#undo.push(() => {
      tagSets.rollback(mark);
      this.#tagSets = before;
      this.#roomBytes = roomBefore;
    });
    const bytes = tagSetBytes(series.tags.length) + newestBytes(series.fields.length);
    return tagSets.intern(tags, columns, sets, {
      newSet: () => {
        if (this.#tagSets >= this.catalogue.maxTagSets)
          throw new EngineError('TooManyTagSets', series.name, String(this.catalogue.maxTagSets));
        // So many are too many for the memory of this process.
        if (this.#roomBytes < bytes) throw new EngineError('TooManyTagSets', series.name, String(this.#tagSets));
        this.#roomBytes -= bytes;
        this.#tagSets++;
      },
      newValue: (tag, value) => checkTagValue(series, series.tags[tag]!, value),
    });
  }

  define(definition: SeriesDefinition): void {
    const series = this.find(definition.series) ?? this.create(definition.series);
    for (const tag of definition.tags) {
      if (!series.tagNumbers.has(tag)) this.addTag(series, tag);
    }
    for (const { name, type } of definition.fields) {
      const number = series.fieldNumbers.get(name);
      if (number === undefined) this.addField(series, name, type);
      else if (series.fields[number]!.type !== type)
        throw new EngineError('FieldTypeClash', series.name, name, series.fields[number]!.type, type);
    }
  }

  /** Makes all of it real. */
  commit(): void {
    this.#undo.length = 0;
    for (const staged of this.#series.values()) {
      const series = staged.stored ?? this.catalogue.add(staged.name, staged.tagSets);
      const changed =
        staged.stored === undefined ||
        series.tags.length < staged.tags.length ||
        series.fields.length < staged.fields.length;
      for (let tag = series.tags.length; tag < staged.tags.length; tag++) series.addTag(staged.tags[tag]!);
      for (let field = series.fields.length; field < staged.fields.length; field++)
        series.addField(staged.fields[field]!);
      series.tagSets.settle();
      if (changed) this.catalogue.version++;
    }
    this.catalogue.tagSets = this.#tagSets;
    this.catalogue.roomBytes = this.#roomBytes;
  }

  #stage(name: string, stored: SeriesStore | undefined): StagedSeries {
    const tags = stored ? [...stored.tags] : [];
    const fields = stored ? [...stored.fields] : [];
    const staged: StagedSeries = {
      name,
      stored,
      tags,
      fields,
      tagNumbers: new Map(tags.map((tag, i) => [tag, i])),
      fieldNumbers: new Map(fields.map((field, i) => [field.name, i])),
      tagSets: stored?.tagSets ?? new TagSets(),
    };
    this.#series.set(name, staged);
    return staged;
  }
}

function checkTagValue(series: StagedSeries, tag: string, value: string): void {
  if (value.includes('\0')) throw new EngineError('BadCall', 'a tag value has a NUL character');
  if (value.length > maxTagValueBytes / 3 && Buffer.byteLength(value) > maxTagValueBytes)
    throw new EngineError('InvalidValue', series.name, tag, `is longer than ${maxTagValueBytes} bytes`);
  if (!value.isWellFormed()) throw new EngineError('InvalidValue', series.name, tag, 'is not valid Unicode');
}

function checkColumnName(name: string): void {
  const fault = columnNameFault(name);
  if (fault) throw new EngineError('InvalidName', name, fault);
}
