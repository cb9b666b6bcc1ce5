// What the processes of a database write: to log files of its own, which take a bounded room, or to the agent's standard error.

import { appendFileSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import type { DatabaseLogsConfig } from '../../src/base/config.ts';

export interface DatabaseLog {
  write(line: string): void;
  /** The database is removed. */
  remove(): void;
}

/** A longer line is cut: who writes without an end takes no memory here. */
const maxLineLength = 16_384;

/** Undefined: lines are passed through. */
export function openDatabaseLog(options: DatabaseLogsConfig | undefined, databaseId: string): DatabaseLog {
  if (options) return new RotatingLog(options, databaseId);
  return { write: (line) => process.stderr.write(`${line}\n`), remove: () => {} };
}

/** Lines that the disk had no room for, of all logs: what the operator watches. */
export const lost = { lines: 0 };

/** `<id>.log` is written to, `<id>.log.1` … are full, the oldest last. A line is written at once, as it may be the last. One that cannot be written is lost: the database runs without its log. */
export class RotatingLog implements DatabaseLog {
  readonly #options: DatabaseLogsConfig;
  readonly #path: string;
  /** Of the file that is written to; undefined until the first line, and when the file may be another one. */
  #bytes: number | undefined;

  constructor(options: DatabaseLogsConfig, databaseId: string) {
    this.#options = options;
    this.#path = join(options.folder, `${databaseId}.log`);
  }

  write(line: string): void {
    const text = Buffer.from(`${line}\n`);
    try {
      this.#bytes ??= this.#open();
      if (this.#bytes > 0 && this.#bytes + text.length > this.#options.maxFileBytes) this.#rotate();
      appendFileSync(this.#path, text, { mode: 0o600 });
      this.#bytes += text.length;
    } catch {
      lost.lines += 1;
      this.#bytes = undefined;
    }
  }

  remove(): void {
    for (let n = 0; n < this.#options.files; n++) rmSync(this.#file(n), { force: true });
    this.#bytes = undefined;
  }

  #open(): number {
    mkdirSync(this.#options.folder, { recursive: true, mode: 0o700 });
    return statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0;
  }

  /** The oldest goes first: on a full disk that is what makes room. */
  #rotate(): void {
    const oldest = this.#options.files - 1;
    rmSync(this.#file(oldest), { force: true });
    for (let n = oldest - 1; n >= 0; n--) {
      if (statSync(this.#file(n), { throwIfNoEntry: false })) renameSync(this.#file(n), this.#file(n + 1));
    }
    this.#bytes = 0;
  }

  #file(n: number): string {
    return n === 0 ? this.#path : `${this.#path}.${n}`;
  }
}

/** Every line of the stream, an unfinished last one too. */
export function readLines(stream: Readable, take: (line: string) => void): void {
  const decoder = new StringDecoder('utf8');
  let begun = '';
  let isCut = false;
  const finish = (): void => {
    take(isCut ? `${begun}…` : begun);
    begun = '';
    isCut = false;
  };
  const add = (text: string): void => {
    isCut ||= begun.length + text.length > maxLineLength;
    begun += text.slice(0, maxLineLength - begun.length);
  };
  stream.on('data', (chunk: Buffer) => {
    const [first, ...others] = decoder.write(chunk).split('\n');
    add(first!);
    for (const text of others) {
      finish();
      add(text);
    }
  });
  stream.on('end', () => {
    if (begun !== '') finish();
  });
}
