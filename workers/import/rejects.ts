// Bad rows of an import: a file per chunk that has any, put together in the end. A chunk that is done again after a crash finds its file: what
// the database refused then it would not refuse again, since it knows the chunk.

import type { PointFault } from '../../src/base/errors.ts';
import type { ObjectStore } from '../../src/base/object-store.ts';
import { uploadStream } from '../../src/base/objects/upload-stream.ts';
import { importPrefix, importRejectsKey } from '../../src/ingest/import.ts';

const newline = 10;
/** Of the raw line that is shown. */
const maxLineBytes = 1_024;

export class Rejects {
  readonly #objects: ObjectStore;
  readonly #prefix: string;
  readonly #key: string;
  /** Chunks that have a file. */
  #chunks = new Set<number>();

  private constructor(objects: ObjectStore, databaseId: string, taskId: string) {
    this.#objects = objects;
    this.#prefix = `${importPrefix(databaseId, taskId)}/rejects/`;
    this.#key = importRejectsKey(databaseId, taskId);
  }

  static async open(objects: ObjectStore, databaseId: string, taskId: string): Promise<Rejects> {
    const rejects = new Rejects(objects, databaseId, taskId);
    for await (const { key } of objects.list(rejects.#prefix)) {
      rejects.#chunks.add(Number(key.slice(rejects.#prefix.length)));
    }
    return rejects;
  }

  /** The bad lines of a chunk, by number in the file; undefined: none were found before. */
  async linesOf(chunk: number): Promise<Set<number> | undefined> {
    if (!this.#chunks.has(chunk)) return undefined;
    const text: Buffer[] = [];
    for await (const bytes of await this.#objects.get(this.#keyOf(chunk))) text.push(bytes as Buffer);
    const lines = Buffer.concat(text).toString().trimEnd().split('\n');
    return new Set(lines.map((line) => (JSON.parse(line) as { line: number }).line));
  }

  /** Lines of faults are those of the chunk, whose first one has the number `firstLine` in the file. */
  async put(chunk: number, faults: readonly PointFault[], bytes: Uint8Array | null, firstLine: number): Promise<void> {
    const raw = bytes && rawLines(bytes, new Set(faults.map(({ line }) => line)));
    const entries = faults.map((fault) =>
      JSON.stringify({ ...fault, line: fault.line + firstLine - 1, raw: raw?.get(fault.line) ?? null }),
    );
    await this.#objects.put(this.#keyOf(chunk), `${entries.join('\n')}\n`);
    this.#chunks.add(chunk);
  }

  /** Puts the files together; null when there are none. */
  async finish(signal: AbortSignal): Promise<string | null> {
    if (this.#chunks.size === 0) return null;
    const chunks = [...this.#chunks].sort((a, b) => a - b);
    await uploadStream(this.#objects, this.#key, this.#read(chunks), signal);
    return this.#key;
  }

  async *#read(chunks: readonly number[]): AsyncGenerator<Uint8Array> {
    for (const chunk of chunks) yield* await this.#objects.get(this.#keyOf(chunk));
  }

  /** In the order of the chunks. */
  #keyOf(chunk: number): string {
    return `${this.#prefix}${String(chunk).padStart(10, '0')}`;
  }
}

function rawLines(given: Uint8Array, wanted: ReadonlySet<number>): Map<number, string> {
  const bytes = Buffer.from(given.buffer, given.byteOffset, given.byteLength);
  const lines = new Map<number, string>();
  for (let start = 0, line = 1; start < bytes.length && lines.size < wanted.size; line++) {
    const found = bytes.indexOf(newline, start);
    const end = found < 0 ? bytes.length : found;
    if (wanted.has(line)) lines.set(line, bytes.toString('utf8', start, Math.min(end, start + maxLineBytes)));
    start = end + 1;
  }
  return lines;
}
