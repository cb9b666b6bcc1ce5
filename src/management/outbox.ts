// Events that belong to committed changes and may not have been published yet. Usually empty: whoever commits publishes at once and
// takes the event out again; the sweeper does so for those who could not.

import { hash } from 'node:crypto';
import { DeleteCommand } from '@aws-sdk/lib-dynamodb';
import { tables } from '../base/names.ts';
import { countItems, type Dynamo, queryItems, type TransactionItem } from './dynamo.ts';
import { type ChangeEvent, encodeEvent } from './event.ts';

/** One partition takes a thousand writes a second. */
const shards = 8;
const shardNames = Array.from({ length: shards }, (_, i) => `outbox-${i}`);

export function outboxPut(event: ChangeEvent): TransactionItem {
  return { Put: { TableName: tables.outbox, Item: { ...outboxKey(event), event: encodeEvent(event) } } };
}

export class Outbox {
  readonly #dynamo: Dynamo;

  constructor(dynamo: Dynamo) {
    this.#dynamo = dynamo;
  }

  /** Up to `limit` of each shard, the oldest first. */
  async list(limit = 100): Promise<ChangeEvent[]> {
    const items = await Promise.all(
      shardNames.map((shard) => queryItems(this.#dynamo, { ...shardQuery(shard), Limit: limit }, limit)),
    );
    return items.flat().map((item) => JSON.parse(item['event'] as string) as ChangeEvent);
  }

  async depth(): Promise<number> {
    const counts = await Promise.all(shardNames.map((shard) => countItems(this.#dynamo, shardQuery(shard))));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  async remove(event: ChangeEvent): Promise<void> {
    await this.#dynamo.send(new DeleteCommand({ TableName: tables.outbox, Key: outboxKey(event) }));
  }
}

function outboxKey({ key, at, id }: ChangeEvent): { shard: string; at: string } {
  const shard = Number.parseInt(hash('md5', key).slice(0, 8), 16) % shards;
  return { shard: `outbox-${shard}`, at: `${at}#${id}` };
}

function shardQuery(shard: string) {
  return {
    TableName: tables.outbox,
    KeyConditionExpression: '#shard = :shard',
    ExpressionAttributeNames: { '#shard': 'shard' },
    ExpressionAttributeValues: { ':shard': shard },
    ConsistentRead: true,
  };
}
