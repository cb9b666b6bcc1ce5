// What this process did today, database by database: counted in memory, written every few seconds and at the stop.

import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../base/log.ts';
import { dayOf, type Usage, type UsedDatabase } from './usage.ts';

const writeEveryMs = 3_000;
const writesAtOnce = 16;
const dayMs = 24 * 3_600_000;

interface Total {
  readonly database: UsedDatabase;
  /** Days since 1970. */
  readonly dayNumber: number;
  points: number;
  queries: number;
  queryMs: number;
  /** More than what was written. */
  isDirty: boolean;
}

export interface UsageMeterOptions {
  readonly usage: Usage;
  /** Of this life of this process. */
  readonly bootId: string;
  readonly clock: () => number;
  readonly log: Log;
}

export class UsageMeter {
  readonly #options: UsageMeterOptions;
  /** Today's, by database id. */
  readonly #totals = new Map<string, Total>();
  /** Of days that are over, until they are written. */
  #past: Total[] = [];
  readonly #stop = new AbortController();
  #kept: Promise<void> = Promise.resolve();
  /** Of all databases, since the start. */
  points = 0;

  constructor(options: UsageMeterOptions) {
    this.#options = options;
  }

  addPoints(database: UsedDatabase, points: number): void {
    this.points += points;
    this.#total(database).points += points;
  }

  addQuery(database: UsedDatabase, queryMs: number): void {
    const total = this.#total(database);
    total.queries += 1;
    total.queryMs += queryMs;
  }

  #total(database: UsedDatabase): Total {
    const dayNumber = Math.floor(this.#options.clock() / dayMs);
    let total = this.#totals.get(database.id);
    if (total?.dayNumber !== dayNumber) {
      if (total?.isDirty) this.#past.push(total);
      total = { database, dayNumber, points: 0, queries: 0, queryMs: 0, isDirty: true };
      this.#totals.set(database.id, total);
    }
    total.isDirty = true;
    return total;
  }

  start(): void {
    this.#kept = this.#keepWriting();
  }

  /** Writes the rest. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#kept;
    await this.write();
  }

  async #keepWriting(): Promise<void> {
    let failing = false;
    while (!this.#stop.signal.aborted) {
      await delay(writeEveryMs, undefined, { signal: this.#stop.signal, ref: false }).catch(() => {});
      const failed = !(await this.write());
      if (failed && !failing) this.#options.log.warn('the usage could not be written and will be tried again');
      failing = failed;
    }
  }

  /** False when a total could not be written; it is written the next time. */
  async write(): Promise<boolean> {
    const today = Math.floor(this.#options.clock() / dayMs);
    for (const [id, total] of this.#totals) {
      if (total.dayNumber === today) continue;
      if (total.isDirty) this.#past.push(total);
      this.#totals.delete(id);
    }
    const dirty = [...this.#past, ...this.#totals.values()].filter(({ isDirty }) => isDirty);
    for (let i = 0; i < dirty.length; i += writesAtOnce)
      await Promise.all(dirty.slice(i, i + writesAtOnce).map((total) => this.#write(total)));
    this.#past = this.#past.filter(({ isDirty }) => isDirty);
    return dirty.every(({ isDirty }) => !isDirty);
  }

  async #write(total: Total): Promise<void> {
    const { usage, bootId, log } = this.#options;
    const { database, dayNumber, points, queries, queryMs } = total;
    total.isDirty = false;
    try {
      const day = dayOf(dayNumber * dayMs);
      if (!(await usage.setWork(database, day, bootId, { points, queries, queryMs })))
        log.error('the usage of a day could not be written in time and is lost', { databaseId: database.id, day });
    } catch {
      total.isDirty = true;
    }
  }
}
