// What other changes have to do with an account in their own transaction: it must be open, and what it has is counted.

import { tables } from '../base/names.ts';
import type { Item, TransactionItem } from './dynamo.ts';

/** Refused when the account is suspended, about to be closed, or closed. */
export function requireOpen(accountId: string): TransactionItem {
  return {
    ConditionCheck: {
      TableName: tables.accounts,
      Key: { id: accountId },
      ConditionExpression: 'attribute_not_exists(#status) OR #status = :active',
      ExpressionAttributeNames: { '#status': 'status' },
      ExpressionAttributeValues: { ':active': 'active' },
    },
  };
}

/** What is counted stands beside the account, not in it: a count is no change that caches must hear of. */
export function countKey(accountId: string): Item {
  return { id: `count#${accountId}` };
}

export type Counted = 'databases' | 'owners' | 'users' | 'tokens';

/** At most one count of a transaction is bounded. */
export interface CountBound {
  readonly of: Counted;
  /** What is left at least. */
  readonly min?: number;
  /** What there may be; null: any number. */
  readonly max?: number | null;
}

/** What an account has more, or less, of. Refused when a count would leave its range. */
export function countItem(
  accountId: string,
  counts: Partial<Record<Counted, number>>,
  bound?: CountBound,
): TransactionItem {
  const names = Object.keys(counts) as Counted[];
  const limit = bound?.max ?? bound?.min;
  return {
    Update: {
      TableName: tables.accounts,
      Key: countKey(accountId),
      UpdateExpression: `ADD ${[...names, 'changes'].map((name) => `#${name} :${name}`).join(', ')}`,
      ExpressionAttributeNames: Object.fromEntries([...names, 'changes'].map((name) => [`#${name}`, name])),
      ExpressionAttributeValues: {
        ...Object.fromEntries(names.map((name) => [`:${name}`, counts[name]])),
        ':changes': 1,
        ...(limit !== undefined && { ':limit': limit }),
      },
      ...(bound?.max != null && {
        ConditionExpression: `#${bound.of} < :limit${bound.max > 0 ? ` OR attribute_not_exists(#${bound.of})` : ''}`,
      }),
      ...(bound?.min !== undefined && { ConditionExpression: `#${bound.of} > :limit` }),
    },
  };
}
