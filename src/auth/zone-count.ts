// What the processes of a zone used together in the running window: a count in the zone's Redis, or, while that is away, one of this process alone.

import type { Redis } from 'ioredis';
import { RateLimiterMemory, RateLimiterRedis, RLWrapperTimeouts } from 'rate-limiter-flexible';

/** Redis answers in well under 1 ms; nobody waits for this answer. */
const redisTimeoutMs = 500;

export interface Settlement {
  /** By the whole zone, in the running window. */
  readonly used: number;
  readonly windowEndsInMs: number;
}

/** Adds what this process used, and tells what the zone has used by then. It never fails. */
export type ZoneCount = (key: string, amount: number) => Promise<Settlement>;

export function createZoneCount(redis: Redis | undefined, keyPrefix: string, windowS: number): ZoneCount {
  // Its points are never compared: each account has limits of its own.
  const options = { points: 1, duration: windowS, keyPrefix };
  const here = new RateLimiterMemory(options);
  const limiter =
    redis === undefined
      ? here
      : new RLWrapperTimeouts({
          limiter: new RateLimiterRedis({
            ...options,
            storeClient: redis,
            rejectIfRedisNotReady: true,
            insuranceLimiter: here,
          }),
          timeoutMs: redisTimeoutMs,
        });
  return async (key, amount) => {
    const { consumedPoints, msBeforeNext } = await limiter.penalty(key, Math.ceil(amount));
    return { used: consumedPoints, windowEndsInMs: Math.max(msBeforeNext, 1) };
  };
}
