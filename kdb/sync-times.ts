import { Durations } from '../src/base/durations.ts';

/** As many of the latest syncs are looked at: more than a minute of a host that is not in need. */
const kept = 4_096;

/** How long the syncs of journals took. */
export class SyncTimes {
  /** Of all. */
  readonly durations = new Durations();
  readonly #latest = new Float64Array(kept);
  #count = 0;

  add(durationS: number): void {
    this.durations.add(durationS);
    this.#latest[this.#count++ % kept] = durationS;
  }

  /** What 99 of 100 syncs since the last time did not exceed; undefined: there was none. */
  takeP99(): number | undefined {
    const sorted = this.#latest.slice(0, Math.min(this.#count, kept)).sort();
    this.#count = 0;
    return sorted[Math.ceil(sorted.length * 0.99) - 1];
  }
}
