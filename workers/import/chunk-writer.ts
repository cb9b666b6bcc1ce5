// One chunk after the other into the database. A chunk is known to it by the import and its number, so doing one again changes nothing. They go
// one at a time, in the order of the file: where two rows are of one point the later one wins.

import { setTimeout as delay } from 'node:timers/promises';
import { type ErrorCode, errorRegistry, sentence } from '../../src/base/errors.ts';
import type { Batch } from '../../src/ingest/batch.ts';
import { withoutRefused } from '../../src/ingest/faults.ts';
import { withoutLines } from '../../src/ingest/part-rows.ts';
import { namedBatchId } from '../../src/kdb/batch-id.ts';
import type { Engine } from '../../src/kdb/engine.ts';
import { ConnectionLost, EngineError } from '../../src/kdb/engine-error.ts';
import { Permanent, Postponed } from '../kinds/kind.ts';
import type { Rejects } from './rejects.ts';

const firstDelayMs = 50;
const maxDelayMs = 5_000;
/** After so long the task says what it waits for. */
const maxWaitMs = 30_000;
const postponedMs = 15_000;

/** What passes by itself. */
const waits: Readonly<Record<string, string>> = {
  EngineBusy: 'the database is overloaded',
  StorageFull: 'the database has no room on its volumes',
  StorageFailed: 'the database cannot write one of its volumes',
  Cancelled: 'the database stops',
  DeadlineExceeded: 'the database is slow',
  DatabaseHeld: 'the database is moved and takes no writes',
};

export interface WrittenChunk {
  readonly chunk: number;
  readonly firstLine: number;
  /** As read; null where there are no lines. */
  readonly bytes: Uint8Array | null;
  readonly batch: Batch;
}

export interface ChunkWriterOptions {
  readonly taskId: string;
  readonly rejects: Rejects;
  readonly maxRejects: number;
  /** Of the database where it is now. */
  readonly engine: (afterLoss: boolean) => Promise<Pick<Engine, 'insert'>>;
  /** So many points more are in it. */
  readonly applied: (points: number) => void;
  readonly clock: () => number;
  readonly signal: AbortSignal;
}

export class ChunkWriter {
  readonly #options: ChunkWriterOptions;
  rows: number;
  rejected: number;

  constructor(options: ChunkWriterOptions, { rows, rejected }: { rows: number; rejected: number }) {
    this.#options = options;
    this.rows = rows;
    this.rejected = rejected;
  }

  async write(given: WrittenChunk): Promise<void> {
    const { rejects } = this.#options;
    let { batch } = given;
    let known = await rejects.linesOf(given.chunk);
    if (known) batch = withoutLines(batch, new Set([...known].map((line) => line - given.firstLine + 1)));
    let bad = known ? known.size : batch.faultCount;
    if (bad > 0) await this.#reject(given, batch, bad, known !== undefined);
    while (batch.points > 0) {
      const refusal = await this.#insert(given.chunk, batch);
      if (refusal === null) break;
      // Not applied before, and what is refused is not what was: all of it anew.
      if (known) batch = given.batch;
      const rest = known ? batch : withoutRefused(batch, refusal, Number.POSITIVE_INFINITY);
      known = undefined;
      if (rest === null) throw permanent(refusal);
      batch = rest;
      bad = batch.faultCount;
      if (bad > 0) await this.#reject(given, batch, bad, false);
    }
    this.rows += batch.points;
    this.rejected += bad;
  }

  /** Before anything of the chunk is applied. */
  async #reject(
    { chunk, bytes, firstLine }: WrittenChunk,
    { faults }: Batch,
    bad: number,
    known: boolean,
  ): Promise<void> {
    const { rejects, maxRejects } = this.#options;
    if (!known) await rejects.put(chunk, faults, bytes, firstLine);
    if (this.rejected + bad <= maxRejects) return;
    const [first] = faults.toSorted((a, b) => a.line - b.line);
    const example = first ? `; line ${first.line + firstLine - 1}: ${first.message} (${first.code})` : '';
    throw new Permanent(
      `${this.rejected + bad} bad rows, of which the import may have ${maxRejects}${example}. ` +
        `The ${this.rows} good rows before line ${firstLine} are imported, none from there on; correct them, or allow more by maxRejects`,
    );
  }

  /** Null when it is applied; else what the database refuses for good. */
  async #insert(chunk: number, { parts }: Batch): Promise<EngineError | null> {
    const { taskId, engine, applied, clock, signal } = this.#options;
    // No Idempotency-Key has a newline.
    const batchId = namedBatchId(`import\n${taskId}\n${chunk}`);
    const startMs = performance.now();
    let lost = false;
    for (let delayMs = firstDelayMs; ; delayMs = Math.min(2 * delayMs, maxDelayMs)) {
      signal.throwIfAborted();
      let reason: string;
      try {
        const { rows } = await (await engine(lost)).insert({ batchId, parts });
        applied(Number(rows));
        return null;
      } catch (error) {
        lost = error instanceof ConnectionLost;
        if (lost) reason = 'the database does not answer';
        else if (error instanceof EngineError && waits[error.code] !== undefined) reason = waits[error.code]!;
        else if (error instanceof EngineError) return error;
        else throw error;
      }
      if (performance.now() - startMs > maxWaitMs) throw new Postponed(clock() + postponedMs, reason);
      await delay(delayMs * (0.75 + Math.random() / 2), undefined, { signal });
    }
  }
}

function permanent(refusal: EngineError): Error {
  const { code, details } = refusal;
  if (!(code in errorRegistry)) return new Error('the database failed', { cause: refusal });
  return new Permanent(sentence(code as ErrorCode, details), { cause: refusal });
}
