// What an account may use per second or minute in this zone. A request is decided from memory; what it used is settled a little later
// with the count of the zone, which all processes of the zone share.

import type { Settlement } from './zone-count.ts';

/** How long a process goes without settling what it let through. */
const settleEveryMs = 100;

export interface BucketOptions {
  readonly windowMs: number;
  /** Adds to what the zone used in the running window. */
  readonly settle: (amount: number) => Promise<Settlement>;
  readonly clock: () => number;
  /** Calls back after so long. */
  readonly after: (delayMs: number, wake: () => void) => void;
}

/**
 * Open until the zone's share of a window is used up. What was let through beyond it is a debt, and settled in the next windows before
 * anything else is let through: so the rate holds in the long run, also for requests that are larger than a whole share.
 */
export class Bucket {
  readonly #options: BucketOptions;
  /** Of one window. */
  share = 0;
  /** Let through here, not settled yet. */
  #unsettled = 0;
  /** Undefined: open. */
  #opensAtMs: number | undefined;
  #isWaiting = false;
  #isSettling = false;

  constructor(options: BucketOptions) {
    this.#options = options;
  }

  /** Milliseconds until it opens; 0 when it is open. */
  closedForMs(): number {
    if (this.share <= 0) return this.#options.windowMs;
    return this.#opensAtMs === undefined ? 0 : Math.max(this.#opensAtMs - this.#options.clock(), 1);
  }

  take(amount: number): void {
    this.#unsettled += amount;
    if (this.#unsettled < this.share) {
      this.#wakeAfter(settleEveryMs);
    } else {
      // More than the zone may use at all: nothing that the others say can change that.
      this.#opensAtMs ??= this.#options.clock() + settleEveryMs;
      void this.#settle();
    }
  }

  #wakeAfter(delayMs: number): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.#options.after(delayMs, () => {
      this.#isWaiting = false;
      if (this.#unsettled > 0) void this.#settle();
      else this.#opensAtMs = undefined;
    });
  }

  async #settle(): Promise<void> {
    if (this.#isSettling) return;
    this.#isSettling = true;
    const amount = this.#unsettled;
    this.#unsettled = 0;
    const { used, windowEndsInMs } = await this.#options.settle(amount);
    this.#isSettling = false;
    const { windowMs, clock } = this.#options;
    // Of what is over, this process pays what it let through itself; the others pay theirs.
    const debt = Math.min(amount, Math.max(used - this.share, 0));
    this.#unsettled += debt;
    if (used < this.share) {
      this.#opensAtMs = undefined;
      if (this.#unsettled > 0) this.#wakeAfter(settleEveryMs);
    } else {
      this.#opensAtMs = clock() + windowEndsInMs + Math.floor(debt / Math.max(this.share, 1)) * windowMs;
      this.#wakeAfter(windowEndsInMs);
    }
  }
}
