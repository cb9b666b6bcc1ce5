// What accounts used: per day and database. Each process writes its own running totals, and readers add them up: writing a total twice
// changes nothing, and a process that dies takes only what it had not written yet.

import { tables } from '../base/names.ts';
import {
  assignments,
  ConditionFailed,
  type Dynamo,
  type Item,
  queryItems,
  type TransactionItem,
  transact,
  updateItem,
} from './dynamo.ts';
import type { Page } from './page.ts';
import type { Database } from './records.ts';

const dayMs = 24 * 3_600_000;
/** Totals are kept for so long. */
const keptMs = 400 * dayMs;
/** From its beginning, until when processes write their totals of a day, and from when on these may be folded: no two clocks are a day apart. */
const writableMs = 2 * dayMs;
const foldableMs = 3 * dayMs;
/** Days that are looked at for what is to be folded, in case nobody did. */
const foldedDays = 7;
/** A transaction takes 100 items; one is the sum. */
const foldedAtOnce = 99;
/** A page ends with the days in which it comes to so many rows, or days. */
const rowsPerPage = 1_000;
const daysPerPage = 32;
const daysAtOnce = 8;
/** Bytes are sampled once a minute; what was not sampled for so long is not stored any more. */
const sampleValidMs = 10 * 60_000;

export type UsedDatabase = Pick<Database, 'accountId' | 'id' | 'name'>;

/** Of one process, in one database, on one day. */
export interface Work {
  readonly points: number;
  readonly queries: number;
  readonly queryMs: number;
}

export interface DayOfUsage {
  /** UTC: 2026-01-31. */
  readonly day: string;
  readonly database: string;
  readonly points: number;
  readonly queries: number;
  readonly querySeconds: number;
  /** The day's last sample; null when there was none. */
  readonly storedBytes: number | null;
}

export class Usage {
  readonly #dynamo: Dynamo;
  readonly #clock: () => number;

  constructor({ dynamo, clock }: { dynamo: Dynamo; clock: () => number }) {
    this.#dynamo = dynamo;
    this.#clock = clock;
  }

  /** The total of a process: `bootId` is no other's, not even an earlier life's. False: it is too late for that day. */
  async setWork(
    database: UsedDatabase,
    day: string,
    bootId: string,
    { points, queries, queryMs }: Work,
  ): Promise<boolean> {
    if (this.#clock() - Date.parse(day) >= writableMs) return false;
    const total = { points, queries, queryMs };
    try {
      // A write that was held up must not undo a later one.
      await this.#set(
        database,
        `work#${day}#${database.id}#${bootId}`,
        total,
        'attribute_not_exists(#queries) OR (#points <= :points AND #queries <= :queries AND #queryMs <= :queryMs)',
      );
    } catch (error) {
      if (!(error instanceof ConditionFailed)) throw error;
    }
    return true;
  }

  /** Of days that are over: what each process did becomes one sum. Done again, or by two at once, it changes nothing. */
  async foldWork(database: UsedDatabase): Promise<void> {
    const newestMs = this.#clock() - foldableMs;
    for (let i = 0; i < foldedDays; i++) await this.#foldDay(database, dayOf(newestMs - i * dayMs));
  }

  async #foldDay(database: UsedDatabase, day: string): Promise<void> {
    const { accountId, id } = database;
    const prefix = `work#${day}#${id}#`;
    const sum = `${prefix}sum`;
    const items = await this.#between(accountId, prefix, `${prefix}~`);
    if (items.length < 2) return;
    const totals = items.filter(({ entry }) => entry !== sum);
    try {
      for (let at = 0; at < totals.length; at += foldedAtOnce) {
        const some = totals.slice(at, at + foldedAtOnce);
        // Each is taken away by the transaction that adds it, so it cannot be added twice.
        await transact(this.#dynamo, [this.#addition(accountId, sum, some), ...some.map(removal)]);
      }
    } catch (error) {
      // Somebody else folds it.
      if (!(error instanceof ConditionFailed)) throw error;
    }
  }

  #addition(accountId: string, entry: string, totals: readonly Item[]): TransactionItem {
    const sumOf = (name: string): number => totals.reduce((sum, item) => sum + (item[name] as number), 0);
    return {
      Update: {
        TableName: tables.usage,
        Key: { accountId, entry },
        UpdateExpression:
          'ADD points :points, queries :queries, queryMs :queryMs SET databaseName = :name, goneAtS = :gone',
        ExpressionAttributeValues: {
          ':points': sumOf('points'),
          ':queries': sumOf('queries'),
          ':queryMs': sumOf('queryMs'),
          ':name': totals.at(-1)!['databaseName'],
          ':gone': totals.at(-1)!['goneAtS'],
        },
      },
    };
  }

  async setStored(database: UsedDatabase, bytes: number): Promise<void> {
    const sampledAt = new Date(this.#clock()).toISOString();
    await this.#set(database, `stored#${dayOf(this.#clock())}#${database.id}`, { bytes, sampledAt });
  }

  /** The database is removed: what it stored counts no more. The day's sample stays. */
  async endStored({ accountId, id }: Pick<UsedDatabase, 'accountId' | 'id'>): Promise<void> {
    const nowMs = this.#clock();
    for (const day of new Set([dayOf(nowMs - sampleValidMs), dayOf(nowMs)])) {
      try {
        await updateItem(this.#dynamo, {
          TableName: tables.usage,
          Key: { accountId, entry: `stored#${day}#${id}` },
          UpdateExpression: 'SET removed = :true',
          ConditionExpression: 'attribute_exists(entry)',
          ExpressionAttributeValues: { ':true': true },
        });
      } catch (error) {
        if (!(error instanceof ConditionFailed)) throw error;
      }
    }
  }

  /** Whole days from `fromDay` to the one before `untilDay`, by day and name; the next page begins with the day `next`. */
  async pageOfDays(accountId: string, fromDay: string, untilDay: string): Promise<Page<DayOfUsage>> {
    const rows: DayOfUsage[] = [];
    let day = fromDay;
    for (let read = 0; day < untilDay && read < daysPerPage && rows.length < rowsPerPage; read += daysAtOnce) {
      const days: string[] = [];
      for (; day < untilDay && days.length < daysAtOnce; day = dayOf(Date.parse(day) + dayMs)) days.push(day);
      rows.push(...(await Promise.all(days.map((each) => this.#day(accountId, each)))).flat());
    }
    return { records: rows, next: day < untilDay ? day : null };
  }

  async #day(accountId: string, day: string): Promise<DayOfUsage[]> {
    const [work, stored] = await Promise.all([
      this.#between(accountId, `work#${day}#`, `work#${day}#~`),
      this.#between(accountId, `stored#${day}#`, `stored#${day}#~`),
    ]);
    const days = new Map<string, { -readonly [K in keyof DayOfUsage]: DayOfUsage[K] }>();
    const ofDatabase = (item: Item) => {
      const database = item['databaseName'] as string;
      const found = days.get(database) ?? { day, database, points: 0, queries: 0, querySeconds: 0, storedBytes: null };
      days.set(database, found);
      return found;
    };
    for (const item of work) {
      const sum = ofDatabase(item);
      sum.points += item['points'] as number;
      sum.queries += item['queries'] as number;
      sum.querySeconds += (item['queryMs'] as number) / 1_000;
    }
    // A name may have been another database's earlier that day: the younger sample is the one that holds.
    for (const item of stored.toSorted((a, b) => (`${a['sampledAt']}` < `${b['sampledAt']}` ? -1 : 1)))
      ofDatabase(item).storedBytes = item['bytes'] as number;
    return [...days.keys()].toSorted().map((database) => days.get(database)!);
  }

  /** Of all the account's databases, by their last samples. */
  async storedBytes(accountId: string): Promise<number> {
    const nowMs = this.#clock();
    const since = new Date(nowMs - sampleValidMs).toISOString();
    const items = await this.#between(accountId, `stored#${dayOf(nowMs - sampleValidMs)}`, `stored#${dayOf(nowMs)}~`);
    const newest = new Map<string, number>();
    for (const item of items) {
      if ((item['sampledAt'] as string) >= since && !item['removed'])
        newest.set((item['entry'] as string).split('#')[2]!, item['bytes'] as number);
    }
    return [...newest.values()].reduce((sum, bytes) => sum + bytes, 0);
  }

  /** Sets what is given and nothing else, so that repeating it changes nothing. */
  async #set({ accountId, name }: UsedDatabase, entry: string, values: Item, condition?: string): Promise<void> {
    const goneAtS = Math.ceil((this.#clock() + keptMs) / 1_000);
    const { set, ...placeholders } = assignments({ ...values, databaseName: name, goneAtS });
    await updateItem(this.#dynamo, {
      TableName: tables.usage,
      Key: { accountId, entry },
      UpdateExpression: `SET ${set}`,
      ...placeholders,
      ...(condition !== undefined && { ConditionExpression: condition }),
    });
  }

  #between(accountId: string, from: string, until: string): Promise<Item[]> {
    return queryItems(this.#dynamo, {
      TableName: tables.usage,
      KeyConditionExpression: 'accountId = :account AND entry BETWEEN :from AND :until',
      ExpressionAttributeValues: { ':account': accountId, ':from': from, ':until': until },
      ConsistentRead: true,
    });
  }
}

function removal({ accountId, entry, points, queries, queryMs }: Item): TransactionItem {
  return {
    Delete: {
      TableName: tables.usage,
      Key: { accountId, entry },
      ConditionExpression: 'points = :points AND queries = :queries AND queryMs = :queryMs',
      ExpressionAttributeValues: { ':points': points, ':queries': queries, ':queryMs': queryMs },
    },
  };
}

/** UTC. */
export function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
