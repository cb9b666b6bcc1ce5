// Rates that an account may not exceed: points per second, query seconds per minute. Each zone gives out its share of an account's limit.

import type { Redis } from 'ioredis';
import { apiError } from '../base/errors.ts';
import { rateKeys } from '../base/names.ts';
import { recentEntries } from '../base/recent.ts';
import { type LimitedAccount, type LimitName, limitsOf } from '../management/plans.ts';
import { Bucket } from './bucket.ts';
import { createZoneCount } from './zone-count.ts';

/** Accounts whose use this process remembers. */
const maxBuckets = 20_000;

export type RateName = Extract<LimitName, 'pointsPerSecond' | 'querySecondsPerMinute'>;

interface Rate {
  readonly windowS: number;
  /** Of the unit in which the use is counted, per unit of the limit: query time is counted in milliseconds. */
  readonly scale: number;
}

const rates: Readonly<Record<RateName, Rate>> = {
  pointsPerSecond: { windowS: 1, scale: 1 },
  querySecondsPerMinute: { windowS: 60, scale: 1_000 },
};

export type ThrottledAccount = LimitedAccount & { readonly id: string };

export interface ThrottleOptions {
  /** Of this process's zone. */
  readonly redis: Redis | undefined;
  /** Between which an account's limit is divided. */
  readonly healthyZones: () => number;
}

export class Throttle {
  readonly #options: ThrottleOptions;
  readonly #buckets: Readonly<Record<RateName, (accountId: string) => Bucket>>;
  /** Requests refused, by limit. */
  readonly refused: Record<RateName, number> = { pointsPerSecond: 0, querySecondsPerMinute: 0 };

  constructor(options: ThrottleOptions) {
    this.#options = options;
    this.#buckets = {
      pointsPerSecond: this.#bucketsOf('pointsPerSecond'),
      querySecondsPerMinute: this.#bucketsOf('querySecondsPerMinute'),
    };
  }

  /** Refuses when the account has used up its share of the limit. */
  check(account: ThrottledAccount, rate: RateName): void {
    const limit = limitsOf(account)[rate];
    if (limit === null) return;
    const closedForMs = this.#bucket(account.id, rate, limit).closedForMs();
    if (closedForMs === 0) return;
    this.refused[rate] += 1;
    throw apiError(
      'RateLimited',
      { limit: rate, value: limit },
      { extra: { limit: rate }, retryAfterS: Math.ceil(closedForMs / 1_000) },
    );
  }

  /** Counts what a request used: points, or seconds. */
  take(account: ThrottledAccount, rate: RateName, amount: number): void {
    const limit = limitsOf(account)[rate];
    if (limit !== null && amount > 0) this.#bucket(account.id, rate, limit).take(amount * rates[rate].scale);
  }

  #bucket(accountId: string, rate: RateName, limit: number): Bucket {
    const bucket = this.#buckets[rate](accountId);
    bucket.share = (limit * rates[rate].scale) / this.#options.healthyZones();
    return bucket;
  }

  #bucketsOf(rate: RateName): (accountId: string) => Bucket {
    const { windowS } = rates[rate];
    const count = createZoneCount(this.#options.redis, rateKeys[rate], windowS);
    const buckets = recentEntries<string, Bucket>(maxBuckets);
    return (accountId) => {
      let bucket = buckets.get(accountId);
      if (!bucket) {
        bucket = new Bucket({
          windowMs: windowS * 1_000,
          settle: (amount) => count(accountId, amount),
          clock: () => performance.now(),
          after: (delayMs, wake) => setTimeout(wake, delayMs).unref(),
        });
        buckets.set(accountId, bucket);
      }
      return bucket;
    };
  }
}
