import type { TaskProgress } from '../src/management/records.ts';

/** A rate is of the last while, so that it says how things go now. */
const windowMs = 30_000;
const keptSamples = 60;

interface Sample {
  readonly atMs: number;
  readonly done: number;
}

/** Makes a rate, and with it the time that is left, of how much was done when. */
export class ProgressMeter {
  readonly #elapsedMs: () => number;
  #samples: Sample[] = [];

  constructor(elapsedMs: () => number) {
    this.#elapsedMs = elapsedMs;
  }

  measure(done: number, total: number | null, unit: string): TaskProgress {
    const atMs = this.#elapsedMs();
    // What counts back is counted anew.
    if (done < (this.#samples.at(-1)?.done ?? 0)) this.#samples = [];
    this.#samples.push({ atMs, done });
    while (this.#samples.length > keptSamples || atMs - this.#samples[0]!.atMs > windowMs) {
      if (this.#samples.length <= 2) break;
      this.#samples.shift();
    }
    const first = this.#samples[0]!;
    const ratePerS = atMs > first.atMs ? ((done - first.done) * 1_000) / (atMs - first.atMs) : null;
    const etaS = total !== null && ratePerS !== null && ratePerS > 0 ? Math.ceil((total - done) / ratePerS) : null;
    return { done, total, unit, ratePerS: ratePerS === null ? null : Number(ratePerS.toPrecision(4)), etaS };
  }
}
