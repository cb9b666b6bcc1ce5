// SQS loses nothing, but what stands in for it on one machine forgets its messages when it ends, and a queue can be purged. So when a
// replicator starts, and once the queue has been away, every entry of the region's caches is compared with DynamoDB.

import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Log } from '../src/base/log.ts';
import { compareZone, repairZone } from '../src/management/compare.ts';
import type { Dynamo } from '../src/management/dynamo.ts';

/** What is in the queue comes first. */
const graceMs = 5_000;

export interface CacheMenderOptions {
  readonly redis: readonly Redis[];
  readonly dynamo: Dynamo;
  readonly log: Log;
}

export class CacheMender {
  readonly #options: CacheMenderOptions;
  readonly #stop = new AbortController();
  #wanted = false;
  #mending: Promise<void> | undefined;

  constructor(options: CacheMenderOptions) {
    this.#options = options;
  }

  /** Soon, and again if it is asked for meanwhile. */
  mend(): void {
    this.#wanted = true;
    this.#mending ??= this.#mendAll().finally(() => {
      this.#mending = undefined;
    });
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#mending;
  }

  async #mendAll(): Promise<void> {
    const { redis, dynamo, log } = this.#options;
    while (this.#wanted) {
      await delay(graceMs, undefined, { signal: this.#stop.signal }).catch(() => {});
      if (this.#stop.signal.aborted) return;
      this.#wanted = false;
      for (const client of redis) {
        try {
          const { entries, differences } = await compareZone(client, dynamo);
          await repairZone(client, differences);
          log.info('the cache was compared with DynamoDB', { entries, repaired: differences.length });
        } catch (error) {
          log.warn('the cache will be compared with DynamoDB again', { error });
          this.#wanted = true;
        }
      }
    }
  }
}
