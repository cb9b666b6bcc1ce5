// The cache of a zone. It never fails for its callers: a fault, a slow answer or an open circuit is undefined.

import { Redis } from 'ioredis';
import type { Log } from '../base/log.ts';
import { cacheKeys, feedKey, invalidationChannel } from '../base/names.ts';
import { Circuit } from './circuit.ts';
import type { Entry } from './entry.ts';
import { beat, putNewest, readEntry, readFeed } from './zone-scripts.ts';

const dayMs = 24 * 3_600_000;
/** A record stays for so long after it was last read; what remains of a removed one, longer than any late event can be believed. */
const recordKeptMs = dayMs;
/** Accounts have tens of thousands of series and few requests look at one. Longer than the hour for which a late event is believed. */
const seriesKeptMs = dayMs / 12;
const removedKeptMs = dayMs;
/** Short: whoever guesses tokens must not fill the cache. */
const unknownKeptMs = 60_000;

export interface StoredEntry<T> {
  readonly entry: Entry<T>;
  /** May be used without asking DynamoDB. */
  readonly fresh: boolean;
  /** How long ago it was last known to be current. */
  readonly staleMs: number;
}

export interface NewEntry {
  readonly version: number;
  /** Undefined: known to have changed, to be fetched by whoever reads it next. */
  readonly record: object | null | undefined;
  /** How long ago DynamoDB had it; undefined: nobody knows. */
  readonly ageMs: number | undefined;
  /** A change, which every process has to learn of; without it, something that was read. */
  readonly news: boolean;
}

/** How current the feed of a zone is. Milliseconds before now, by the zone's own clock. */
export interface FeedStatus {
  readonly heartbeatAgeMs: number | null;
  readonly fenceAgeMs: number | null;
  /** Of the newest heartbeat, from the queue's entrance to this zone. */
  readonly delayMs: number | null;
  /** How long the oldest event waits that was received and could not be applied everywhere; 0: there is none. */
  readonly heldMs: number | null;
}

interface Scripted {
  tsgRead(key: string, feed: string, keptMs: number): Promise<[number, string, number, number] | null>;
  tsgPut(key: string, ...args: (string | number)[]): Promise<[number, string | null]>;
  tsgBeat(feed: string, delayMs: number, fence: 0 | 1, ...fields: (string | number)[]): Promise<number>;
  tsgFeed(feed: string): Promise<[number, ...string[]]>;
}

/** Commands fail while the connection is down instead of waiting for it; it comes back by itself. */
export function createRedis(url: string): Redis {
  return new Redis(url, {
    enableOfflineQueue: false,
    enableAutoPipelining: true,
    maxRetriesPerRequest: 0,
    connectTimeout: 1_000,
    retryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 5), 1_000),
  });
}

export interface ZoneCacheOptions {
  readonly redis: Redis;
  /** An answer that takes longer is not waited for. */
  readonly deadlineMs: number;
  readonly clock: () => number;
  readonly log: Log;
}

export class ZoneCache {
  readonly #redis: Redis & Scripted;
  readonly #circuit: Circuit;
  readonly #log: Log;
  #subscriber: Redis | undefined;

  constructor({ redis, deadlineMs, clock, log }: ZoneCacheOptions) {
    redis.defineCommand('tsgRead', { numberOfKeys: 2, lua: readEntry });
    redis.defineCommand('tsgPut', { numberOfKeys: 1, lua: putNewest });
    redis.defineCommand('tsgBeat', { numberOfKeys: 1, lua: beat });
    redis.defineCommand('tsgFeed', { numberOfKeys: 1, lua: readFeed });
    this.#redis = redis as Redis & Scripted;
    this.#log = log;
    this.#circuit = new Circuit({ deadlineMs, clock, report: (error) => this.#report(error) });
    redis.on('error', (error: Error) => this.#report(error));
  }

  /** Calls that failed, came late or found the connection down. */
  get faults(): number {
    return this.#circuit.faults;
  }

  /** `drop` gets each key that any process of the region changed; `missed` is called when such news may have been missed. */
  listen(drop: (key: string) => void, missed: () => void): void {
    const subscriber = this.#redis.duplicate({
      enableOfflineQueue: true,
      enableAutoPipelining: false,
      maxRetriesPerRequest: null,
    });
    subscriber.on('error', (error: Error) => this.#report(error));
    subscriber.on('message', (_channel: string, key: string) => drop(key));
    subscriber.on('ready', missed);
    subscriber.subscribe(invalidationChannel).catch((error: unknown) => this.#report(error));
    this.#subscriber = subscriber;
  }

  /** Undefined also when nothing is known of the key. */
  async read<T>(key: string): Promise<StoredEntry<T> | undefined> {
    const found = await this.#attempt(() => this.#redis.tsgRead(key, feedKey, keptMs(key)));
    if (!found) return undefined;
    const [version, record, fresh, staleMs] = found;
    return { entry: { version, record: JSON.parse(record) as T | null }, fresh: fresh === 1, staleMs };
  }

  /** Gives what stands under the key afterwards: the entry, or a newer one that was there (record undefined: it is not known). */
  async put<T>(key: string, entry: NewEntry): Promise<{ version: number; record: T | null | undefined } | undefined> {
    const { version, record, ageMs, news } = entry;
    const entryKeptMs = record !== null ? keptMs(key) : version === 0 ? unknownKeptMs : removedKeptMs;
    const stands = await this.#attempt(() =>
      this.#redis.tsgPut(
        key,
        version,
        record === undefined ? '' : JSON.stringify(record),
        ageMs === undefined ? '' : Math.ceil(ageMs),
        entryKeptMs,
        invalidationChannel,
        news ? 1 : 0,
      ),
    );
    if (!stands) return undefined;
    const text = stands[1];
    return { version: stands[0], record: text === null ? undefined : (JSON.parse(text) as T | null) };
  }

  /**
   * Whoever listens has been sent what was published before. Redis answers the one who publishes first, and the others after that:
   * a second answer comes when they are through.
   */
  async delivered(): Promise<void> {
    await this.#attempt(() => this.#redis.ping());
  }

  /** The feed was current `delayMs` ago. With a fence, only from now on. Undefined when the zone did not take it. */
  async beat(
    delayMs: number,
    { fence, heldMs }: { fence: boolean; heldMs: number },
  ): Promise<{ wasEmpty: boolean } | undefined> {
    const fields = ['delayMs', Math.ceil(delayMs), 'heldMs', Math.ceil(heldMs)];
    const taken = await this.#attempt(() => this.#redis.tsgBeat(feedKey, Math.ceil(delayMs), fence ? 1 : 0, ...fields));
    return taken === undefined ? undefined : { wasEmpty: taken === 1 };
  }

  async feed(): Promise<FeedStatus | undefined> {
    const reply = await this.#attempt(() => this.#redis.tsgFeed(feedKey));
    if (!reply) return undefined;
    const [nowMs, ...pairs] = reply;
    const fields = new Map<string, number>();
    for (let i = 0; i < pairs.length; i += 2) fields.set(pairs[i]!, Number(pairs[i + 1]));
    const age = (name: string): number | null => (fields.has(name) ? nowMs - fields.get(name)! : null);
    return {
      heartbeatAgeMs: age('heartbeatAt'),
      fenceAgeMs: age('fenceAt'),
      delayMs: fields.get('delayMs') ?? null,
      heldMs: fields.get('heldMs') ?? null,
    };
  }

  close(): void {
    this.#subscriber?.disconnect();
  }

  #attempt<R>(command: () => Promise<R>): Promise<R | undefined> {
    return this.#circuit.attempt(() =>
      this.#redis.status === 'ready' ? command() : Promise.reject(new Error('not connected')),
    );
  }

  #report(error: unknown): void {
    this.#log.debug('redis', { error: error instanceof Error ? error.message : String(error) });
  }
}

function keptMs(key: string): number {
  return key.startsWith(cacheKeys.series) ? seriesKeptMs : recordKeptMs;
}
