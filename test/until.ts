import { setTimeout as delay } from 'node:timers/promises';

/** Polls until the condition gives something truthy, and gives that; fails with `what` when it takes too long. */
export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
  timeoutMs = 20_000,
): Promise<Exclude<NonNullable<T>, false>> {
  for (const deadline = Date.now() + timeoutMs; ; await delay(20)) {
    const value = await condition();
    if (value) return value as Exclude<NonNullable<T>, false>;
    if (Date.now() > deadline) throw new Error(`after ${timeoutMs} ms still not: ${what}`);
  }
}
