// Cached reads of one kind of record: this process (a second) → Redis of the zone → DynamoDB.
// Versions decide everywhere: a newer one is never replaced by an older one, however late that arrives.

import type { LRUCache } from 'lru-cache';
import { ApiError } from '../base/errors.ts';
import { recentEntries } from '../base/recent.ts';
import type { Entry } from './entry.ts';
import type { ZoneCache } from './zone-cache.ts';

/** How long this process believes its own copy without asking. */
const processFreshMs = 1_000;
/** From this age on it asks again while it still believes: a record that is in use is never waited for. */
const renewMs = 700;
/** While DynamoDB does not answer, how long "there is no such record" is served: never used, or removed. */
const unknownUsableMs = 10_000;
const removedUsableMs = 60_000;
/** Unknown keys have room of their own in this process, so that guesses cannot push records out. */
const maxUnknown = 10_000;
/** How long a caller waits for news of a record of which an old copy is at hand: several times the way around the world (280 ms). */
const patienceMs = 1_000;
/** Then old copies are served for so long before DynamoDB is tried again. */
const awayMs = 5_000;

/** Where reads were answered. */
export interface CacheCounters {
  process: number;
  redis: number;
  dynamo: number;
  /** From an old copy, because DynamoDB did not answer. */
  stale: number;
}

interface Copy<T> {
  readonly entry: Entry<T>;
  /** When it came here, and when it was last known to be current. */
  readonly storedMs: number;
  readonly currentMs: number;
}

export interface RecordCacheOptions<T> {
  /** Of its Redis keys. */
  readonly prefix: string;
  /** A consistent read from DynamoDB. */
  readonly load: (key: string) => Promise<Entry<T>>;
  /** How old a copy may be served while DynamoDB does not answer. */
  readonly usableMs: number;
  /** Records that are about to change are not kept. */
  readonly settled: (record: T) => boolean;
  /** That this process keeps. */
  readonly maxRecords: number;
  /** Of this process's zone. */
  readonly zone: ZoneCache | undefined;
  /** Milliseconds that pass evenly: the wall clock may be set back. */
  readonly clock: () => number;
  readonly counters: CacheCounters;
}

export class RecordCache<T extends object> {
  readonly #options: RecordCacheOptions<T>;
  readonly #records: LRUCache<string, Copy<T>>;
  readonly #unknown = recentEntries<string, Copy<T>>(maxUnknown);
  readonly #loading = new Map<string, Promise<Copy<T>>>();
  /** Copies that were stored until then are not believed. */
  #distrustedMs = Number.NEGATIVE_INFINITY;
  /** DynamoDB did not answer; until then old copies are served without asking again. */
  #awayUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: RecordCacheOptions<T>) {
    this.#options = options;
    this.#records = recentEntries(options.maxRecords);
  }

  /** At once when this process knows it: a request whose records are all here waits for nothing. */
  find(key: string): T | null | Promise<T | null> {
    const { clock, counters } = this.#options;
    const copy = this.#records.get(key) ?? this.#unknown.get(key);
    const nowMs = clock();
    if (copy && nowMs - copy.storedMs < processFreshMs && copy.storedMs > this.#distrustedMs) {
      if (nowMs - copy.storedMs > renewMs) this.#renew(key, nowMs);
      counters.process += 1;
      return copy.entry.record;
    }
    return this.#findElsewhere(key, copy);
  }

  /** From DynamoDB, whatever the copies say; they learn of it. */
  async refresh(key: string): Promise<T | null> {
    return (await this.#share(key, this.#read(key))).entry.record;
  }

  /** This process changed the record, or removed it (record null), and DynamoDB has it. */
  learn(key: string, entry: Entry<T>): void {
    const nowMs = this.#options.clock();
    this.#loading.delete(key);
    this.#keep(key, { entry, storedMs: nowMs, currentMs: nowMs });
  }

  /** Somebody changed it. */
  drop(key: string): void {
    // A load under way may have read the old version: its result is not kept, and callers from now on start another.
    this.#loading.delete(key);
    this.#records.delete(key);
    this.#unknown.delete(key);
  }

  /** News may have been missed: no copy is believed any more, but all stay for the case that DynamoDB is away. */
  distrustAll(): void {
    this.#loading.clear();
    this.#distrustedMs = this.#options.clock();
  }

  /** Whoever finds the copy too old hears of a fault. */
  #renew(key: string, nowMs: number): void {
    if (nowMs >= this.#awayUntilMs && !this.#loading.has(key)) this.#loadOnce(key).catch(() => {});
  }

  async #findElsewhere(key: string, copy: Copy<T> | undefined): Promise<T | null> {
    const { clock, counters } = this.#options;
    if (!copy || !this.#usable(copy)) return (await this.#loadOnce(key)).entry.record;
    if (clock() < this.#awayUntilMs) {
      counters.stale += 1;
      return copy.entry.record;
    }
    return (await this.#orKeep(this.#loadOnce(key), copy)).entry.record;
  }

  /** One load per key, however many ask. */
  #loadOnce(key: string): Promise<Copy<T>> {
    return this.#loading.get(key) ?? this.#share(key, this.#load(key));
  }

  /** Callers that come while it runs get its result too. It is kept unless the key is changed or dropped meanwhile. */
  #share(key: string, reading: Promise<Copy<T>>): Promise<Copy<T>> {
    const load: Promise<Copy<T>> = reading.then(
      (copy) => {
        if (this.#ended(key, load)) this.#keep(key, copy);
        return copy;
      },
      (error: unknown) => {
        this.#ended(key, load);
        throw error;
      },
    );
    this.#loading.set(key, load);
    return load;
  }

  /** False when it is no longer the load of the key. */
  #ended(key: string, load: Promise<Copy<T>>): boolean {
    if (this.#loading.get(key) !== load) return false;
    this.#loading.delete(key);
    return true;
  }

  async #load(key: string): Promise<Copy<T>> {
    const { zone, prefix, clock, counters } = this.#options;
    const askedMs = clock();
    const stored = await zone?.read<T>(prefix + key);
    const copy = stored && { entry: stored.entry, storedMs: clock(), currentMs: askedMs - stored.staleMs };
    if (copy && stored.fresh && this.#isSettled(copy.entry)) {
      counters.redis += 1;
      return copy;
    }
    if (!copy || !this.#usable(copy)) return this.#read(key);
    if (clock() >= this.#awayUntilMs) return this.#orKeep(this.#read(key), copy);
    counters.stale += 1;
    return copy;
  }

  /** From DynamoDB. Redis learns of it; where it knows of something newer, that is the answer. */
  async #read(key: string): Promise<Copy<T>> {
    const { zone, prefix, load, clock, counters } = this.#options;
    const askedMs = clock();
    const entry = await load(key);
    counters.dynamo += 1;
    const stands = await zone?.put<T>(prefix + key, { ...entry, ageMs: clock() - askedMs, news: false });
    const newest = stands?.record === undefined ? entry : { version: stands.version, record: stands.record };
    return { entry: newest, storedMs: clock(), currentMs: askedMs };
  }

  /** The old copy when DynamoDB does not answer, or not soon. */
  async #orKeep(reading: Promise<Copy<T>>, copy: Copy<T>): Promise<Copy<T>> {
    const { clock, counters } = this.#options;
    const answered = reading.catch((error: unknown) => {
      if (!isAway(error)) throw error;
      return undefined;
    });
    const { promise: impatience, resolve: lose } = Promise.withResolvers<void>();
    const patience = setTimeout(lose, patienceMs);
    const read = await Promise.race([answered, impatience]);
    clearTimeout(patience);
    if (read) return read;
    this.#awayUntilMs = clock() + awayMs;
    counters.stale += 1;
    return copy;
  }

  #keep(key: string, copy: Copy<T>): void {
    const { record, version } = copy.entry;
    const have = this.#records.get(key) ?? this.#unknown.get(key);
    const fresh = have && copy.storedMs - have.storedMs < processFreshMs;
    if (fresh && have.entry.version > version) return;
    this.drop(key);
    if (record === null) this.#unknown.set(key, copy);
    else if (this.#isSettled(copy.entry)) this.#records.set(key, copy);
  }

  #usable(copy: Copy<T>): boolean {
    return this.#options.clock() - copy.currentMs < this.#usableMs(copy.entry);
  }

  #usableMs({ record, version }: Entry<T>): number {
    if (record !== null) return this.#options.usableMs;
    return version === 0 ? unknownUsableMs : removedUsableMs;
  }

  #isSettled({ record }: Entry<T>): boolean {
    return record === null || this.#options.settled(record);
  }
}

function isAway(error: unknown): boolean {
  return error instanceof ApiError && error.code === 'MetadataUnavailable';
}
