// The work of one import on one file whose plan stands: chunks are written from the checkpoint on.

import { setTimeout as delay } from 'node:timers/promises';
import { described } from '../../src/kdb/described.ts';
import type { Engine } from '../../src/kdb/engine.ts';
import type { Management } from '../../src/management/index.ts';
import { limitsOf } from '../../src/management/plans.ts';
import type { Database } from '../../src/management/records.ts';
import { Permanent, SliceOver } from '../kinds/kind.ts';
import { ChunkWriter, type ChunkWriterOptions } from './chunk-writer.ts';
import type { Position } from './chunks.ts';
import type { Step } from './steps.ts';
import type { Section } from './text-import.ts';

const checkpointEveryMs = 1_000;

export interface ImportCheckpoint {
  /** Of the first record that may not be imported yet. For Parquet, `offset` is a row. */
  readonly position: Position;
  readonly section: Section;
  readonly rows: number;
  readonly rejected: number;
}

export interface ImportWorkOptions extends ChunkWriterOptions {
  readonly database: Database;
  readonly management: Management;
  readonly describe: Pick<Engine, 'describe'>;
  readonly progress: (progress: Step['progress']) => void;
  readonly save: (checkpoint: ImportCheckpoint) => Promise<void>;
  readonly sliceOver: () => boolean;
}

export class ImportWork {
  readonly #options: ImportWorkOptions;
  readonly #writer: ChunkWriter;
  #at: ImportCheckpoint;
  #savedMs = performance.now();
  /** Series of chunks since the management data were told of them. */
  #series = new Set<string>();
  readonly #startMs = performance.now();
  readonly #startRows: number;

  constructor(options: ImportWorkOptions, from: ImportCheckpoint) {
    this.#options = options;
    this.#at = from;
    this.#startRows = from.rows;
    this.#writer = new ChunkWriter(options, from);
  }

  /** All of it. Where it ends early, what was done is saved. */
  async run(steps: AsyncIterable<Step>): Promise<Pick<ImportCheckpoint, 'rows' | 'rejected'>> {
    let writing = Promise.resolve();
    try {
      for await (const step of steps) {
        await writing;
        await this.#pause();
        this.#options.signal.throwIfAborted();
        writing = this.#write(step);
        // Thrown when it is waited for, with the next one decoded.
        writing.catch(() => {});
      }
      await writing;
    } catch (error) {
      await writing.catch(() => {});
      if (!this.#options.signal.aborted) await this.#save();
      throw error;
    }
    await this.#save();
    return this.#at;
  }

  async #write({ firstLine, bytes, batch, next, section, progress }: Step): Promise<void> {
    const writer = this.#writer;
    await writer.write({ chunk: next.chunk - 1, firstLine, bytes, batch });
    for (const { series } of batch.parts) this.#series.add(series);
    this.#at = { position: next, section, rows: writer.rows, rejected: writer.rejected };
    this.#options.progress(progress);
  }

  /** Between chunks. */
  async #pause(): Promise<void> {
    const { sliceOver, signal, management, database } = this.#options;
    if (sliceOver()) throw new SliceOver();
    if (performance.now() - this.#savedMs > checkpointEveryMs) await this.#save();
    const account = await management.accounts.findAccount(database.accountId);
    if (!account) return;
    if (account.overStorageBytes !== null)
      throw new Permanent(
        `the account stores ${account.overStorageBytes} bytes, which is over its limit; delete points, or ask for a larger plan`,
      );
    // The import may not take more than what the plan gives to all writes together.
    const { pointsPerSecond } = limitsOf(account);
    const earlyMs =
      pointsPerSecond === null
        ? 0
        : ((this.#at.rows - this.#startRows) / pointsPerSecond) * 1_000 - (performance.now() - this.#startMs);
    if (earlyMs > 0) await delay(earlyMs, undefined, { signal });
  }

  async #save(): Promise<void> {
    const { save, database, management, describe } = this.#options;
    await save(this.#at);
    this.#savedMs = performance.now();
    if (database.schema !== 'flexible' || this.#series.size === 0) return;
    const names = [...this.#series];
    this.#series = new Set();
    // What is not stored now, the comparison of series finds.
    await management.series.follow(database.id, names, (name) => described(describe, name)).catch(() => {});
  }
}
