import type { Log } from '../base/log.ts';
import { causeOf, type Measure } from './call-figures.ts';

/** Each call has a line too, where the log has lines for finding faults: its name, what it took, and why it failed, never what it was given. */
export function loggedCalls(measure: Measure, databaseId: string, log: Log): Measure {
  if (!log.isLevelEnabled('debug')) return measure;
  return async (call, run) => {
    const startedMs = performance.now();
    const line = (fault?: string): void => {
      const durationMs = Math.round((performance.now() - startedMs) * 1000) / 1000;
      log.debug('engine call', { databaseId, call, durationMs, ...(fault !== undefined && { fault }) });
    };
    try {
      const reply = await measure(call, run);
      line();
      return reply;
    } catch (error) {
      line(causeOf(error));
      throw error;
    }
  };
}
