import { calls, type Lane as LaneName } from './contract.ts';
import type { Endpoint } from './dial.ts';
import type { Hello } from './engine.ts';
import { maxMessageBytes } from './frame.ts';
import { Health } from './health.ts';
import { type Job, Lane } from './lane.ts';
import type { QValue } from './qvalue.ts';

export interface PoolLimits {
  readonly writeConnections: number;
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

/** 7 connections with the one for health: a q without a full licence takes 8. */
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

/** All connections to one database: a slow query never stands before a write, nor either before a health call. */
export class Pool {
  readonly #health: Health;
  readonly #lanes: Readonly<Record<Exclude<LaneName, 'health'>, Lane>>;

  constructor(endpoint: Endpoint, limits: PoolLimits) {
    const { writeConnections, queryConnections } = limits;
    this.#health = new Health(endpoint, limits.helloTimeoutMs, limits.idleMs);
    this.#lanes = {
      write: new Lane(endpoint, {
        ...limits,
        maxConnections: writeConnections,
        insertsOnly: writeConnections > 1 ? 1 : 0,
      }),
      query: new Lane(endpoint, { ...limits, maxConnections: queryConnections, insertsOnly: 0 }),
    };
  }

  hello(): Promise<Hello> {
    return this.#health.hello();
  }

  call(lane: Exclude<LaneName, 'health'>, job: Job): Promise<QValue> {
    return this.#lanes[lane].call(job);
  }

  async close(graceMs: number): Promise<void> {
    this.#health.close();
    await Promise.all([this.#lanes.write.close(graceMs), this.#lanes.query.close(graceMs)]);
  }
}
