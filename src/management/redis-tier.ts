// The cache tier of a zone. It never fails for its callers: a fault, a slow answer or an open circuit is a miss.

import { Redis } from 'ioredis';
import type { Log } from '../base/log.ts';
import { invalidationChannel } from '../base/names.ts';

/** What is known of one key: `record` is null when there is nothing under it; a never-used key has version 0. */
export interface Entry<T> {
  readonly version: number;
  readonly record: T | null;
}

export interface StoredEntry<T> {
  readonly entry: Entry<T>;
  /** Until Redis drops it. */
  readonly remainingMs: number;
}

/** So many faults in a row open the circuit, for so long; then the next call is the probe. */
const faultsToOpen = 3;
const openMs = 1_000;

/** Stores the entry unless a newer version is there; gives the version and record that are there afterwards. */
const putNewest = `
local have = redis.call('HGET', KEYS[1], 'version')
if have and tonumber(have) > tonumber(ARGV[1]) then
  return redis.call('HMGET', KEYS[1], 'version', 'record')
end
redis.call('HSET', KEYS[1], 'version', ARGV[1], 'record', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {ARGV[1], ARGV[2]}
`;

interface Scripted {
  tsgPutNewest(key: string, version: number, record: string, usableMs: number): Promise<[string, string]>;
}

/** Commands fail while the connection is down instead of waiting for it; it comes back by itself. */
export function createRedis(url: string): Redis {
  return new Redis(url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    connectTimeout: 1_000,
    retryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 5), 1_000),
  });
}

export interface RedisTierOptions {
  readonly redis: Redis;
  /** An answer that takes longer is not waited for. */
  readonly deadlineMs: number;
  readonly clock: () => number;
  readonly log: Log;
}

export class RedisTier {
  readonly #redis: Redis & Scripted;
  readonly #subscriber: Redis;
  readonly #deadlineMs: number;
  readonly #clock: () => number;
  readonly #log: Log;
  #faults = 0;
  #openUntilMs = 0;
  /** Calls that failed, came late or found the connection down. */
  faults = 0;

  constructor({ redis, deadlineMs, clock, log }: RedisTierOptions) {
    redis.defineCommand('tsgPutNewest', { numberOfKeys: 1, lua: putNewest });
    this.#redis = redis as Redis & Scripted;
    this.#subscriber = redis.duplicate({ enableOfflineQueue: true, maxRetriesPerRequest: null });
    this.#deadlineMs = deadlineMs;
    this.#clock = clock;
    this.#log = log;
    for (const connection of [this.#redis, this.#subscriber]) {
      connection.on('error', (error: Error) => this.#log.debug('redis', { error: error.message }));
    }
  }

  /** `drop` gets each key that any process of the region changed; `missed` is called when such news may have been missed. */
  listen(drop: (key: string) => void, missed: () => void): void {
    this.#subscriber.on('message', (_channel: string, key: string) => drop(key));
    this.#subscriber.on('ready', missed);
    this.#subscriber.subscribe(invalidationChannel).catch((error: Error) => {
      this.#log.debug('redis subscription', { error: error.message });
    });
  }

  read<T>(key: string): Promise<StoredEntry<T> | undefined> {
    return this.#attempt(async () => {
      const replies = await this.#redis.pipeline().hmget(key, 'version', 'record').pttl(key).exec();
      const [hash, remainingMs] = (replies ?? []).map(([fault, reply]) => {
        if (fault) throw fault;
        return reply;
      });
      const entry = parseEntry<T>(hash as (string | null)[]);
      return entry && { entry, remainingMs: remainingMs as number };
    });
  }

  /** Gives what stands under the key afterwards: the entry, or a newer one that was there; undefined when Redis did not answer. */
  write<T>(key: string, entry: Entry<T>, usableMs: number): Promise<Entry<T> | undefined> {
    return this.#attempt(async () =>
      parseEntry<T>(await this.#redis.tsgPutNewest(key, entry.version, JSON.stringify(entry.record), usableMs)),
    );
  }

  /** Tells every process of the region, this one too, to drop its own copy. */
  async announce(key: string): Promise<void> {
    await this.#attempt(() => this.#redis.publish(invalidationChannel, key));
  }

  close(): void {
    this.#subscriber.disconnect();
  }

  async #attempt<R>(command: () => Promise<R>): Promise<R | undefined> {
    if (this.#clock() < this.#openUntilMs) return undefined;
    try {
      if (this.#redis.status !== 'ready') throw new Error('not connected');
      const reply = await withDeadline(command(), this.#deadlineMs);
      this.#faults = 0;
      return reply;
    } catch (error) {
      this.faults += 1;
      this.#faults += 1;
      if (this.#faults >= faultsToOpen) this.#openUntilMs = this.#clock() + openMs;
      this.#log.debug('redis', { error: error instanceof Error ? error.message : String(error) });
      return undefined;
    }
  }
}

function parseEntry<T>([version, record]: readonly (string | null | undefined)[]): Entry<T> | undefined {
  if (version == null || record == null) return undefined;
  return { version: Number(version), record: JSON.parse(record) as T | null };
}

async function withDeadline<R>(reply: Promise<R>, deadlineMs: number): Promise<R> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${deadlineMs} ms`)), deadlineMs);
  });
  try {
    return await Promise.race([reply, late]);
  } finally {
    clearTimeout(timer);
  }
}
