// One holder at a time, without comparing the clocks of two machines: the holder counts on, and whoever has seen the count stand still
// for long enough, by its own clock, takes over.

import { tables } from '../base/names.ts';
import { ConditionFailed, type Dynamo, type Item, putItem, readItem, updateItem } from './dynamo.ts';

export interface LeaseOptions {
  readonly dynamo: Dynamo;
  readonly name: string;
  /** Of this life of this process. */
  readonly owner: string;
  /** How long the count must stand still. Far longer than the holder's calls of `hold` are apart. */
  readonly patienceMs: number;
  readonly elapsedMs: () => number;
}

export class Lease {
  readonly #options: LeaseOptions;
  readonly #key: Item;
  #held = false;
  #seen: { owner: unknown; count: number; sinceMs: number } | undefined;

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#key = { shard: 'lease', at: options.name };
  }

  /** Takes the lease, or counts on. Gives the count, which only grows, or undefined when somebody else holds it. */
  async hold(): Promise<number | undefined> {
    try {
      return this.#held ? await this.#countOn() : await this.#take();
    } catch (error) {
      if (!(error instanceof ConditionFailed)) throw error;
      this.#held = false;
      return undefined;
    }
  }

  /** The next one need not wait. */
  async release(): Promise<void> {
    if (!this.#held) return;
    this.#held = false;
    await updateItem(this.#options.dynamo, {
      TableName: tables.outbox,
      Key: this.#key,
      UpdateExpression: 'REMOVE #owner',
      ConditionExpression: '#owner = :me',
      ExpressionAttributeNames: { '#owner': 'owner' },
      ExpressionAttributeValues: { ':me': this.#options.owner },
    });
  }

  async #countOn(): Promise<number> {
    const item = await updateItem(this.#options.dynamo, {
      TableName: tables.outbox,
      Key: this.#key,
      UpdateExpression: 'ADD #count :one',
      ConditionExpression: '#owner = :me',
      ExpressionAttributeNames: { '#owner': 'owner', '#count': 'count' },
      ExpressionAttributeValues: { ':me': this.#options.owner, ':one': 1 },
    });
    return item['count'] as number;
  }

  async #take(): Promise<number | undefined> {
    const { dynamo, owner, patienceMs, elapsedMs } = this.#options;
    const item = await readItem(dynamo, tables.outbox, this.#key);
    const have = { owner: item?.['owner'], count: (item?.['count'] as number | undefined) ?? 0 };
    if (have.owner !== undefined) {
      if (have.owner !== this.#seen?.owner || have.count !== this.#seen?.count)
        this.#seen = { ...have, sinceMs: elapsedMs() };
      if (elapsedMs() - this.#seen.sinceMs < patienceMs) return undefined;
    }
    const count = have.count + 1;
    await putItem(dynamo, tables.outbox, { ...this.#key, owner, count }, unchanged(item && have));
    this.#held = true;
    return count;
  }
}

function unchanged(have: { owner: unknown; count: number } | undefined): Parameters<typeof putItem>[3] {
  const names = { '#count': 'count' };
  if (!have) return { expression: 'attribute_not_exists(#count)', names };
  const values = { ':count': have.count };
  if (have.owner === undefined)
    return {
      expression: '#count = :count AND attribute_not_exists(#owner)',
      names: { ...names, '#owner': 'owner' },
      values,
    };
  return {
    expression: '#count = :count AND #owner = :owner',
    names: { ...names, '#owner': 'owner' },
    values: { ...values, ':owner': have.owner },
  };
}
