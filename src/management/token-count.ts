// How many tokens an account has, for its limit. A token that expires tells nobody, and one that is revoked does not wait for the count, so
// the count may be too high: when it reaches the limit the tokens are counted again.

import { indexes, tables } from '../base/names.ts';
import { countKey } from './account-items.ts';
import { ConditionFailed, countItems, type Dynamo, readItem, updateItem } from './dynamo.ts';
import type { Token } from './records.ts';

/** An account at its limit could have all its tokens read with every request. */
const countAgainMs = 60_000;

export class TokenCount {
  readonly #dynamo: Dynamo;
  readonly #clock: () => number;

  constructor({ dynamo, clock }: { dynamo: Dynamo; clock: () => number }) {
    this.#dynamo = dynamo;
    this.#clock = clock;
  }

  /** They are revoked already: many at once would refuse each other if each had to change the count. */
  async removed(tokens: readonly Token[]): Promise<void> {
    if (tokens.length === 0) return;
    try {
      await updateItem(this.#dynamo, {
        TableName: tables.accounts,
        Key: countKey(tokens[0]!.accountId),
        UpdateExpression: 'ADD #tokens :less, changes :one',
        // The count of an account that is closed is gone.
        ConditionExpression: '#tokens >= :number',
        ExpressionAttributeNames: { '#tokens': 'tokens' },
        ExpressionAttributeValues: { ':less': -tokens.length, ':number': tokens.length, ':one': 1 },
      });
    } catch {
      // What is missing here is found when they are counted again.
    }
  }

  /** They were not counted a moment ago. */
  async isDue(accountId: string): Promise<boolean> {
    const counts = (await readItem(this.#dynamo, tables.accounts, countKey(accountId))) ?? {};
    return this.#clock() - ((counts['tokensCountedMs'] as number | undefined) ?? 0) >= countAgainMs;
  }

  /** False when they are being changed. The index may lack tokens of the last second; the next count has them. */
  async countAgain(accountId: string): Promise<boolean> {
    const nowMs = this.#clock();
    const counts = (await readItem(this.#dynamo, tables.accounts, countKey(accountId))) ?? {};
    const tokens = await countItems(this.#dynamo, {
      TableName: tables.tokens,
      IndexName: indexes.tokensByAccount,
      KeyConditionExpression: 'accountId = :account',
      // Of one that never expires it is null, which is not less than anything.
      FilterExpression: 'NOT expiresAt <= :now',
      ExpressionAttributeValues: { ':account': accountId, ':now': new Date(nowMs).toISOString() },
    });
    try {
      await updateItem(this.#dynamo, {
        TableName: tables.accounts,
        Key: countKey(accountId),
        UpdateExpression: 'SET #tokens = :tokens, tokensCountedMs = :now',
        ConditionExpression: 'changes = :changes',
        ExpressionAttributeNames: { '#tokens': 'tokens' },
        ExpressionAttributeValues: { ':tokens': tokens, ':now': nowMs, ':changes': counts['changes'] ?? 0 },
      });
    } catch (error) {
      if (error instanceof ConditionFailed) return false;
      throw error;
    }
    return true;
  }
}
