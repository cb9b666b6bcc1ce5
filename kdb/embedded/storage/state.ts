// What a checkpoint keeps beside the parts: catalogue, tag sets, newest values, batch ids.

import { promisify } from 'node:util';
import { deserialize, serialize } from 'node:v8';
import { crc32, zstdCompress, zstdDecompress } from 'node:zlib';
import type { FieldDefinition } from '../../../src/kdb/engine.ts';
import type { Catalogue } from '../memory/catalogue.ts';
import { Latest, type NewestValues } from '../memory/latest.ts';
import type { SavedNewest, SeriesStore } from '../memory/series-store.ts';
import { type SavedTagSets, TagSets } from '../memory/tag-sets.ts';
import type { AppliedBatches, SavedSegment } from './applied-batches.ts';
import { type FileLayer, writeDurably } from './files.ts';
import type { Manifest } from './manifest.ts';

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

export interface SavedSeries {
  readonly number: number;
  readonly name: string;
  readonly tags: readonly string[];
  readonly fields: readonly FieldDefinition[];
  readonly tagSets: SavedTagSets;
  readonly newest: SavedNewest;
  readonly latest: Latest;
}

/** Taken at one moment; series that are dropped later stay in it. */
export interface State {
  readonly version: bigint;
  readonly nextNumber: number;
  readonly series: readonly SavedSeries[];
  readonly batches: ReturnType<AppliedBatches['save']>;
}

export function captureState(catalogue: Catalogue, applied: AppliedBatches): State {
  return {
    version: catalogue.version,
    nextNumber: catalogue.nextNumber,
    series: catalogue.all().map(captureSeries),
    batches: applied.save(),
  };
}

function captureSeries(series: SeriesStore): SavedSeries {
  return {
    number: series.number,
    name: series.name,
    tags: [...series.tags],
    fields: [...series.fields],
    tagSets: series.tagSets.save(),
    newest: series.saveNewest(),
    latest: series.latest.fork(),
  };
}

/** What a state file consists of: first `rest`, then batch ids, then each series with what belongs to it. Pieces are small, so that others get their turn between them. */
type Piece =
  | { readonly kind: 'rest'; readonly rest: Omit<State, 'series' | 'batches'> }
  | { readonly kind: 'batches'; readonly segment: SavedSegment }
  | { readonly kind: 'series'; readonly head: Omit<SavedSeries, 'tagSets' | 'newest' | 'latest'> }
  | { readonly kind: 'values'; readonly tag: number; readonly texts: readonly string[] }
  | { readonly kind: 'ids'; readonly index: readonly Int32Array[]; readonly newest: SavedNewest }
  | { readonly kind: 'latest'; readonly field: number; readonly number: number; readonly values: NewestValues };

/** A state file begins with this; its last character is the version of what follows. */
const magic = Buffer.from('TSGS0001', 'latin1');
const itemsAtOnce = 8192;
const packedTogetherBytes = 1 << 20;

export async function writeState(
  files: FileLayer,
  directory: string,
  name: string,
  state: State,
): Promise<NonNullable<Manifest['state']>> {
  let bytes = 0;
  let crc = 0;
  async function* counted(): AsyncGenerator<Buffer> {
    for await (const chunk of packed(state)) {
      bytes += chunk.length;
      crc = crc32(chunk, crc);
      yield chunk;
    }
  }
  await writeDurably(files, directory, name, counted());
  return { name, bytes, crc };
}

/** Packed as it is written: a million tag sets are 300 MB. */
async function* packed(state: State): AsyncGenerator<Buffer> {
  yield magic;
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  for (const piece of piecesOf(state)) {
    const serialized = serialize(piece);
    waiting.push(...framed(serialized));
    waitingBytes += serialized.length;
    if (waitingBytes <= packedTogetherBytes) continue;
    yield* framed(await compress(Buffer.concat(waiting)));
    waiting = [];
    waitingBytes = 0;
  }
  if (waiting.length > 0) yield* framed(await compress(Buffer.concat(waiting)));
}

function* piecesOf({ series, batches, ...rest }: State): Generator<Piece> {
  yield { kind: 'rest', rest };
  for (const segment of batches) yield { kind: 'batches', segment };
  for (const { tagSets, newest, latest, ...head } of series) {
    yield { kind: 'series', head };
    for (const [tag, { texts, count }] of tagSets.values.entries()) {
      for (let from = 0; from < count; from += itemsAtOnce)
        yield { kind: 'values', tag, texts: texts.slice(from, Math.min(count, from + itemsAtOnce)) };
    }
    for (let from = 0; from < tagSets.count; from += itemsAtOnce) {
      const to = Math.min(tagSets.count, from + itemsAtOnce);
      yield {
        kind: 'ids',
        index: tagSets.index.map((numbers) => numbers.slice(from, to)),
        newest: { eras: newest.eras.slice(from, to), offsets: newest.offsets.slice(from, to) },
      };
    }
    for (const page of latest.pages()) yield { kind: 'latest', ...page };
  }
}

export async function readState(
  files: FileLayer,
  directory: string,
  entry: NonNullable<Manifest['state']>,
): Promise<State> {
  const path = `${directory}/${entry.name}`;
  const bytes = await files.read(path).catch((cause: unknown) => {
    throw new Error(`${path} cannot be read: restore it, or restore the database from a backup`, { cause });
  });
  if (bytes.length !== entry.bytes || crc32(bytes) !== entry.crc)
    throw new Error(`${path} is damaged: restore it, or restore the database from a backup`);
  if (!bytes.subarray(0, magic.length).equals(magic))
    throw new Error(
      `${path} begins with ${JSON.stringify(bytes.toString('latin1', 0, magic.length))} instead of ${magic}: another version of the engine wrote it; start that one`,
    );
  const reader = new StateReader();
  for (const chunk of frames(bytes.subarray(magic.length)))
    for (const serialized of frames(await decompress(chunk))) reader.add(deserialize(serialized) as Piece);
  return reader.state();
}

interface ReadSeries extends Omit<SavedSeries, 'tagSets' | 'newest'> {
  readonly values: string[][];
  readonly ids: Extract<Piece, { kind: 'ids' }>[];
}

/** Takes in one piece after the other; newest values, the most by far, at once. */
class StateReader {
  readonly #batches: SavedSegment[] = [];
  readonly #series: ReadSeries[] = [];
  #rest: Omit<State, 'series' | 'batches'> | null = null;

  add(piece: Piece): void {
    if (piece.kind === 'rest') this.#rest = piece.rest;
    else if (piece.kind === 'batches') this.#batches.push(piece.segment);
    else if (piece.kind === 'series')
      this.#series.push({ ...piece.head, values: piece.head.tags.map(() => []), ids: [], latest: new Latest() });
    else {
      const series = this.#series.at(-1)!;
      if (piece.kind === 'values') for (const text of piece.texts) series.values[piece.tag]!.push(text);
      else if (piece.kind === 'ids') series.ids.push(piece);
      else series.latest.load(piece.field, piece.number, piece.values);
    }
  }

  state(): State {
    if (!this.#rest) throw new Error('the state file does not begin as one');
    return { ...this.#rest, batches: this.#batches, series: this.#series.map(seriesOf) };
  }
}

function seriesOf({ values, ids, ...series }: ReadSeries): SavedSeries {
  const count = ids.reduce((sum, { newest }) => sum + newest.eras.length, 0);
  const newest = { eras: new Int32Array(count), offsets: new Float64Array(count) };
  const index = series.tags.map(() => new Int32Array(count));
  let at = 0;
  for (const piece of ids) {
    for (const [tag, numbers] of index.entries()) numbers.set(piece.index[tag]!, at);
    newest.eras.set(piece.newest.eras, at);
    newest.offsets.set(piece.newest.offsets, at);
    at += piece.newest.eras.length;
  }
  const tagSets = { count, values: values.map((texts) => ({ texts, count: texts.length })), index };
  return { ...series, tagSets, newest };
}

function framed(bytes: Buffer): [Buffer, Buffer] {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return [length, bytes];
}

function* frames(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; ) {
    const end = at + 4 + bytes.readUInt32LE(at);
    yield bytes.subarray(at + 4, end);
    at = end;
  }
}

export function restoreState(state: State, catalogue: Catalogue, applied: AppliedBatches): void {
  for (const saved of state.series) {
    const tagSets = new TagSets();
    tagSets.load(saved.tagSets);
    const series = catalogue.add(saved.name, tagSets, saved.number);
    for (const tag of saved.tags) series.addTag(tag);
    for (const field of saved.fields) series.addField(field);
    series.restore(saved.newest, saved.latest);
    catalogue.tagSets += saved.tagSets.count;
  }
  catalogue.version = state.version;
  catalogue.nextNumber = state.nextNumber;
  applied.load(state.batches);
}
