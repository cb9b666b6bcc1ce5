// Compares what the cache of a zone holds with DynamoDB, entry by entry.

import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Redis } from 'ioredis';
import { invalidationChannel } from '../base/names.ts';
import { type Dynamo, type Item, readItems } from './dynamo.ts';
import { type Entry, entryOf } from './entry.ts';
import { type RecordKind, recordKinds } from './record-kinds.ts';
import type { Token } from './records.ts';

/** Changes that are under way when it is first looked at are through by then. */
const settleMs = 3_000;
/** DynamoDB's most in one read. */
const batch = 100;

export interface Difference {
  readonly kind: RecordKind;
  readonly key: string;
  readonly cachedVersion: number;
  /** 0: there is nothing. */
  readonly storedVersion: number;
}

export interface Comparison {
  readonly entries: number;
  readonly differences: readonly Difference[];
}

interface Cached {
  readonly kind: RecordKind;
  readonly key: string;
  readonly redisKey: string;
  readonly version: number;
  /** Undefined: too large for the feed, nobody has asked for it since. */
  readonly record: object | null | undefined;
}

/** A difference is one that lasts: whatever differs at first is looked at again. */
export async function compareZone(redis: Redis, dynamo: Dynamo): Promise<Comparison> {
  let entries = 0;
  const suspects: string[] = [];
  for (const kind of Object.keys(recordKinds) as RecordKind[]) {
    const scan = redis.scanStream({ match: `${recordKinds[kind].prefix}*`, count: 1_000 });
    for await (const keys of scan as AsyncIterable<string[]>) {
      entries += keys.length;
      suspects.push(...(await differencesOf(redis, dynamo, kind, keys)).map(redisKeyOf));
    }
  }
  if (suspects.length === 0) return { entries, differences: [] };
  await delay(settleMs);
  const differences: Difference[] = [];
  for (const kind of Object.keys(recordKinds) as RecordKind[]) {
    // A key may come twice in a scan.
    const keys = [...new Set(suspects.filter((key) => key.startsWith(recordKinds[kind].prefix)))];
    differences.push(...(await differencesOf(redis, dynamo, kind, keys)));
  }
  return { entries, differences };
}

/** Takes the entries out; whoever reads next fetches them. */
export async function repairZone(redis: Redis, differences: readonly Difference[]): Promise<void> {
  for (const redisKey of differences.map(redisKeyOf))
    await redis.multi().del(redisKey).publish(invalidationChannel, redisKey).exec();
}

function redisKeyOf({ kind, key }: Difference): string {
  return recordKinds[kind].prefix + key;
}

async function differencesOf(
  redis: Redis,
  dynamo: Dynamo,
  kind: RecordKind,
  redisKeys: readonly string[],
): Promise<Difference[]> {
  const found: Difference[] = [];
  for (let start = 0; start < redisKeys.length; start += batch) {
    const cached = await readCached(redis, kind, redisKeys.slice(start, start + batch));
    const stored = await readStored(dynamo, kind, cached);
    for (const [i, { key, version, record }] of cached.entries()) {
      const { version: storedVersion, record: storedRecord } = stored[i]!;
      const same =
        (storedVersion === 0 && isOver(kind, record)) ||
        (record === null && storedRecord === null) ||
        (version === storedVersion && (record === undefined || isDeepStrictEqual(record, storedRecord)));
      if (!same) found.push({ kind, key, cachedVersion: version, storedVersion });
    }
  }
  return found;
}

/** An expired token leaves DynamoDB by itself; what a cache has of it is good for nothing. */
function isOver(kind: RecordKind, record: object | null | undefined): boolean {
  if (kind !== 'token' || !record) return false;
  const { expiresAt } = record as Token;
  return expiresAt !== null && Date.parse(expiresAt) <= Date.now();
}

async function readCached(redis: Redis, kind: RecordKind, redisKeys: readonly string[]): Promise<Cached[]> {
  const { prefix } = recordKinds[kind];
  const hashes = await Promise.all(redisKeys.map((key) => redis.hmget(key, 'version', 'record')));
  return redisKeys.flatMap((redisKey, i) => {
    const [version, record] = hashes[i]!;
    // It ran out since the scan.
    if (version == null) return [];
    const parsed = record == null ? undefined : (JSON.parse(record) as object | null);
    return [{ kind, key: redisKey.slice(prefix.length), redisKey, version: Number(version), record: parsed }];
  });
}

async function readStored(dynamo: Dynamo, kind: RecordKind, cached: readonly Cached[]): Promise<Entry<object>[]> {
  const { table, itemKey } = recordKinds[kind];
  const toRecord = recordKinds[kind].toRecord as (item: Item) => object;
  const keys = cached.map(({ key }) => itemKey(key));
  const items = await readItems(dynamo, table, keys);
  return keys.map((key) => {
    const item = items.find((each) => Object.entries(key).every(([name, value]) => each[name] === value));
    return entryOf(item, toRecord);
  });
}
