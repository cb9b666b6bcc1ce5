// A part: one closed file with the rows of one slice and one UTC day, or some days that were merged, sorted by (series, tag-set id, time), cut into slices of rows that are read on their own.
// magic · blocks · footer (JSON, zstd) · footer length u32 · footer crc32 u32 · magic
import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';
import { crc32, zstdCompress, zstdDecompress } from 'node:zlib';
import { EngineError } from '../../../src/kdb/engine-error.ts';
import type { Column } from '../memory/columns.ts';
import type { Run } from '../memory/run.ts';
import type { FileLayer, OpenFile } from './files.ts';
import { type Block, decodeAscending, decodeColumn, encodeAscending, encodeColumn } from './part-codec.ts';

const magic = Buffer.from('TSGPART1', 'latin1');
const tailBytes = 16;
const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/** Rows that are encoded and read together: a column of them is some 130 KB as small integers. */
const maxSliceRows = 131_072;
/** Fewer where rows are wide: what is decoded, and held while a part is written, is bounded. */
const maxSliceValues = 2 << 20;
/** Characters of the strings of one slice: packing them takes some 4 ms per million. */
export const maxSliceText = 2 << 20;

export function sliceRows(fields: number): number {
  return Math.min(maxSliceRows, Math.max(1024, Math.floor(maxSliceValues / Math.max(1, fields))));
}
/** Blocks nearer than this are fetched in one read. */
const readGapBytes = 128 << 10;
const maxReadBytes = 8 << 20;
const writeBytes = 1 << 20;
/** How long encoding and decoding go on before others get their turn. */
const turnMs = 4;

/** Where a block is: offset, bytes, crc32. */
type BlockAt = readonly [number, number, number];

export interface PartSlice {
  readonly series: number;
  readonly era: number;
  readonly rows: number;
  readonly firstId: number;
  readonly lastId: number;
  readonly minOffset: number;
  readonly maxOffset: number;
  readonly ids: BlockAt;
  readonly starts: BlockAt;
  readonly times: BlockAt;
  /** By field number. */
  readonly columns: Readonly<Record<string, BlockAt>>;
}

/** What the manifest knows of a part. Times as decimal text: they are int64. */
export interface PartEntry {
  readonly number: number;
  readonly volume: number;
  /** The first UTC day, since 1970. */
  readonly day: number;
  /** How many from there on. */
  readonly days: number;
  readonly slice: number;
  readonly bytes: number;
  readonly rows: number;
  readonly footerCrc: number;
  readonly series: readonly PartSeries[];
}

export interface PartSeries {
  readonly number: number;
  readonly rows: number;
  readonly firstNs: string;
  readonly lastNs: string;
}

export function partName(number: number): string {
  return `part-${String(number).padStart(10, '0')}.tsg`;
}

export class PartWriter {
  readonly #file: OpenFile;
  readonly #slices: PartSlice[] = [];
  #waiting: Buffer[] = [];
  #written = 0;
  #at = 0;
  #turnEnd = performance.now() + turnMs;

  private constructor(file: OpenFile) {
    this.#file = file;
  }

  static async create(files: FileLayer, path: string): Promise<PartWriter> {
    const file = await files.open(path);
    const writer = new PartWriter(file);
    try {
      await file.truncate(0);
      await writer.#write([magic]);
    } catch (error) {
      await writer.abort();
      throw error;
    }
    return writer;
  }

  async add(series: number, run: Run): Promise<void> {
    const ids = await this.#block(encodeAscending(run.ids));
    const starts = await this.#block(encodeAscending(run.starts));
    const times = await this.#block(encodeAscending(run.times));
    const columns: Record<string, BlockAt> = {};
    for (const [field, column] of run.columns.entries())
      if (column) columns[field] = await this.#block(encodeColumn(column, run.rows));
    const { era, rows, minOffset, maxOffset } = run;
    this.#slices.push({
      series,
      era,
      rows,
      firstId: run.ids[0]!,
      lastId: run.ids.at(-1)!,
      minOffset,
      maxOffset,
      ids,
      starts,
      times,
      columns,
    });
  }

  get slices(): readonly PartSlice[] {
    return this.#slices;
  }

  /** Makes the file last; gives its size and the checksum of its footer. */
  async finish(): Promise<{ bytes: number; footerCrc: number }> {
    const footer = await compress(Buffer.from(JSON.stringify(this.#slices), 'utf8'));
    const footerCrc = crc32(footer);
    const tail = Buffer.alloc(tailBytes);
    tail.writeUInt32LE(footer.length, 0);
    tail.writeUInt32LE(footerCrc, 4);
    magic.copy(tail, 8);
    await this.#write([footer, tail]);
    await this.#flush();
    await this.#file.datasync();
    await this.#file.close();
    return { bytes: this.#at, footerCrc };
  }

  async abort(): Promise<void> {
    await this.#file.close().catch(() => undefined);
  }

  async #block(encoding: Promise<Block>): Promise<BlockAt> {
    const { bytes, crc } = await encoding;
    const at = this.#at;
    await this.#write([bytes]);
    // Encoding a column takes up to some milliseconds.
    if (performance.now() > this.#turnEnd) {
      await setImmediate();
      this.#turnEnd = performance.now() + turnMs;
    }
    return [at, bytes.length, crc];
  }

  /** Gathers small blocks: a part of thousands of series has tens of thousands of them. */
  async #write(buffers: readonly Buffer[]): Promise<void> {
    for (const buffer of buffers) {
      this.#waiting.push(buffer);
      this.#at += buffer.length;
    }
    if (this.#at - this.#written >= writeBytes) await this.#flush();
  }

  async #flush(): Promise<void> {
    await this.#file.write(this.#waiting, this.#written);
    this.#written = this.#at;
    this.#waiting = [];
  }
}

/** What is loaded of one slice; columns by field. */
export interface LoadedSlice {
  readonly ids: Int32Array;
  readonly starts: Int32Array;
  readonly times: Float64Array;
}

export type Decoded = LoadedSlice | Column;

/** One read at a time per volume: a window's parts on several volumes are read side by side, and none of them is swamped. */
export class ReadQueue {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(read: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(read, read);
    this.#last = turn;
    return turn;
  }
}

/** A live part. It is removed when it is retired and its last reader is done. */
export class Part {
  readonly entry: PartEntry;
  readonly path: string;
  /** By series number. */
  readonly series: ReadonlyMap<number, PartSeries>;
  readonly #files: FileLayer;
  readonly #queue: ReadQueue;
  #slices: Promise<readonly PartSlice[]> | null = null;
  #readers = 0;
  #isRetired = false;
  #isDamaged = false;

  constructor(files: FileLayer, directory: string, queue: ReadQueue, entry: PartEntry) {
    this.#files = files;
    this.#queue = queue;
    this.entry = entry;
    this.series = new Map(entry.series.map((series) => [series.number, series]));
    this.path = `${directory}/${partName(entry.number)}`;
  }

  /** A block of it was not what was written. */
  get isDamaged(): boolean {
    return this.#isDamaged;
  }

  acquire(): void {
    this.#readers++;
  }

  release(): void {
    if (--this.#readers === 0 && this.#isRetired) void this.#files.remove(this.path).catch(() => undefined);
  }

  /** No manifest names it any more. */
  retire(): void {
    this.#isRetired = true;
    if (this.#readers === 0) void this.#files.remove(this.path).catch(() => undefined);
  }

  slices(): Promise<readonly PartSlice[]> {
    this.#slices ??= this.#readFooter().catch((error: unknown) => {
      this.#slices = null;
      throw error;
    });
    return this.#slices;
  }

  /** Reads and decodes blocks: of each wanted slice its rows' places (field null) or one column. */
  async load(wanted: readonly { readonly slice: PartSlice; readonly field: number | null }[]): Promise<Decoded[]> {
    const blocks = wanted.flatMap(({ slice, field }) =>
      field === null ? [slice.ids, slice.starts, slice.times] : [slice.columns[field]!],
    );
    const bytes = await this.#readBlocks(blocks);
    await setImmediate();
    const decoded: Decoded[] = [];
    let next = 0;
    let turnEnd = performance.now() + turnMs;
    for (const { field } of wanted) {
      if (field === null) {
        const [ids, starts, times] = await Promise.all([
          decodeAscending(bytes[next++]!),
          decodeAscending(bytes[next++]!),
          decodeAscending(bytes[next++]!),
        ]);
        decoded.push({ ids: Int32Array.from(ids), starts: Int32Array.from(starts), times });
      } else decoded.push(decodeColumn(bytes[next++]!));
      // A block takes half a millisecond; doubles or strings some more.
      if (performance.now() < turnEnd) continue;
      await setImmediate();
      turnEnd = performance.now() + turnMs;
    }
    return decoded;
  }

  async #readFooter(): Promise<readonly PartSlice[]> {
    const { bytes, footerCrc } = this.entry;
    // Footers are small: one read gets most of them whole.
    const guess = Math.min(bytes, 64 << 10);
    let tail = await this.#read([[bytes - guess, guess]]).then(([read]) => read!);
    const length = tail.length >= tailBytes ? tail.readUInt32LE(tail.length - tailBytes) : 0;
    if (length + tailBytes > bytes || !tail.subarray(-8).equals(magic)) throw this.#damaged(bytes - tailBytes);
    if (length + tailBytes > guess)
      tail = await this.#read([[bytes - length - tailBytes, length + tailBytes]]).then(([read]) => read!);
    const footer = tail.subarray(tail.length - tailBytes - length, tail.length - tailBytes);
    if (crc32(footer) !== footerCrc) throw this.#damaged(bytes - tailBytes - length);
    return JSON.parse((await decompress(footer)).toString('utf8')) as PartSlice[];
  }

  async #readBlocks(blocks: readonly BlockAt[]): Promise<Buffer[]> {
    const order = blocks.map((_, i) => i).sort((a, b) => blocks[a]![0] - blocks[b]![0]);
    const ranges: [number, number][] = [];
    const rangeOf = new Array<number>(blocks.length);
    for (const i of order) {
      const [at, length] = blocks[i]!;
      const last = ranges.at(-1);
      if (last && at - (last[0] + last[1]) <= readGapBytes && at + length - last[0] <= maxReadBytes)
        last[1] = Math.max(last[1], at + length - last[0]);
      else ranges.push([at, length]);
      rangeOf[i] = ranges.length - 1;
    }
    const read = await this.#read(ranges);
    return blocks.map(([at, length, crc], i) => {
      const range = rangeOf[i]!;
      const bytes = read[range]!.subarray(at - ranges[range]![0], at - ranges[range]![0] + length);
      if (bytes.length !== length || crc32(bytes) !== crc) throw this.#damaged(at);
      return bytes;
    });
  }

  #read(ranges: readonly (readonly [number, number])[]): Promise<Buffer[]> {
    return this.#queue
      .run(() => this.#files.readAt(this.path, ranges))
      .catch((error: unknown) => {
        throw new EngineError('StorageFailed', `${this.path}: ${(error as Error).message}`);
      });
  }

  #damaged(at: number): EngineError {
    this.#isDamaged = true;
    return new EngineError(
      'StorageDamaged',
      `${this.path} is damaged at offset ${at}: restore the file or the database from a backup`,
    );
  }
}
