// The kinds of records that every region caches: where each stands in DynamoDB and in the caches.

import { cacheKeys, tables } from '../base/names.ts';
import { type Dynamo, type Item, readItem } from './dynamo.ts';
import { type Entry, entryOf } from './entry.ts';
import type { Account, Database, Series, Token, User } from './records.ts';

export interface RecordKinds {
  readonly account: Account;
  readonly user: User;
  readonly token: Token;
  readonly database: Database;
  readonly series: Series;
}

export type RecordKind = keyof RecordKinds;

export interface RecordKindDefinition<T> {
  readonly table: string;
  /** Of its keys in Redis. */
  readonly prefix: string;
  /** The key in DynamoDB of a cache key. */
  readonly itemKey: (key: string) => Item;
  readonly toRecord: (item: Item) => T;
  /** How old a copy may be served while DynamoDB does not answer. */
  readonly usableMs: number;
  /** Records that are about to change are read from DynamoDB each time. */
  readonly settled: (record: T) => boolean;
  /** That a process keeps. */
  readonly maxRecords: number;
}

const minuteMs = 60_000;
const dayMs = 24 * 3_600_000;

const laterMembers: Pick<Database, 'retentionDays' | 'futureHours' | 'spill' | 'schedules' | 'move'> = {
  retentionDays: null,
  futureHours: null,
  spill: false,
  schedules: { backup: null, retention: null },
  move: null,
};

export const recordKinds: { readonly [K in RecordKind]: RecordKindDefinition<RecordKinds[K]> } = {
  account: {
    table: tables.accounts,
    prefix: cacheKeys.account,
    itemKey: (id) => ({ id }),
    toRecord: (item) => item as unknown as Account,
    usableMs: dayMs,
    settled: () => true,
    maxRecords: 50_000,
  },
  user: {
    table: tables.users,
    prefix: cacheKeys.user,
    itemKey: (key) => pairOf(key, 'accountId', 'id'),
    toRecord: (item) => item as unknown as User,
    usableMs: 15 * minuteMs,
    settled: () => true,
    maxRecords: 50_000,
  },
  token: {
    table: tables.tokens,
    prefix: cacheKeys.token,
    itemKey: (hash) => ({ hash }),
    toRecord: toToken,
    usableMs: 15 * minuteMs,
    settled: () => true,
    maxRecords: 50_000,
  },
  database: {
    table: tables.databases,
    prefix: cacheKeys.database,
    itemKey: (key) => pairOf(key, 'accountId', 'name'),
    // A key of an index cannot be null, so an item without a host does not have it; the others came with a later version.
    toRecord: (item) => ({ hostId: null, ...laterMembers, ...item }) as unknown as Database,
    usableMs: dayMs,
    settled: ({ status }) => status === 'active',
    maxRecords: 50_000,
  },
  series: {
    table: tables.series,
    prefix: cacheKeys.series,
    itemKey: (key) => pairOf(key, 'databaseId', 'name'),
    toRecord: (item) => item as unknown as Series,
    usableMs: dayMs,
    settled: () => true,
    // One with as many fields as it may have takes 300 KB, and few requests look at any.
    maxRecords: 1_000,
  },
};

/** When it leaves by itself is the item's. */
export function toToken({ goneAtS: _goneAtS, ...item }: Item): Token {
  return item as unknown as Token;
}

export function userKey({ accountId, id }: Pick<User, 'accountId' | 'id'>): string {
  return `${accountId}/${id}`;
}

/** Ids have no slash, names may. */
export function databaseKey({ accountId, name }: Pick<Database, 'accountId' | 'name'>): string {
  return `${accountId}/${name}`;
}

export function seriesKey({ databaseId, name }: Pick<Series, 'databaseId' | 'name'>): string {
  return `${databaseId}/${name}`;
}

/** As DynamoDB has it now. */
export async function loadEntry<K extends RecordKind>(
  dynamo: Dynamo,
  kind: K,
  key: string,
): Promise<Entry<RecordKinds[K]>> {
  const { table, itemKey, toRecord } = recordKinds[kind];
  return entryOf(await readItem(dynamo, table, itemKey(key)), toRecord);
}

/** What stands before the first slash, and what after it. */
function pairOf(key: string, first: string, second: string): Item {
  const slash = key.indexOf('/');
  return { [first]: key.slice(0, slash), [second]: key.slice(slash + 1) };
}
