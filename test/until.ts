import { setTimeout as delay } from 'node:timers/promises';

const shortestMs = 20;
const longestMs = 100;

/**
 * Polls until the condition gives something truthy, and gives that; fails with `what` when it takes too long. What is long in coming
 * is asked for less often: what is waited for has the processor meanwhile.
 */
export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
  timeoutMs = 20_000,
): Promise<Exclude<NonNullable<T>, false>> {
  for (const startedAtMs = performance.now(); ; ) {
    const value = await condition();
    if (value) return value as Exclude<NonNullable<T>, false>;
    const waitedMs = performance.now() - startedAtMs;
    if (waitedMs > timeoutMs) throw new Error(`after ${timeoutMs} ms still not: ${what}`);
    await delay(Math.min(Math.max(waitedMs / 20, shortestMs), longestMs));
  }
}
