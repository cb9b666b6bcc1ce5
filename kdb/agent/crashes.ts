// How long a database waits after its process ended. One crash is over in a moment; who keeps crashing is not started again and again.

const firstBackoffMs = 100;
/** A database whose volume is mended waits so long at most; a start takes 0.2 s of processor time. */
const maxBackoffMs = 5_000;
/** In use for more than so many times its back-off, it settles: its next end is the first of a new series of crashes. */
const settledBackoffs = 5;
/** So many ends, so close together, are a loop. */
const loopEnds = 5;
const loopWithinMs = 60_000;
/** Between two attempts in a loop; in use for longer than this, it has left the loop. */
const loopBackoffMs = 60_000;

export interface Pause {
  readonly state: 'crashed' | 'crash-loop';
  readonly backoffMs: number;
}

export class Crashes {
  #nextMs = firstBackoffMs;
  #endsMs: number[] = [];
  #isLoop = false;

  /** The process ended after it was in use for so long. Not by itself: it was killed while in use, or a volume is away, which may be mended at any time. */
  ended(usedMs: number, byItself: boolean, nowMs: number): Pause {
    if (usedMs > settledBackoffs * this.#nextMs) this.#nextMs = firstBackoffMs;
    if (!byItself || usedMs > loopBackoffMs) {
      this.#isLoop = false;
      this.#endsMs = [];
    }
    if (byItself) this.#endsMs = [...this.#endsMs.filter((endMs) => nowMs - endMs <= loopWithinMs), nowMs];
    this.#isLoop ||= this.#endsMs.length >= loopEnds;
    if (this.#isLoop) return { state: 'crash-loop', backoffMs: loopBackoffMs };
    const backoffMs = this.#nextMs;
    this.#nextMs = Math.min(2 * backoffMs, maxBackoffMs);
    return { state: 'crashed', backoffMs };
  }
}
