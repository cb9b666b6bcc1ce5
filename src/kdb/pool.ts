import { setTimeout as delay } from 'node:timers/promises';
import type { Allowance } from './allowance.ts';
import { calls, type Lane as LaneName } from './contract.ts';
import type { Endpoint } from './dial.ts';
import type { Hello } from './engine.ts';
import { ConnectionLost, EngineError } from './engine-error.ts';
import { maxMessageBytes } from './frame.ts';
import { Health } from './health.ts';
import { type Job, Lane } from './lane.ts';
import type { QValue } from './qvalue.ts';

export interface PoolLimits {
  readonly writeConnections: number;
  /** To each process that answers reads. */
  readonly queryConnections: number;
  /** Calls that wait for a connection, per lane. */
  readonly maxWaiting: number;
  readonly maxWaitingBytes: number;
  /** An unused connection is closed after this. */
  readonly idleMs: number;
  readonly connectTimeoutMs: number;
  readonly helloTimeoutMs: number;
  readonly maxReplyBytes: number;
}

/** 7 connections to a process with the one for health: a q without a full licence takes 8. */
export const defaultPoolLimits: PoolLimits = {
  writeConnections: 2,
  queryConnections: 4,
  maxWaiting: 10_000,
  maxWaitingBytes: 64 * 1024 * 1024,
  idleMs: 30_000,
  connectTimeoutMs: 5_000,
  helloTimeoutMs: calls['.tsg.hello'].timeoutMs,
  maxReplyBytes: maxMessageBytes,
};

/** A reader that is behind is asked again this often, and no longer than that; then the writer is. */
const behindMs = { between: 20, most: 200 };

/** Where the processes of one database listen. */
export interface Processes {
  /** Answers every call. */
  readonly writer: Endpoint;
  /** Answer reads. */
  readonly readers: readonly Endpoint[];
}

/** By lane. */
export type LaneLoads = Readonly<
  Record<Exclude<LaneName, 'health'>, { readonly open: number; readonly waiting: number }>
>;

/** All connections to one database: a slow query never stands before a write, nor either before a health call. */
export class Pool {
  readonly #health: Health;
  readonly #lanes: Readonly<Record<Exclude<LaneName, 'health'>, Lane>>;
  readonly #readers: readonly Lane[];
  readonly #allowance: Allowance;

  constructor({ writer, readers }: Processes, limits: PoolLimits, allowance: Allowance) {
    const { writeConnections, queryConnections } = limits;
    const writing = { ...limits, maxConnections: writeConnections, insertsOnly: writeConnections > 1 ? 1 : 0 };
    const reading = { ...limits, maxConnections: queryConnections, insertsOnly: 0 };
    const slots = allowance.slots();
    this.#allowance = allowance;
    this.#health = new Health(writer, { timeoutMs: limits.helloTimeoutMs, idleMs: limits.idleMs, slots });
    this.#lanes = { write: new Lane(writer, writing, slots), query: new Lane(writer, reading, slots) };
    this.#readers = readers.map((reader) => new Lane(reader, { ...reading, isSpare: true }, allowance.slots()));
  }

  get hasReaders(): boolean {
    return this.#readers.length > 0;
  }

  hello(): Promise<Hello> {
    return this.#health.hello();
  }

  get lanes(): LaneLoads {
    const { write, query } = this.#lanes;
    const readers = [query, ...this.#readers];
    return {
      write: { open: write.openConnections, waiting: write.waiting },
      query: {
        open: readers.reduce((sum, lane) => sum + lane.openConnections, 0),
        waiting: readers.reduce((sum, lane) => sum + lane.waiting, 0),
      },
    };
  }

  call(lane: Exclude<LaneName, 'health'>, job: Job): Promise<QValue> {
    return this.#lanes[lane].call(job);
  }

  /** By the reader that has least to do; by the writer when that one is not there, or does not catch up. */
  async read(job: Job): Promise<QValue> {
    const reader = this.#readers.toSorted((a, b) => a.load - b.load)[0];
    if (reader) {
      try {
        return await readBy(reader, job);
      } catch (error) {
        if (!isBehind(error) && !(error instanceof ConnectionLost)) throw error;
      }
    }
    return this.#lanes.query.call(job);
  }

  async close(graceMs: number): Promise<void> {
    this.#health.close();
    const { write, query } = this.#lanes;
    await Promise.all([write, query, ...this.#readers].map((lane) => lane.close(graceMs)));
    this.#allowance.close();
  }
}

async function readBy(reader: Lane, job: Job): Promise<QValue> {
  for (const untilMs = performance.now() + behindMs.most; ; await delay(behindMs.between)) {
    try {
      return await reader.call(job);
    } catch (error) {
      if (!isBehind(error) || performance.now() + behindMs.between > untilMs) throw error;
    }
  }
}

function isBehind(error: unknown): boolean {
  return error instanceof EngineError && error.code === 'ReaderBehind';
}
