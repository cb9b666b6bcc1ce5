import { setImmediate } from 'node:timers/promises';
import { EngineError } from '../../src/kdb/engine-error.ts';

/** Work on the one thread goes on for this long before others get a turn. */
const sliceMs = 4;

/** Lets inserts and other queries in while a long one runs, and ends it when its caller is gone or its time is over. */
export class Pace {
  readonly #signal: AbortSignal | undefined;
  #sliceEnd = performance.now() + sliceMs;

  constructor(signal?: AbortSignal) {
    this.#signal = signal;
    this.check();
  }

  /** Ask after every few thousand rows. */
  get isDue(): boolean {
    return performance.now() >= this.#sliceEnd;
  }

  async rest(): Promise<void> {
    await setImmediate();
    this.check();
    this.#sliceEnd = performance.now() + sliceMs;
  }

  check(): void {
    if (!this.#signal?.aborted) return;
    const reason: unknown = this.#signal.reason;
    if (reason instanceof EngineError) throw reason;
    throw new EngineError((reason as Error | undefined)?.name === 'TimeoutError' ? 'DeadlineExceeded' : 'Cancelled');
  }
}
