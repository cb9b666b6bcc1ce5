// What a checkpoint keeps beside the parts: catalogue, tag sets, newest values, batch ids.

import { promisify } from 'node:util';
import { deserialize, serialize } from 'node:v8';
import { crc32, zstdCompress, zstdDecompress } from 'node:zlib';
import type { FieldDefinition } from '../../src/kdb/engine.ts';
import type { AppliedBatches, SavedSegment } from './applied-batches.ts';
import type { Catalogue } from './catalogue.ts';
import { type FileLayer, writeDurably } from './files.ts';
import type { SavedLatest } from './latest.ts';
import type { Manifest } from './manifest.ts';
import type { SavedNewest, SeriesStore } from './series-store.ts';

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

export interface SavedSeries {
  readonly number: number;
  readonly name: string;
  readonly tags: readonly string[];
  readonly fields: readonly FieldDefinition[];
  /** Keys of the tag sets, by id. */
  readonly keys: readonly string[];
  readonly newest: SavedNewest;
  readonly latest: SavedLatest;
}

/** Taken at one moment; series that are dropped later stay in it. */
export interface State {
  readonly version: bigint;
  readonly nextNumber: number;
  readonly series: readonly SavedSeries[];
  readonly batches: readonly SavedSegment[];
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
    keys: [...series.tagSets.keys],
    newest: series.saveNewest(),
    latest: series.latest.save(),
  };
}

export async function writeState(
  files: FileLayer,
  directory: string,
  name: string,
  state: State,
): Promise<NonNullable<Manifest['state']>> {
  const { series, batches, ...rest } = state;
  const chunks: Buffer[] = [];
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  const pack = async () => {
    chunks.push(...framed(await compress(Buffer.concat(waiting))));
    waiting = [];
    waitingBytes = 0;
  };
  // About a megabyte at a time, so that others get their turn between them.
  for (const part of [rest, ...batches, ...series.flatMap(inChunks)]) {
    const serialized = serialize(part);
    waiting.push(...framed(serialized));
    waitingBytes += serialized.length;
    if (waitingBytes > packedTogetherBytes) await pack();
  }
  if (waiting.length > 0) await pack();
  const bytes = Buffer.concat(chunks);
  await writeDurably(files, directory, name, [bytes]);
  return { name, bytes: bytes.length, crc: crc32(bytes) };
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
  const parts: unknown[] = [];
  for (const packed of frames(bytes))
    for (const serialized of frames(await decompress(packed))) parts.push(deserialize(serialized));
  const [rest, ...chunks] = parts as [
    Omit<State, 'series' | 'batches'>,
    ...(SavedSegment | Omit<SavedSeries, 'keys'> | string[])[],
  ];
  const batches: SavedSegment[] = [];
  const series: (SavedSeries & { keys: string[] })[] = [];
  for (const chunk of chunks) {
    if (Array.isArray(chunk)) for (const key of chunk) series.at(-1)!.keys.push(key);
    else if ('slots' in chunk) batches.push(chunk);
    else series.push({ ...chunk, keys: [] });
  }
  return { ...rest, batches, series };
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

const packedTogetherBytes = 1 << 20;
const keysAtOnce = 50_000;

/** A series without its keys, then its keys. */
function inChunks({ keys, ...rest }: SavedSeries): unknown[] {
  const chunks: unknown[] = [rest];
  for (let at = 0; at < keys.length; at += keysAtOnce) chunks.push(keys.slice(at, at + keysAtOnce));
  return chunks;
}

export function restoreState(state: State, catalogue: Catalogue, applied: AppliedBatches): void {
  for (const saved of state.series) {
    const series = catalogue.add(saved.name, saved.number);
    for (const tag of saved.tags) series.addTag(tag);
    for (const field of saved.fields) series.addField(field);
    for (const key of saved.keys) series.tagSets.intern(key);
    series.restore(saved.newest, saved.latest);
    catalogue.tagSets += saved.keys.length;
  }
  catalogue.version = state.version;
  catalogue.nextNumber = state.nextNumber;
  applied.load(state.batches);
}
