// Series, tags and field names of JSON points. What was read once is known again by its bytes.

import type { BatchBuilder } from './batch.ts';
import { ByteTable, sameBytes } from './byte-table.ts';
import type { Column } from './column.ts';
import { hashByte, hashSeed } from './hash.ts';
import type { JsonText } from './json-text.ts';
import { Refusal } from './refusal.ts';
import type { SeriesRows } from './series.ts';

export class JsonNames {
  private readonly json: JsonText;
  private readonly view: DataView;
  private readonly batch: BatchBuilder;
  private readonly names: ByteTable<SeriesRows>;
  /** Whole objects of tags; the number is that of the tag set. */
  private readonly tagObjects: ByteTable<SeriesRows>;
  /** Names of fields with their closing quote. */
  private readonly fieldNames: ByteTable<SeriesRows>;
  /** Of the tags passed last, when they were those expected. */
  private tagsEntry = -1;

  constructor(json: JsonText, batch: BatchBuilder) {
    const { bytes } = json;
    this.json = json;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.batch = batch;
    this.names = new ByteTable(this.view);
    this.tagObjects = new ByteTable(this.view);
    this.fieldNames = new ByteTable(this.view);
  }

  /** Passes the tags of a point: at once, when they are those that came next last time. */
  passTags(): void {
    const { json, tagObjects } = this;
    this.tagsEntry = tagObjects.expected(json.pos);
    if (this.tagsEntry >= 0) json.pos += tagObjects.length(this.tagsEntry);
    else json.passValue();
  }

  /** The series whose name is at the cursor. */
  readSeries(): SeriesRows | Refusal {
    const { json, names } = this;
    json.passString();
    const { start, end } = json;
    const hash = this.hash(hashSeed, start, end);
    const entry = names.find(start, end - start, hash, null);
    if (entry >= 0) return names.owner(entry);
    const series = this.batch.seriesRows(json.text());
    if (!(series instanceof Refusal)) names.add(start, end - start, hash, series, 0);
    return series;
  }

  /** The number of the tag set that is bytes[start, end), which passTags has passed. */
  readTags(series: SeriesRows, start: number, end: number): number | Refusal {
    const { tagObjects, tagsEntry } = this;
    if (tagsEntry >= 0 && tagObjects.owner(tagsEntry) === series) {
      tagObjects.meet(tagsEntry);
      return tagObjects.number(tagsEntry);
    }
    const hash = this.hash(hashByte(hashSeed, series.index), start, end);
    const known = tagObjects.find(start, end - start, hash, series);
    if (known >= 0) {
      tagObjects.meet(known);
      return tagObjects.number(known);
    }
    this.json.pos = start;
    const key = this.readTagObject(series);
    if (!(key instanceof Refusal)) tagObjects.meet(tagObjects.add(start, end - start, hash, series, key));
    return key;
  }

  private readTagObject({ tagSets }: SeriesRows): number | Refusal {
    const { json } = this;
    const kind = json.kind();
    tagSets.begin();
    if (kind === 'null') return tagSets.end();
    if (kind !== 'object') return new Refusal('InvalidPoint', 'Tags must be an object of strings', 'tags');
    for (let first = true; json.nextMember(first); first = false) {
      json.passName();
      const column = tagSets.column(json.text());
      if (column instanceof Refusal) return column;
      const value = json.kind();
      json.passValue();
      if (value !== 'string' && value !== 'null') {
        return new Refusal('InvalidValue', 'The value of a tag must be a string', column.name);
      }
      const id = column.idOfValue(value === 'string' ? json.text() : '');
      const refusal = id instanceof Refusal ? id : tagSets.give(column, id);
      if (refusal !== null) return refusal;
    }
    return tagSets.end();
  }

  /** Passes the name of the field at the cursor; `index` is its place, where the point before most likely had the same. */
  readField(series: SeriesRows, index: number): Column | Refusal {
    const { json, fieldNames } = this;
    const start = json.pos + 1;
    const expected = series.order[index];
    if (
      expected !== undefined &&
      start + expected.keyLength <= json.bytes.length &&
      sameBytes(this.view, expected.keyStart, start, expected.keyLength)
    ) {
      json.pos = start + expected.keyLength;
      json.passColon();
      return expected;
    }
    json.passString();
    const length = json.end + 1 - start;
    const hash = this.hash(hashByte(hashSeed, series.index), start, json.end);
    const entry = fieldNames.find(start, length, hash, series);
    const column = entry < 0 ? series.column(json.text()) : series.columns[fieldNames.number(entry)]!;
    json.passColon();
    if (column instanceof Refusal) return column;
    if (entry < 0) fieldNames.add(start, length, hash, series, column.index);
    column.keyStart = start;
    column.keyLength = length;
    series.order[index] = column;
    return column;
  }

  private hash(seed: number, start: number, end: number): number {
    const { bytes } = this.json;
    let hash = seed;
    for (let pos = start; pos < end; pos++) hash = hashByte(hash, bytes[pos]!);
    return hash;
  }
}
