import type { Log } from '../../../src/base/log.ts';
import { EngineError } from '../../../src/kdb/engine-error.ts';
import { type FileLayer, isFull, type OpenFile } from './files.ts';
import { fileHeader, fileHeaderBytes, journalName, missing } from './journal-file.ts';
import { decodeRecord, encodeRecord, type JournalRecord, type RecordKind } from './journal-record.ts';
import {
  JournalScan,
  type Places,
  type Position,
  pathIn,
  type ReplayReport,
  type Scanned,
  type Visit,
} from './journal-scan.ts';

const firstStepBytes = 1 << 20;
const lastStepBytes = 1 << 24;
const zeros = Buffer.alloc(1 << 20);

export interface Entry {
  readonly kind: RecordKind;
  readonly body: readonly Uint8Array[];
}

export interface JournalOptions {
  readonly files: FileLayer;
  readonly directories: readonly string[];
  readonly log: Log;
  /** The date, in milliseconds since 1970. */
  readonly now: () => number;
  /** A clock that nobody sets. */
  readonly elapsedMs: () => number;
  /** Each file that is complete gets a link below `shipping/` of its directory, for whoever takes it away. */
  readonly ships: boolean;
  /** What the sync of a group took. */
  readonly synced?: (durationS: number) => void;
  readonly maxFileBytes?: number;
}

/** Of complete files, in the directory of each volume. */
export const shippingFolder = 'shipping';

/**
 * What was written but is not in parts yet. Files are numbered and rotate over the volumes. One write carries everything that waits; it is synced
 * before anyone is answered. (Measured on a 2-core machine, ext4: 300 KB written and fdatasynced in 0.4 ms where the blocks exist already.)
 */
export class Journal {
  readonly #files: FileLayer;
  readonly #directories: readonly string[];
  readonly #options: JournalOptions;
  readonly #maxFileBytes: number;
  #file: OpenFile | null = null;
  #generation = 0;
  #offset = 0;
  /** Bytes of the file whose blocks exist. */
  #allocated = 0;
  #sequence = 1;
  /** When the first record of the current file was written, by the clock that nobody sets. */
  #writtenSinceMs: number | null = null;
  /** Generations that have their link for shipping. */
  readonly #shipped = new Set<number>();
  readonly #places: Places;
  /** Bytes per kept generation, the current one excluded. */
  readonly #kept = new Map<number, number>();
  /** Why nothing more is acknowledged on the current file. */
  #failure: EngineError | null = null;

  constructor(options: JournalOptions) {
    this.#options = options;
    this.#files = options.files;
    this.#directories = options.directories;
    this.#places = { directories: options.directories, found: new Map(), kept: this.#kept };
    this.#maxFileBytes = options.maxFileBytes ?? 64 << 20;
  }

  get position(): Position {
    return { generation: this.#generation, offset: this.#offset };
  }

  get bytes(): number {
    let bytes = this.#offset;
    for (const kept of this.#kept.values()) bytes += kept;
    return bytes;
  }

  get failed(): boolean {
    return this.#failure !== null;
  }

  /** How long the first record of the current file has been there. */
  get ageMs(): number {
    return this.#writtenSinceMs === null ? 0 : this.#options.elapsedMs() - this.#writtenSinceMs;
  }

  pathOf(generation: number): string {
    return pathIn(this.#places, generation);
  }

  /** Reads every record from a generation on, in order, then opens a new file. Older files are removed once that has worked. */
  async replay(firstGeneration: number, isNew: boolean, visit: Visit): Promise<ReplayReport> {
    const found = await this.scan(firstGeneration, isNew, visit);
    const last = found.generations.at(-1) ?? null;
    if (last !== null && found.isContinued) throw missing(this.pathOf(last + 1));
    for (const path of found.older) await this.#files.remove(path);
    this.#sequence = found.sequence + 1;
    await this.#goOn(last, firstGeneration);
    return found;
  }

  /** Opens a new file behind all that are there, whatever of them was read. Gives its generation. */
  async startAfter({ generations, older, sequence }: Scanned): Promise<number> {
    for (const path of older) await this.#files.remove(path);
    this.#sequence = sequence + 1;
    for (const generation of generations) {
      if (!this.#kept.has(generation)) this.#kept.set(generation, 0);
      this.#shipped.add(generation);
    }
    await this.#openFile(generations.at(-1)! + 1);
    return this.#generation;
  }

  scan(firstGeneration: number, isNew: boolean, visit: Visit): Promise<Scanned> {
    return new JournalScan(this.#files, this.#places).run(firstGeneration, isNew, visit);
  }

  /** A disk without room for a new file must not keep what is there from being read: writes are refused until a checkpoint finds room. */
  async #goOn(last: number | null, firstGeneration: number): Promise<void> {
    try {
      await this.#openFile(last === null ? firstGeneration : last + 1);
    } catch (error) {
      const failure = storageError(error);
      if (last === null || failure.code !== 'StorageFull') throw failure;
      this.#failure = failure;
      this.#generation = last;
      this.#offset = this.#kept.get(last)!;
      this.#kept.delete(last);
      return;
    }
    if (last === null) return;
    await this.#endFile(await this.#files.open(this.pathOf(last)), this.#kept.get(last)!);
    // Those that are not in parts yet: which of them were taken away already nobody knows here.
    for (const generation of this.#kept.keys()) await this.#ship(generation);
  }

  /** A link takes no room and no time: the file's bytes stay as they are. */
  async #ship(generation: number): Promise<void> {
    // Before the journal is open its files are a backup's, another database's.
    if (!this.#options.ships || !this.#file || this.#shipped.has(generation)) return;
    const path = this.pathOf(generation);
    const folder = `${path.slice(0, path.lastIndexOf('/'))}/${shippingFolder}`;
    try {
      await this.#files.makeDirectory(folder);
      await this.#files.link(path, `${folder}/${journalName(generation)}`);
      this.#shipped.add(generation);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') this.#shipped.add(generation);
      else this.#options.log.error('a file of the journal cannot be kept for shipping', { path, error });
    }
  }

  /**
   * Writes behind the last record that another file follows, so that its loss does not look like the end of the journal. Nothing of the next file
   * is acknowledged yet; where this fails, only that is not noticed.
   */
  async #endFile(file: OpenFile, offset: number): Promise<void> {
    try {
      const mark = encodeRecord('continued', this.#sequence, this.#sequence, this.#options.now(), []);
      await file.write(mark, offset);
      await file.truncate(offset + mark.reduce((sum, part) => sum + part.length, 0));
      await file.datasync();
    } catch {
    } finally {
      await file.close().catch(() => undefined);
    }
  }

  /** Writes and syncs the entries as one group; gives the position after each. On StorageFull nothing was written, and later calls may succeed. */
  async append(entries: readonly Entry[]): Promise<Position[]> {
    if (this.#failure) throw this.#failure;
    const group = this.#sequence;
    const arrivalMs = this.#options.now();
    const buffers: Uint8Array[] = [];
    const ends: number[] = [];
    let bytes = 0;
    for (const [i, { kind, body }] of entries.entries()) {
      const record = encodeRecord(kind, group + i, group, arrivalMs, body);
      buffers.push(...record);
      bytes += record.reduce((sum, part) => sum + part.length, 0);
      ends.push(bytes);
    }
    if (this.#offset > fileHeaderBytes && this.#offset + bytes > this.#maxFileBytes) await this.rotate();
    await this.#allocate(this.#offset + bytes);
    try {
      await this.#file!.write(buffers, this.#offset);
      const startedMs = this.#options.elapsedMs();
      await this.#file!.datasync();
      this.#options.synced?.((this.#options.elapsedMs() - startedMs) / 1_000);
    } catch (error) {
      // What reached the disk is unknown, and a second sync of the same file may lie: only a new file is trusted again.
      this.#failure = storageError(error);
      throw this.#failure;
    }
    const start = this.#offset;
    this.#writtenSinceMs ??= this.#options.elapsedMs();
    this.#offset += bytes;
    this.#sequence += entries.length;
    return ends.map((end) => ({ generation: this.#generation, offset: start + end }));
  }

  /** Whole records from a position on, about `maxBytes` of them, and where they end; null when the position is no longer kept. */
  async read(from: Position, maxBytes: number): Promise<{ records: JournalRecord[]; next: Position } | null> {
    let { generation, offset } = from;
    offset = Math.max(offset, fileHeaderBytes);
    let end = generation === this.#generation ? this.#offset : this.#kept.get(generation);
    if (end === undefined || offset > end) return null;
    if (offset === end && generation < this.#generation) {
      generation++;
      offset = fileHeaderBytes;
      end = generation === this.#generation ? this.#offset : this.#kept.get(generation)!;
    }
    const records: JournalRecord[] = [];
    for (let bytes = maxBytes; offset < end && records.length === 0; bytes *= 4) {
      const [chunk] = await this.#files.readAt(this.pathOf(generation), [[offset, Math.min(bytes, end - offset)]]);
      let at = 0;
      for (let record = decodeRecord(chunk!, at); record; record = decodeRecord(chunk!, at)) {
        records.push({ ...record, end: offset + record.end });
        at = record.end;
      }
      if (records.length === 0 && chunk!.length >= end - offset) return null;
    }
    return { records, next: { generation, offset: records.at(-1)?.end ?? offset } };
  }

  /** Files that hold what is not in parts, the current one up to what is synced. */
  files(): { generation: number; path: string; bytes: number }[] {
    const all = new Map([...this.#kept, [this.#generation, this.#offset]]);
    return [...all]
      .sort(([a], [b]) => a - b)
      .map(([generation, bytes]) => ({ generation, path: this.pathOf(generation), bytes }));
  }

  /** Goes on in a new file; gives its generation. */
  async rotate(): Promise<number> {
    const old = this.#file;
    const [generation, offset] = [this.#generation, this.#offset];
    await this.#openFile(generation + 1);
    this.#kept.set(generation, offset);
    if (old) await this.#endFile(old, offset);
    await this.#ship(generation);
    return this.#generation;
  }

  /** Removes files whose records are all in parts. */
  async removeBefore(generation: number): Promise<void> {
    for (const kept of [...this.#kept.keys()].filter((candidate) => candidate < generation)) {
      await this.#ship(kept);
      await this.#files.remove(this.pathOf(kept));
      this.#kept.delete(kept);
      this.#shipped.delete(kept);
    }
    this.#failure = null;
  }

  async close(): Promise<void> {
    if (!this.#failure) await this.append([{ kind: 'closed', body: [] }]).catch(() => undefined);
    await this.#file?.truncate(this.#offset).catch(() => undefined);
    await this.#file?.close();
    this.#file = null;
  }

  async #openFile(generation: number): Promise<void> {
    const path = this.pathOf(generation);
    const header = fileHeader(generation, this.#sequence);
    let file: OpenFile | null = null;
    try {
      file = await this.#files.open(path);
      await file.write([header, zeros.subarray(fileHeaderBytes)], 0);
      await file.datasync();
      await this.#files.syncDirectory(this.#directories[generation % this.#directories.length]!);
    } catch (error) {
      await file?.close().catch(() => undefined);
      await this.#files.remove(path).catch(() => undefined);
      throw storageError(error);
    }
    this.#file = file;
    this.#generation = generation;
    this.#offset = fileHeaderBytes;
    this.#allocated = firstStepBytes;
    this.#writtenSinceMs = null;
  }

  /** Fills with zeros ahead, so that a full disk shows before a record is half written, and a sync has no file metadata to write. */
  async #allocate(end: number): Promise<void> {
    while (end > this.#allocated) {
      const step = Math.min(lastStepBytes, Math.max(firstStepBytes, this.#allocated));
      try {
        for (let at = 0; at < step; at += zeros.length) await this.#file!.write([zeros], this.#allocated + at);
        await this.#file!.datasync();
      } catch (error) {
        const failure = storageError(error);
        if (failure.code !== 'StorageFull') this.#failure = failure;
        throw failure;
      }
      this.#allocated += step;
    }
  }
}

export function storageError(error: unknown): EngineError {
  if (error instanceof EngineError) return error;
  return isFull(error) ? new EngineError('StorageFull') : new EngineError('StorageFailed', (error as Error).message);
}
