// The item about all series of a database: how many there are, and with which state of the database process they were last compared.
// Every change of a series changes it too, so that none can come after the database was removed.

import { tables } from '../base/names.ts';
import { ConditionFailed, type Dynamo, type Item, readItem, type TransactionItem, updateItem } from './dynamo.ts';
import { tombstone } from './entry.ts';

/** What the items of a database were found equal to. */
interface Compared {
  readonly catalogueVersion: number;
  /** The head's own `changes` at that time. */
  readonly changes: number;
}

export interface SeriesHead {
  readonly series: number;
  /** Transactions that changed series. */
  readonly changes: number;
  readonly compared: Compared | null;
  readonly removed: boolean;
}

/** Part of every transaction that changes series: refused when the database is gone, or when `max` would be passed. */
export function headUpdate(databaseId: string, added: number, max: number | null): TransactionItem {
  const bounded = added > 0 && max !== null;
  return {
    Update: {
      TableName: tables.series,
      Key: headKey(databaseId),
      UpdateExpression: 'ADD seriesCount :added, changes :one',
      ConditionExpression: bounded
        ? 'attribute_not_exists(goneAtS) AND (seriesCount <= :room OR (attribute_not_exists(seriesCount) AND :room >= :none))'
        : 'attribute_not_exists(goneAtS)',
      ExpressionAttributeValues: { ':added': added, ':one': 1, ...(bounded && { ':room': max - added, ':none': 0 }) },
    },
  };
}

export async function readHead(dynamo: Dynamo, databaseId: string): Promise<SeriesHead> {
  const item = (await readItem(dynamo, tables.series, headKey(databaseId))) ?? {};
  return {
    series: (item['seriesCount'] as number | undefined) ?? 0,
    changes: (item['changes'] as number | undefined) ?? 0,
    compared: (item['compared'] as Compared | undefined) ?? null,
    removed: 'goneAtS' in item,
  };
}

/** Nothing happens when a series was changed meanwhile. */
export async function markCompared(dynamo: Dynamo, databaseId: string, compared: Compared): Promise<void> {
  try {
    await updateItem(dynamo, {
      TableName: tables.series,
      Key: headKey(databaseId),
      UpdateExpression: 'SET compared = :compared, changes = :changes',
      ConditionExpression:
        'attribute_not_exists(goneAtS) AND (changes = :changes OR (attribute_not_exists(changes) AND :changes = :none))',
      ExpressionAttributeValues: { ':compared': compared, ':changes': compared.changes, ':none': 0 },
    });
  } catch (error) {
    if (!(error instanceof ConditionFailed)) throw error;
  }
}

/** From now on no series of the database can be stored. */
export async function closeHead(dynamo: Dynamo, databaseId: string, nowMs: number): Promise<void> {
  await updateItem(dynamo, {
    TableName: tables.series,
    Key: headKey(databaseId),
    UpdateExpression: 'SET goneAtS = :gone',
    ExpressionAttributeValues: { ':gone': tombstone({}, 0, nowMs)['goneAtS'] },
  });
}

function headKey(databaseId: string): Item {
  return { databaseId, name: '.' };
}
