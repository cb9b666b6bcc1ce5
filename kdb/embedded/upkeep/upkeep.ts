// When memory goes into parts, one piece of work at a time; and what is refused before memory runs out.
import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../../../src/base/log.ts';
import { EngineError } from '../../../src/kdb/engine-error.ts';
import { storageError } from '../storage/journal.ts';
import type { Covered } from '../storage/storage.ts';
import { type CheckpointParts, type Deletion, runCheckpoint } from './checkpoint.ts';
import { type Compacted, runCompaction } from './compaction.ts';

/**
 * Shares of the budget (512 MiB by default). Rows may take 288 MiB; with more tag sets and batch ids what those leave of 352, and 32 in any case. From
 * five ninths of that on they are written into parts. What is known of tag sets, newest values included, may take 320 MiB. Copies of newest values,
 * which a checkpoint causes, are the rows' loss until it is over.
 */
const rowsShare = 9 / 16;
const leastRowsShare = 1 / 16;
const checkpointShare = 5 / 9;
const knownShare = 10 / 16;
const filledShare = 11 / 16;
const maxJournalBytes = 256 << 20;
/** Rows wait this long for company before they are written into parts. */
const maxAgeMs = 15 * 60_000;
const maxLateRows = 500_000;
const checkEveryMs = 200;
/** What is shipped is to be away a minute after it was written: the rest of it is for taking it there. */
const maxFileAgeMs = 50_000;
const retryAfterMs = 5_000;
const closeRetryMs = 1_000;

export interface UpkeepOptions {
  readonly budgetBytes: number;
  readonly log: Log;
  /** Never goes back. */
  elapsedMs(): number;
  /** Memory that only queries keep. */
  heldBytes(): number;
  /** Files of the journal are shipped. */
  readonly ships: boolean;
}

export class Upkeep {
  readonly #parts: CheckpointParts;
  readonly #options: UpkeepOptions;
  #timer: NodeJS.Timeout | null = null;
  #last: Promise<unknown> = Promise.resolve();
  #isRunning = false;
  /** The journal begins another file. */
  #isClosing = false;
  /** Of tag sets. */
  #isFull = false;
  #hotBytes = 0;
  #heldBytes = 0;
  /** What rows may take. */
  #rowBytes: number;
  #notBeforeMs = 0;
  /** Why the last checkpoint failed. */
  #failure: EngineError | null = null;
  /** Everything older is in parts. */
  #cleanMs: number;
  /** When the last one ended: milliseconds since 1970; null: there was none yet. */
  checkpointMs: number | null = null;

  constructor(parts: CheckpointParts, options: UpkeepOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#cleanMs = options.elapsedMs();
    this.#rowBytes = options.budgetBytes * rowsShare;
  }

  start(): void {
    this.#timer = setInterval(() => this.#check(), checkEveryMs);
    this.#timer.unref();
    this.#measure();
  }

  async stop(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
    await this.#last.catch(() => undefined);
  }

  /** Throws when no more can be taken in at the moment. */
  admit(): void {
    if (this.#hotBytes + this.#heldBytes > this.#rowBytes) throw this.#failure ?? new EngineError('EngineBusy');
  }

  async checkpoint(): Promise<void> {
    await this.exclusively(() => this.#run(null));
  }

  /** One turn of it. What it merges is old: it takes nothing from memory. */
  compact(): Promise<Compacted> {
    return this.exclusively(async () => {
      const { storage, catalogue, now } = this.#parts;
      try {
        const done = await runCompaction({ storage, series: catalogue.all(), nowMs: now() });
        if (done.merged > 0) this.#options.log.info('compaction', { ...done });
        return done;
      } catch (error) {
        throw storageError(error);
      }
    });
  }

  /** Gives the number of points that are gone. */
  remove(deletion: Deletion): Promise<number> {
    return this.exclusively(async () => (await this.#run(deletion)).droppedRows);
  }

  /** One after the other: they all replace the manifest. */
  exclusively<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(run, run);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  /** Rows fill their share of memory so far that they should go into parts. */
  get isFilling(): boolean {
    this.#measure();
    return this.#hotBytes > this.#rowBytes * checkpointShare;
  }

  /** Before the database takes writes: parts are brought forward up to the beginning of a journal file. */
  async bringForward(to: Covered, deletion: Deletion | null): Promise<void> {
    this.#measure();
    await this.exclusively(() => this.#run(deletion, to));
  }

  async #run(deletion: Deletion | null, forward: Covered | null = null): Promise<{ droppedRows: number }> {
    const startedMs = this.#options.elapsedMs();
    const result = await runCheckpoint(this.#parts, deletion, forward);
    this.#cleanMs = startedMs;
    this.checkpointMs = this.#parts.now();
    this.#failure = null;
    this.#measure();
    this.#options.log.info('checkpoint', {
      ms: Math.round(this.#options.elapsedMs() - startedMs),
      parts: this.#parts.storage.parts.parts.length,
      ...result,
    });
    return result;
  }

  #check(): void {
    this.#measure();
    this.#closeFile();
    const now = this.#options.elapsedMs();
    const { journal, catalogue } = this.#parts;
    const isEmpty = this.#hotBytes === 0;
    if (isEmpty) this.#cleanMs = now;
    const lateRows = isEmpty ? 0 : catalogue.all().reduce((sum, series) => sum + series.late.rows, 0);
    const isDue =
      journal.failed ||
      this.#hotBytes > this.#rowBytes * checkpointShare ||
      journal.bytes > maxJournalBytes ||
      lateRows > maxLateRows ||
      now - this.#cleanMs > maxAgeMs;
    if (!isDue || this.#isRunning || now < this.#notBeforeMs) return;
    this.#isRunning = true;
    this.checkpoint()
      .catch((error: unknown) => {
        this.#failure = storageError(error);
        this.#notBeforeMs = this.#options.elapsedMs() + retryAfterMs;
        this.#options.log.error('checkpoint failed; it is tried again', { error: (error as Error).message });
      })
      .finally(() => {
        this.#isRunning = false;
      });
  }

  #closeFile(): void {
    const { journal, writer } = this.#parts;
    if (!this.#options.ships || this.#isClosing || journal.ageMs < maxFileAgeMs || journal.failed) return;
    this.#isClosing = true;
    writer
      .alone(() => journal.rotate())
      // Without room it is tried again, and the file goes on meanwhile.
      .catch((error: unknown) => this.#options.log.warn('the journal cannot begin another file', { error }))
      .then(() => delay(closeRetryMs, undefined, { ref: false }))
      .finally(() => {
        this.#isClosing = false;
      });
  }

  #measure(): void {
    const { catalogue, applied } = this.#parts;
    const { budgetBytes } = this.#options;
    let [hotBytes, knownBytes, copiedBytes] = [0, 0, 0];
    for (const series of catalogue.all()) {
      hotBytes += series.bytes;
      knownBytes += series.knownBytes;
      copiedBytes += series.copiedBytes;
    }
    this.#hotBytes = hotBytes;
    this.#heldBytes = this.#options.heldBytes();
    const left = budgetBytes * filledShare - knownBytes - applied.bytes;
    this.#rowBytes = Math.max(budgetBytes * leastRowsShare, Math.min(budgetBytes * rowsShare, left)) - copiedBytes;
    // What is replayed was let in when it came.
    if (this.#timer === null) return;
    catalogue.roomBytes = budgetBytes * knownShare - knownBytes;
    this.#warnOfTagSets();
  }

  /** Once, until there is room again. */
  #warnOfTagSets(): void {
    const { catalogue } = this.#parts;
    const isFull = catalogue.roomBytes < this.#options.budgetBytes / 64;
    if (isFull && !this.#isFull)
      this.#options.log.warn('tag sets fill their share of memory: new ones are refused', {
        tagSets: catalogue.tagSets,
        budgetBytes: this.#options.budgetBytes,
      });
    this.#isFull = isFull;
  }
}
