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

/** Refused when the count would leave the range. */
export function countItem(
  accountId: string,
  what: 'owners' | 'databases',
  by: 1 | -1,
  { min, max }: { readonly min?: number; readonly max?: number | null } = {},
): TransactionItem {
  const bound = max ?? min;
  return {
    Update: {
      TableName: tables.accounts,
      Key: countKey(accountId),
      UpdateExpression: 'ADD #what :by',
      ExpressionAttributeNames: { '#what': what },
      ExpressionAttributeValues: { ':by': by, ...(bound !== undefined && { ':bound': bound }) },
      ...(max != null && {
        ConditionExpression: `#what < :bound${max > 0 ? ' OR attribute_not_exists(#what)' : ''}`,
      }),
      ...(min !== undefined && { ConditionExpression: '#what > :bound' }),
    },
  };
}
