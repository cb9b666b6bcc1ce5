import type { Item, TransactionItem } from './dynamo.ts';

/** What is known of one key: `record` is null when there is nothing under it; a never-used key has version 0. */
export interface Entry<T> {
  readonly version: number;
  readonly record: T | null;
}

/** Longer than any copy of the record can be in use (record-kinds.ts: a day). */
const tombstoneKeptMs = 7 * 24 * 3_600_000;

/**
 * What remains of a removed record: its key and its last version, until `goneAtS`. A record that comes to the same key goes on
 * counting from there, so that caches, which only know "newer wins", can never mistake the old record for the new one.
 */
export function tombstone(key: Item, version: number, nowMs: number): Item {
  return { ...key, version, goneAtS: Math.ceil((nowMs + tombstoneKeptMs) / 1_000) };
}

/** The item under a key as an entry: a record, a tombstone or nothing. Every record has `createdAt`, and may have a `goneAtS` of its own. */
export function entryOf<T>(item: Item | undefined, toRecord: (item: Item) => T): Entry<T> {
  if (!item) return { version: 0, record: null };
  return { version: item['version'] as number, record: 'createdAt' in item ? toRecord(item) : null };
}

/** Writes a record or a tombstone if the key still has the version that was read before; 0: nothing was ever there. */
export function versionedPut(table: string, item: object, versionBefore: number): TransactionItem {
  return {
    Put: {
      TableName: table,
      Item: { ...item },
      ExpressionAttributeNames: { '#version': 'version' },
      ...(versionBefore === 0
        ? { ConditionExpression: 'attribute_not_exists(#version)' }
        : { ConditionExpression: '#version = :before', ExpressionAttributeValues: { ':before': versionBefore } }),
    },
  };
}
