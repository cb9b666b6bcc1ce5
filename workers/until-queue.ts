import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../src/base/log.ts';

const retryMs = 500;

/** The queue may come up after its consumer. Undefined when the consumer is stopped before. */
export async function untilQueue<T>(find: () => Promise<T>, stopped: AbortSignal, log: Log): Promise<T | undefined> {
  let reported = false;
  while (!stopped.aborted) {
    try {
      return await find();
    } catch (error) {
      if (!reported) log.warn('the queue is not there yet', { error });
      reported = true;
      await delay(retryMs, undefined, { signal: stopped }).catch(() => {});
    }
  }
  return undefined;
}
