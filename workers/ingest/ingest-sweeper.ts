// Finds stored batches of which no worker has heard: their message was never sent, or was lost with its queue. Every worker sweeps; a database that is
// announced twice is looked at twice, and nothing more.

import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../../src/base/log.ts';
import type { ObjectStore } from '../../src/base/object-store.ts';
import { batchPrefixes, batchTimeMs, placeOf } from '../../src/ingest/batch-name.ts';
import type { IngestTopic } from '../../src/tasks/ingest-queue.ts';

const sweepEveryMs = 15_000;
/** By then what has a message is written, unless its database is away. */
const overdueMs = 60_000;
/** A database that stays away is announced less and less often: its first message comes again by itself. */
const longestPauseMs = 3_600_000;

export interface IngestSweeperOptions {
  readonly objects: Pick<ObjectStore, 'list'>;
  readonly topic: Pick<IngestTopic, 'announce'>;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  readonly log: Log;
}

interface Waiting {
  batches: number;
  readonly oldestMs: number;
}

export class IngestSweeper {
  readonly #options: IngestSweeperOptions;
  readonly #stop = new AbortController();
  #swept: Promise<void> = Promise.resolve();
  #isFirst = true;
  /** By database: as the last sweep found it. */
  #waiting: ReadonlyMap<string, Waiting> = new Map();
  readonly #announced = new Map<string, { readonly atMs: number; readonly pauseMs: number }>();

  constructor(options: IngestSweeperOptions) {
    this.#options = options;
  }

  start(): void {
    this.#swept = this.#keepSweeping();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#swept;
  }

  /** How long the oldest batch of a database waits, for those of which it waits longest. */
  agesS(most: number): Record<string, number> {
    const nowMs = this.#options.clock();
    const oldest = [...this.#waiting].sort(([, a], [, b]) => a.oldestMs - b.oldestMs).slice(0, most);
    return Object.fromEntries(oldest.map(([id, { oldestMs }]) => [id, Math.max(0, nowMs - oldestMs) / 1_000]));
  }

  get batches(): number {
    let sum = 0;
    for (const { batches } of this.#waiting.values()) sum += batches;
    return sum;
  }

  async #keepSweeping(): Promise<void> {
    let isFailing = false;
    while (!this.#stop.signal.aborted) {
      try {
        // The queue may be newer than the batches.
        await this.sweep({ overdueMs: this.#isFirst ? 0 : overdueMs });
        this.#isFirst = false;
        isFailing = false;
      } catch (error) {
        if (!isFailing) this.#options.log.warn('queued writes could not be looked for', { error });
        isFailing = true;
      }
      await delay(sweepEveryMs, undefined, { signal: this.#stop.signal }).catch(() => {});
    }
  }

  async sweep(limit: { readonly overdueMs: number }): Promise<void> {
    const { topic, clock, log } = this.#options;
    const waiting = await this.#look();
    this.#waiting = waiting;
    for (const id of this.#announced.keys()) if (!waiting.has(id)) this.#announced.delete(id);
    for (const [id, { oldestMs, batches }] of waiting) {
      const nowMs = clock();
      const { atMs, pauseMs } = this.#announced.get(id) ?? { atMs: 0, pauseMs: 0 };
      if (nowMs - oldestMs < limit.overdueMs || (limit.overdueMs > 0 && nowMs - atMs < pauseMs)) continue;
      log.info('queued writes are announced again', { database: id, batches });
      await topic.announce(id, `${id}-sweep-${nowMs}`);
      this.#announced.set(id, { atMs: nowMs, pauseMs: Math.min(longestPauseMs, Math.max(overdueMs, 2 * pauseMs)) });
    }
  }

  async #look(): Promise<Map<string, Waiting>> {
    const waiting = new Map<string, Waiting>();
    for await (const { key } of this.#options.objects.list(batchPrefixes.queued)) {
      if (this.#stop.signal.aborted) break;
      const place = placeOf(key);
      if (!place) continue;
      const known = waiting.get(place.databaseId);
      if (known) known.batches += 1;
      else waiting.set(place.databaseId, { batches: 1, oldestMs: batchTimeMs(place.name) });
    }
    return waiting;
  }
}
