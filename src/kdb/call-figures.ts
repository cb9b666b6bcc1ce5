import { Durations } from '../base/durations.ts';
import { inSegment } from '../base/segments.ts';
import { calls } from './contract.ts';
import { ConnectionLost, EngineError } from './engine-error.ts';

/** Makes an engine call, and looks at how it goes. */
export type Measure = <Reply>(call: string, run: () => Promise<Reply>) => Promise<Reply>;

/** Looked at by nobody but who watches the process. */
export const unmeasured: Measure = (call, run) => inSegment(`engine/${call}`, run);

/** What engine calls took, from the wish to the answer: waiting for a connection is part of it. */
export class CallFigures {
  readonly #calls = new Map<string, Durations>();
  /** Calls that failed, by the engine's code or by what happened to the connection. */
  readonly failures: Record<string, number> = {};

  readonly measure: Measure = async (call, run) => {
    const startedMs = performance.now();
    try {
      return await inSegment(`engine/${call}`, run);
    } catch (error) {
      const cause = causeOf(error);
      this.failures[cause] = (this.failures[cause] ?? 0) + 1;
      throw error;
    } finally {
      this.#durationsOf(call).add((performance.now() - startedMs) / 1_000);
    }
  };

  *durations(): Generator<readonly [labels: { call: string; lane: string }, durations: Durations]> {
    for (const [call, durations] of this.#calls)
      yield [{ call, lane: calls[call as keyof typeof calls].lane }, durations];
  }

  #durationsOf(call: string): Durations {
    const durations = this.#calls.get(call) ?? new Durations();
    this.#calls.set(call, durations);
    return durations;
  }
}

export function causeOf(error: unknown): string {
  if (error instanceof EngineError) return error.code;
  return error instanceof ConnectionLost ? 'ConnectionLost' : 'other';
}
