// Flexible databases: series come and grow with writes. The management data learn of it in the background, a moment later; no write waits
// for that or fails by it. What this process could not store when it ended, the worker's comparison finds (workers/series-comparison.ts).

import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../base/log.ts';
import { recentEntries } from '../base/recent.ts';
import { described } from '../kdb/described.ts';
import type { InsertPart, InsertReceipt } from '../kdb/engine.ts';
import type { Engines } from '../kdb/engines.ts';
import type { Management } from '../management/index.ts';
import type { Database } from '../management/records.ts';

/** Series often come in many writes one after the other. */
const gatherMs = 1_000;
const retryMs = 2_000;
const maxRetryMs = 60_000;
/** Databases of which series are stored at the same time. */
const maxStoring = 4;
/** Series that wait, of all databases; those beyond are left to the worker's comparison. */
const maxWaiting = 20_000;
const maxDatabases = 10_000;
/** A stop waits so long for what is not stored yet. */
const flushMs = 5_000;

interface Changed {
  database: Database;
  names: Set<string>;
  /** Being stored. */
  storing: Set<string>;
  failures: number;
  timer: NodeJS.Timeout | undefined;
}

export interface SeriesFollowerOptions {
  readonly engines: Pick<Engines, 'client'>;
  readonly management: Pick<Management, 'series' | 'databases'>;
  readonly log: Log;
}

export class SeriesFollower {
  readonly #options: SeriesFollowerOptions;
  /** The newest catalogue version that a receipt of the database had. */
  readonly #versions = recentEntries<string, bigint>(maxDatabases);
  readonly #changed = new Map<string, Changed>();
  readonly #storing = new Set<Promise<void>>();
  #closed = false;

  constructor(options: SeriesFollowerOptions) {
    this.#options = options;
  }

  /** Makes the insert and looks whether it may have changed the catalogue. */
  async watch(
    database: Database,
    parts: readonly Pick<InsertPart, 'series'>[],
    insert: () => Promise<InsertReceipt>,
  ): Promise<InsertReceipt> {
    const before = this.version(database);
    const receipt = await insert();
    this.saw(database, before, receipt, () => parts.map(({ series }) => series));
    return receipt;
  }

  /** Before an insert is sent: of inserts that are joined, each receipt has the version after all of them. */
  version({ id }: Pick<Database, 'id'>): bigint {
    return this.#versions.get(id) ?? -1n;
  }

  /** The series are asked for when the catalogue has changed since. */
  saw(
    database: Database,
    before: bigint,
    { catalogueVersion }: Pick<InsertReceipt, 'catalogueVersion'>,
    names: () => readonly string[],
  ): void {
    if (catalogueVersion <= before) return;
    if (catalogueVersion > this.version(database)) this.#versions.set(database.id, catalogueVersion);
    this.changed(database, names());
  }

  /** These series may be other ones than the management data say. */
  changed(database: Database, names: readonly string[]): void {
    let entry = this.#changed.get(database.id);
    if (!entry) {
      entry = { database, names: new Set(), storing: new Set(), failures: 0, timer: undefined };
      this.#changed.set(database.id, entry);
    }
    let room = maxWaiting - this.waiting;
    for (const name of names) {
      if (room-- > 0) entry.names.add(name);
    }
    this.#schedule(entry, gatherMs);
  }

  /** Series that are not stored yet. */
  get waiting(): number {
    let sum = 0;
    for (const { names, storing } of this.#changed.values()) sum += names.size + storing.size;
    return sum;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const { timer } of this.#changed.values()) clearTimeout(timer);
    const flush = async (): Promise<void> => {
      await Promise.all(this.#storing);
      await Promise.all([...this.#changed.values()].map((entry) => this.#store(entry)));
    };
    await Promise.race([flush(), delay(flushMs, undefined, { ref: false })]);
    if (this.waiting > 0) this.#options.log.warn('series were not stored', { series: this.waiting });
  }

  #schedule(entry: Changed, afterMs: number): void {
    if (this.#closed || entry.timer) return;
    entry.timer = setTimeout(() => {
      entry.timer = undefined;
      if (this.#storing.size >= maxStoring) this.#schedule(entry, gatherMs);
      else this.#start(entry);
    }, afterMs);
    entry.timer.unref();
  }

  #start(entry: Changed): void {
    const storing = this.#store(entry).finally(() => this.#storing.delete(storing));
    this.#storing.add(storing);
  }

  async #store(entry: Changed): Promise<void> {
    const { engines, management, log } = this.#options;
    const { database, names } = entry;
    entry.storing = names;
    entry.names = new Set();
    try {
      await management.series.follow(database.id, [...names], (name) =>
        described(engines.client(entry.database), name),
      );
      entry.failures = 0;
    } catch (error) {
      if (!(await this.#isThere(entry))) names.clear();
      else if (entry.failures++ === 0) log.warn('series are stored later', { databaseId: database.id, error });
      entry.names = names.union(entry.names);
    }
    entry.storing = new Set();
    if (entry.names.size === 0) this.#changed.delete(database.id);
    else this.#schedule(entry, Math.min(retryMs * 2 ** entry.failures, maxRetryMs));
  }

  /** False when the database is known to be gone or going. It may have moved. */
  async #isThere(entry: Changed): Promise<boolean> {
    const { accountId, name, id } = entry.database;
    const read = this.#options.management.databases.getDatabase(accountId, name, { fresh: true });
    const database = await read.catch(() => entry.database);
    if (database?.id !== id || database.status !== 'active') return false;
    entry.database = database;
    return true;
  }
}
