// The part of a line before its first space, measurement[,tag=value…], when its bytes are not known yet. A delimiter is escaped by a backslash
// before it, whatever stands before the backslash.

import type { BatchBuilder } from './batch.ts';
import { ByteTable, sameBytes } from './byte-table.ts';
import { hashByte, hashSeed } from './hash.ts';
import { Refusal } from './refusal.ts';
import type { SeriesRows } from './series.ts';
import type { TagColumn, TagSets } from './tag-sets.ts';

const comma = 44;
const equals = 61;
const backslash = 92;

export class PrefixReader {
  private readonly body: Buffer;
  private readonly view: DataView;
  private readonly batch: BatchBuilder;
  private readonly names: ByteTable<SeriesRows>;
  /** Names of tags with their '=', hashed with their series. */
  private readonly tagNames: ByteTable<TagSets>;
  /** Values of tags, hashed with their tag; the number is the value's id. */
  private readonly values: ByteTable<TagColumn>;
  series: SeriesRows | null = null;
  /** Where the piece passed last ends. */
  private end = 0;

  constructor(body: Buffer, view: DataView, batch: BatchBuilder) {
    this.body = body;
    this.view = view;
    this.batch = batch;
    this.names = new ByteTable(view);
    this.tagNames = new ByteTable(view);
    this.values = new ByteTable(view);
  }

  /** The number of the tag set of bytes[start, end); its series is left in `series`. */
  read(start: number, end: number): number | Refusal {
    this.series = null;
    const series = this.readSeries(start, end);
    if (series instanceof Refusal) return series;
    this.series = series;
    const { tagSets } = series;
    tagSets.begin();
    for (let i = 0; this.end < end; i++) {
      const column = this.readTagName(series, i, start, end);
      if (column instanceof Refusal) return column;
      const id = this.readTagValue(column, this.end, end);
      if (id instanceof Refusal) return id;
      const refusal = tagSets.give(column, id);
      if (refusal !== null) return refusal;
    }
    return tagSets.end();
  }

  private readSeries(start: number, end: number): SeriesRows | Refusal {
    const { body, names } = this;
    let hash = hashSeed;
    let pos = start;
    for (; pos < end && (body[pos] !== comma || body[pos - 1] === backslash); pos++) hash = hashByte(hash, body[pos]!);
    this.end = pos;
    const entry = names.find(start, pos - start, hash, null);
    if (entry >= 0) return names.owner(entry);
    const text = body.toString('utf8', start, pos);
    const series = this.batch.seriesRows(text.includes('\\') ? text.replace(/\\([, ])/g, '$1') : text);
    if (!(series instanceof Refusal)) names.add(start, pos - start, hash, series, 0);
    return series;
  }

  /** Passes the comma and the name of the tag at place `index`, with its equals sign. */
  private readTagName(
    { tagSets, index: seriesIndex }: SeriesRows,
    index: number,
    prefix: number,
    end: number,
  ): TagColumn | Refusal {
    const { body, tagNames } = this;
    const start = this.end + 1;
    const expected = tagSets.order[index];
    if (
      expected !== undefined &&
      start + expected.keyLength <= end &&
      sameBytes(this.view, expected.keyStart, start, expected.keyLength)
    ) {
      this.end = start + expected.keyLength;
      return expected;
    }
    let hash = hashByte(hashSeed, seriesIndex);
    let pos = start;
    let byte = body[pos]!;
    for (; pos < end && ((byte !== comma && byte !== equals) || body[pos - 1] === backslash); byte = body[++pos]!) {
      hash = hashByte(hash, byte);
    }
    if (pos === end || byte !== equals || pos === start) {
      return new Refusal(
        'InvalidLine',
        'A tag must be name=value',
        `char ${body.toString('utf8', prefix, start).length + 1}`,
      );
    }
    this.end = pos + 1;
    const length = pos + 1 - start;
    const entry = tagNames.find(start, length, hash, tagSets);
    const column = entry < 0 ? tagSets.column(columnText(body, start, pos)) : tagSets.columns[tagNames.number(entry)]!;
    if (column instanceof Refusal) return column;
    if (entry < 0) tagNames.add(start, length, hash, tagSets, column.index);
    column.keyStart = start;
    column.keyLength = length;
    tagSets.order[index] = column;
    return column;
  }

  /** Passes a value; gives its id. */
  private readTagValue(column: TagColumn, start: number, end: number): number | Refusal {
    const { body, values } = this;
    let hash = column.seed;
    let pos = start;
    let byte = body[pos]!;
    for (; pos < end && ((byte !== comma && byte !== equals) || body[pos - 1] === backslash); byte = body[++pos]!) {
      hash = hashByte(hash, byte);
    }
    if (pos < end && byte === equals) {
      const message = 'An equals sign in a tag value needs a backslash before it';
      return new Refusal('InvalidLine', message, column.name);
    }
    this.end = pos;
    const length = pos - start;
    const entry = values.find(start, length, hash, column);
    if (entry >= 0) return values.number(entry);
    // Each value can be written in one way only, so one whose bytes are new is new.
    const id = column.addValue(columnText(body, start, pos));
    if (!(id instanceof Refusal)) values.add(start, length, hash, column, id);
    return id;
  }
}

/** A tag name, tag value or field name: backslashes escape commas, equals signs and spaces, elsewhere they are themselves. */
export function columnText(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('utf8', start, end);
  return text.includes('\\') ? text.replace(/\\([,= ])/g, '$1') : text;
}
