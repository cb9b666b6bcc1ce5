// New Relic's agent, where it is on. It is loaded before the program (names.ts has the options), so that it sees the modules that the program imports.

import { createRequire } from 'node:module';
import { watchSegments } from './segments.ts';

/** What is used of it: it has no types of its own. */
interface Agent {
  setTransactionName(name: string): void;
  startBackgroundTransaction<Result>(name: string, group: string, run: () => Result): Result;
  startSegment<Result>(name: string, record: boolean, run: () => Result): Result;
  shutdown(options: { readonly collectPendingData: boolean; readonly timeout: number }, done: () => void): void;
}

/** What the last figures may take to be sent when the process stops. */
const flushMs = 2_000;

/** Gives what has to be done at the stop. `on`: there is a licence key. */
export function watchWithNewRelic(on: boolean): () => Promise<void> {
  if (!on) return async () => {};
  const agent = createRequire(import.meta.url)('newrelic') as Agent;
  watchSegments({
    nameRequest: (route) => agent.setTransactionName(route),
    task: (name, run) => agent.startBackgroundTransaction(name, 'task', run),
    segment: (name, run) => agent.startSegment(name, true, run),
  });
  return () =>
    new Promise((resolve) => {
      setTimeout(resolve, flushMs).unref();
      agent.shutdown({ collectPendingData: true, timeout: flushMs }, () => resolve());
    });
}
