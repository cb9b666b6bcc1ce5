import type { Item } from './dynamo.ts';
import type { Entry } from './redis-tier.ts';

/** Longer than any copy of the record can be in use (cache.ts: a day). */
const keptMs = 7 * 24 * 3_600_000;

/**
 * What remains of a removed record: its key and its last version, until `goneAtS`. A record that comes to the same key goes on
 * counting from there, so that caches, which only know "newer wins", can never mistake the old record for the new one.
 */
export function tombstone(key: Item, version: number, nowMs: number): Item {
  return { ...key, version, goneAtS: Math.ceil((nowMs + keptMs) / 1_000) };
}

/** The item under a key as a cache entry: a record, a tombstone or nothing. */
export function entryOf<T>(item: Item | undefined, toRecord: (item: Item) => T): Entry<T> {
  if (!item) return { version: 0, record: null };
  return { version: item['version'] as number, record: 'goneAtS' in item ? null : toRecord(item) };
}
