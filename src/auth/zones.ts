// How many zones of the region serve requests now: the API processes of each zone say so in the Redis of every zone.

import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { zoneKey } from '../base/names.ts';

const beatEveryMs = 5_000;
/** Three beats missed. */
const aliveMs = 15_000;

export interface ZonesOptions {
  readonly zone: string;
  /** By the zone's name, this one included. */
  readonly redis: ReadonlyMap<string, Redis>;
}

export class Zones {
  readonly #options: ZonesOptions;
  readonly #stop = new AbortController();
  #beating: Promise<void> = Promise.resolve();
  /** At least this one. */
  healthy = 1;

  constructor(options: ZonesOptions) {
    this.#options = options;
  }

  start(): void {
    this.#beating = this.#keepBeating();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#beating;
  }

  async #keepBeating(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await this.beat();
      await delay(beatEveryMs, undefined, { signal: this.#stop.signal, ref: false }).catch(() => {});
    }
  }

  /** What cannot be reached now is told at the next beat. Without this zone's Redis, what was known last stays. */
  async beat(): Promise<void> {
    const { zone, redis } = this.#options;
    await Promise.all(
      [...redis.values()].map((client) => client.set(zoneKey(zone), '1', 'PX', aliveMs).catch(() => undefined)),
    );
    const alive = await redis
      .get(zone)
      ?.exists([...redis.keys()].map(zoneKey))
      .catch(() => undefined);
    if (alive !== undefined) this.healthy = Math.max(alive, 1);
  }
}
