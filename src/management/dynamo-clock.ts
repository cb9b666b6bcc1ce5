// The time by DynamoDB's clock. Leases, due times, heartbeats and expiries are written by one machine and judged by another, maybe in another
// region, and the clock of either may be wrong: a worker five minutes ahead would take every task from those who work on it.

import { randomUUID } from 'node:crypto';
import type { Dynamo } from './dynamo.ts';

/** Answers carry their time in whole seconds. */
const resolutionMs = 1_000;
/** An answer that took longer says too little of when it was written. */
const slowAnswerMs = 1_000;
/** Both together are wrong by a second at most, so a clock that is right is always left alone. */
const toleratedMs = 1_500;

interface Clocks {
  /** Of the machine, milliseconds since 1970. */
  readonly wallMs: () => number;
  readonly elapsedMs: () => number;
}

/** Milliseconds since 1970: by the machine's clock while it is right, else by DynamoDB's, counted on from what its answers tell. */
export function createDynamoClock(dynamo: Dynamo, { wallMs, elapsedMs }: Clocks): () => number {
  /** Of DynamoDB's clock to this process's counter; undefined: the machine's clock is right. */
  let offsetMs: number | undefined;
  const hear = (date: string | undefined, askedMs: number): void => {
    const answeredMs = elapsedMs();
    const saidMs = Date.parse(date ?? '') + resolutionMs / 2;
    if (Number.isNaN(saidMs) || answeredMs - askedMs > slowAnswerMs) return;
    const nowMs = saidMs + (answeredMs - askedMs) / 2;
    const isRight = (ms: number): boolean => Math.abs(ms - nowMs) <= toleratedMs;
    if (isRight(wallMs())) offsetMs = undefined;
    else if (offsetMs === undefined || !isRight(answeredMs + offsetMs)) offsetMs = nowMs - answeredMs;
  };
  dynamo.middlewareStack.add(
    (next) => async (args) => {
      const askedMs = elapsedMs();
      const result = await next(args);
      hear((result.response as { headers?: Record<string, string> }).headers?.['date'], askedMs);
      return result;
    },
    // The innermost: every attempt on its own, also one that is refused.
    { step: 'deserialize', priority: 'low', name: `clock-${randomUUID()}` },
  );
  return () => (offsetMs === undefined ? wallMs() : elapsedMs() + offsetMs);
}
