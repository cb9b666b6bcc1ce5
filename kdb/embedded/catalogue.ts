// What the database knows of its series. Changes are staged first, so that a refused or unjournalled request changes nothing.
import { columnNameFault, maxFieldsPerSeries, maxTagsPerSeries, nameFault } from '../../src/base/limits.ts';
import type { FieldDefinition, FieldType, SchemaMode, SeriesDefinition } from '../../src/kdb/engine.ts';
import { EngineError } from '../../src/kdb/engine-error.ts';
import { SeriesStore } from './series-store.ts';

export class Catalogue {
  readonly schema: SchemaMode;
  readonly maxTagSets: number;
  version = 0n;
  /** Numbers are never used again: rows of a dropped series may still stand in parts. */
  nextNumber = 0;
  /** Of all series. */
  tagSets = 0;
  readonly #series = new Map<string, SeriesStore>();

  constructor(schema: SchemaMode, maxTagSets: number) {
    this.schema = schema;
    this.maxTagSets = maxTagSets;
  }

  all(): SeriesStore[] {
    return [...this.#series.values()];
  }

  find(name: string): SeriesStore | undefined {
    return this.#series.get(name);
  }

  get(name: string): SeriesStore {
    const series = this.#series.get(name);
    if (!series) throw new EngineError('SeriesNotFound', name);
    return series;
  }

  add(name: string, number = this.nextNumber): SeriesStore {
    const series = new SeriesStore(number, name);
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

/** A series as it will be once the record is journalled. */
export interface StagedSeries {
  readonly name: string;
  readonly stored: SeriesStore | undefined;
  readonly tags: string[];
  readonly fields: FieldDefinition[];
  readonly tagNumbers: Map<string, number>;
  readonly fieldNumbers: Map<string, number>;
  /** Keys of tag sets that are not interned yet. */
  readonly newKeys: Set<string>;
}

/** Changes of the requests that one journal write carries; they see each other's. */
export class Stage {
  readonly catalogue: Catalogue;
  readonly #series = new Map<string, StagedSeries>();
  readonly #undo: (() => void)[] = [];
  #tagSets: number;

  constructor(catalogue: Catalogue) {
    this.catalogue = catalogue;
    this.#tagSets = catalogue.tagSets;
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
    this.#undo.push(() => this.#series.delete(name));
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
    this.#undo.push(() => series.tags.pop() !== undefined && series.tagNumbers.delete(name));
    series.tagNumbers.set(name, series.tags.length);
    return series.tags.push(name) - 1;
  }

  addField(series: StagedSeries, name: string, type: FieldType): number {
    checkColumnName(name);
    if (series.tagNumbers.has(name)) throw new EngineError('TagFieldClash', series.name, name);
    if (series.fields.length >= maxFieldsPerSeries)
      throw new EngineError('TooManyFields', series.name, String(maxFieldsPerSeries));
    this.#undo.push(() => series.fields.pop() !== undefined && series.fieldNumbers.delete(name));
    series.fieldNumbers.set(name, series.fields.length);
    return series.fields.push({ name, type }) - 1;
  }

  /** Counts a tag set that is to be interned; true when it is new. */
  addKey(series: StagedSeries, key: string): boolean {
    if (series.stored?.tagSets.id(key) !== undefined || series.newKeys.has(key)) return false;
    if (this.#tagSets >= this.catalogue.maxTagSets)
      throw new EngineError('TooManyTagSets', series.name, String(this.catalogue.maxTagSets));
    this.#undo.push(() => series.newKeys.delete(key) && this.#tagSets--);
    this.#tagSets++;
    series.newKeys.add(key);
    return true;
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

  /** Makes tags and fields real; tag sets are interned as points are applied, in their order. */
  commit(): void {
    for (const staged of this.#series.values()) {
      const series = staged.stored ?? this.catalogue.find(staged.name) ?? this.catalogue.add(staged.name);
      const changed =
        staged.stored === undefined ||
        series.tags.length < staged.tags.length ||
        series.fields.length < staged.fields.length;
      for (let tag = series.tags.length; tag < staged.tags.length; tag++) series.addTag(staged.tags[tag]!);
      for (let field = series.fields.length; field < staged.fields.length; field++)
        series.addField(staged.fields[field]!);
      if (changed) this.catalogue.version++;
    }
    this.catalogue.tagSets = this.#tagSets;
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
      newKeys: new Set(),
    };
    this.#series.set(name, staged);
    return staged;
  }
}

function checkColumnName(name: string): void {
  const fault = columnNameFault(name);
  if (fault) throw new EngineError('InvalidName', name, fault);
}
