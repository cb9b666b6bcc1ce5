// Events may pass a zone by: it is away for longer than they are kept for it, it has forgotten what it had, or the queue is another one than before,
// with nothing in it. Then every entry of the zone's cache is compared with DynamoDB, once the zone answers.

import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Log } from '../src/base/log.ts';
import { compareZone, repairZone } from '../src/management/compare.ts';
import type { Dynamo } from '../src/management/dynamo.ts';

/** What is in the queue comes first: a message that was held comes again after 10 s. And what the sweeper of the outbox brings, after 7 s. */
const graceMs = 12_000;
/** Between two comparisons, as a multiple of what the last one took: they read every record from DynamoDB. */
const restPerWork = 3;

export interface CacheMenderOptions {
  /** Of the zone. */
  readonly redis: Redis;
  readonly dynamo: Dynamo;
  readonly elapsedMs: () => number;
  readonly log: Log;
}

export class CacheMender {
  readonly #options: CacheMenderOptions;
  readonly #stop = new AbortController();
  #wanted = false;
  #isMending = false;
  #restUntilMs = 0;
  /** Comparisons that were made to their end. */
  comparisons = 0;

  constructor(options: CacheMenderOptions) {
    this.#options = options;
  }

  /** Soon, and again if it is asked for meanwhile. */
  mend(): void {
    this.#wanted = true;
    if (!this.#isMending) void this.#keepMending();
  }

  /** A comparison is to be made, or under way. */
  get isPending(): boolean {
    return this.#isMending;
  }

  /** A comparison under way need not end: the next replicator begins with one. */
  stop(): void {
    this.#stop.abort();
  }

  async #keepMending(): Promise<void> {
    const { elapsedMs } = this.#options;
    this.#isMending = true;
    while (this.#wanted && !this.#stop.signal.aborted) {
      // Asked again while it waits: what may come late to the zone since then is not there yet when it compares.
      this.#wanted = false;
      const waitMs = Math.max(graceMs, this.#restUntilMs - elapsedMs());
      await delay(waitMs, undefined, { signal: this.#stop.signal }).catch(() => {});
      if (!this.#stop.signal.aborted) await this.#mendOnce();
    }
    this.#isMending = false;
  }

  async #mendOnce(): Promise<void> {
    const { redis, dynamo, elapsedMs, log } = this.#options;
    const startedMs = elapsedMs();
    try {
      const { entries, differences } = await compareZone(redis, dynamo);
      await repairZone(redis, differences);
      this.comparisons += 1;
      log.info('the cache was compared with DynamoDB', { entries, repaired: differences.length });
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      log.warn('the cache will be compared with DynamoDB again', { error });
      this.#wanted = true;
    }
    const nowMs = elapsedMs();
    this.#restUntilMs = nowMs + restPerWork * (nowMs - startedMs);
  }
}
