import { apiError } from '../base/errors.ts';
import { limitsOf } from '../management/plans.ts';
import type { Account } from '../management/records.ts';

/** Refuses when the account was over its limit when its databases were measured last, about a minute ago. */
export function requireStorage(account: Account): void {
  if (account.overStorageBytes === null) return;
  const limit = limitsOf(account).storageBytes ?? Number.POSITIVE_INFINITY;
  throw apiError(
    'StorageLimitReached',
    { bytes: account.overStorageBytes, limit },
    { extra: { limit: 'storageBytes' } },
  );
}
