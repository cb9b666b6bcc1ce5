// Reads the files of a journal in order: what is torn is told from what is damaged or missing.

import type { FileLayer } from './files.ts';
import {
  damaged,
  fileHeaderBytes,
  firstSequence,
  foreign,
  generationOf,
  JournalDamaged,
  journalName,
  lastByte,
  missing,
} from './journal-file.ts';
import { decodeRecord, findLaterGroup, type JournalRecord } from './journal-record.ts';

export interface Position {
  readonly generation: number;
  readonly offset: number;
}

/** Where the files of a journal are, and what each has of it. */
export interface Places {
  readonly directories: readonly string[];
  /** Directories of the files found at the start: the number of volumes may have changed. */
  readonly found: Map<number, string>;
  /** Bytes per generation. */
  readonly kept: Map<number, number>;
}

export function pathIn({ found, directories }: Places, generation: number): string {
  return `${found.get(generation) ?? directories[generation % directories.length]}/${journalName(generation)}`;
}

export interface ReplayReport {
  readonly records: number;
  /** When the last of them was written; null: there is none. */
  readonly lastArrivalMs: number | null;
  /** Bytes of a record that was being written when the process died. */
  readonly tornBytes: number;
}

export interface Scanned extends ReplayReport {
  readonly generations: readonly number[];
  /** Paths of files before them: all of it is in parts. */
  readonly older: readonly string[];
  /** Of the last record. */
  readonly sequence: number;
  /** The last file says that another one follows. */
  readonly isContinued: boolean;
}

/** Takes a record in; false: this one and all that follow are not wanted. */
export type Visit = (record: JournalRecord, position: Position) => boolean | Promise<boolean>;

export class JournalScan {
  readonly #files: FileLayer;
  readonly #places: Places;

  constructor(files: FileLayer, places: Places) {
    this.#files = files;
    this.#places = places;
  }

  async run(firstGeneration: number, isNew: boolean, visit: Visit): Promise<Scanned> {
    const { generations, older } = await this.#find(firstGeneration, isNew);
    let records = 0;
    let tornBytes = 0;
    let sequence = 0;
    let lastArrivalMs: number | null = null;
    let isContinued = false;
    for (const [i, generation] of generations.entries()) {
      if (generation !== firstGeneration + i) throw missing(this.#pathOf(firstGeneration + i));
      const path = this.#pathOf(generation);
      const file = await this.#files.read(path);
      const first = firstSequence(file, generation);
      if (first === null) throw foreign(path, file, generation);
      if (i > 0 && first > sequence + 1)
        throw new JournalDamaged(
          `${this.#pathOf(generation - 1)} ends before its last record: restore it, or restore the database from a backup`,
        );
      sequence = first - 1;
      let at = fileHeaderBytes;
      isContinued = false;
      for (;;) {
        const record = decodeRecord(file, at);
        if (!record) break;
        // Also where the number in the file's header is what is damaged.
        if (record.sequence !== sequence + 1) throw damaged(path, at, at);
        if (record.kind === 'continued') {
          isContinued = true;
          at = record.end;
          break;
        }
        if (!(await visit(record, { generation, offset: record.end })))
          return { records, lastArrivalMs, tornBytes, generations, older, sequence, isContinued: false };
        sequence = record.sequence;
        lastArrivalMs = record.arrivalMs;
        at = record.end;
        records++;
      }
      const rest = lastByte(file, at);
      if (rest > 0) {
        const later = findLaterGroup(file, at, sequence + 1);
        // Where a write failed the journal goes on in the next file, with the record that was not acknowledged.
        const next = generations[i + 1] === undefined ? sequence + 1 : await this.#firstSequenceOf(generations[i + 1]!);
        if (later >= 0 || next !== sequence + 1) throw damaged(path, at, later);
        tornBytes += rest;
      }
      this.#places.kept.set(generation, at);
    }
    return { records, lastArrivalMs, tornBytes, generations, older, sequence, isContinued };
  }

  /** The files from a generation on, and those before it. */
  async #find(firstGeneration: number, isNew: boolean): Promise<Pick<Scanned, 'generations' | 'older'>> {
    const generations: number[] = [];
    const older: string[] = [];
    for (const directory of this.#places.directories) {
      for (const name of await this.#files.list(directory)) {
        const generation = generationOf(name);
        if (generation === null) continue;
        if (generation < firstGeneration) older.push(`${directory}/${name}`);
        else {
          generations.push(generation);
          this.#places.found.set(generation, directory);
        }
      }
    }
    generations.sort((a, b) => a - b);
    if (generations.length > 0) await this.#dropUnborn(generations);
    if (generations.length === 0 && !isNew) throw missing(this.#pathOf(firstGeneration));
    return { generations, older };
  }

  /** The process died while it made the last file: nothing stands there yet. */
  async #dropUnborn(generations: number[]): Promise<void> {
    const path = this.#pathOf(generations.at(-1)!);
    const file = await this.#files.read(path);
    if (lastByte(file, 0) > 0) return;
    await this.#files.remove(path);
    this.#places.found.delete(generations.pop()!);
  }

  async #firstSequenceOf(generation: number): Promise<number | null> {
    const [header] = await this.#files.readAt(this.#pathOf(generation), [[0, fileHeaderBytes]]);
    return firstSequence(header!, generation);
  }

  #pathOf(generation: number): string {
    return pathIn(this.#places, generation);
  }
}
