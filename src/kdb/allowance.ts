// A q may take few connections (KDB-X without a paid licence: 8 in each process), whoever opens them. The host agent counts them over all clients of a
// database and tells each how many it may have; here they go to whoever in this client needs one most.

/** Who has connections to a process. */
export interface Holder {
  /** Since when it has calls and no connection; undefined: that is not so. */
  readonly starvingSinceMs: number | undefined;
  /** Closes a connection that no call uses; false: there is none. */
  yieldIdle(): boolean;
  /** There may be a connection for it. */
  wake(): void;
}

/** Who cannot have a connection for so long refuses its calls. */
export const busyAfterMs = 3_000;

/** The connections to one process. */
export class Slots {
  readonly #limit: () => number;
  readonly #holders: Holder[] = [];
  #taken = 0;

  constructor(limit: () => number = () => Number.POSITIVE_INFINITY) {
    this.#limit = limit;
  }

  get taken(): number {
    return this.#taken;
  }

  get isStarving(): boolean {
    return this.#holders.some(({ starvingSinceMs }) => starvingSinceMs !== undefined);
  }

  add(holder: Holder): void {
    this.#holders.push(holder);
  }

  /** Where there is none for who has none, another one's that is not used is closed: it wakes when that is done. */
  take(holder: Holder, isFirst: boolean): boolean {
    if (this.#taken < this.#limit()) {
      this.#taken++;
      return true;
    }
    if (isFirst) this.#holders.some((other) => other !== holder && other.yieldIdle());
    return false;
  }

  give(): void {
    this.#taken--;
    this.wake();
  }

  /** Whether a connection that is free now is to be closed: there are too many, or another one has calls and none. */
  isWanted(holder: Holder): boolean {
    if (this.#taken > this.#limit()) return true;
    return (
      this.#taken === this.#limit() &&
      this.#holders.some((other) => other !== holder && other.starvingSinceMs !== undefined)
    );
  }

  /** Who waits longest comes first. */
  wake(): void {
    const since = ({ starvingSinceMs = Number.POSITIVE_INFINITY }: Holder): number => starvingSinceMs;
    for (const holder of this.#holders.toSorted((a, b) => Math.sign(since(a) - since(b)) || 0)) holder.wake();
  }

  /** There may be fewer than before. */
  shrink(): void {
    for (let surplus = this.#taken - this.#limit(); surplus > 0; surplus--)
      if (!this.#holders.some((holder) => holder.yieldIdle())) return;
  }
}

/** How often the agent is asked while there are connections, more often while shares change; and how long its answer holds: it counts on a client for longer (connection-shares.ts). */
const askEveryMs = { settled: 1_000, changing: 200 };
const staleAfterMs = 3_000;

/** What this client may have of each process of a database. */
export class Allowance {
  readonly #ask: ((used: number) => Promise<number>) | undefined;
  readonly #processes: Slots[] = [];
  #share = 0;
  #askedMs = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** Without anybody to ask there is no limit. */
  constructor(ask?: (used: number) => Promise<number>) {
    this.#ask = ask;
  }

  /** Of one more process. */
  slots(): Slots {
    const slots = new Slots(() => this.#limit());
    this.#processes.push(slots);
    return slots;
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #limit(): number {
    if (!this.#ask) return Number.POSITIVE_INFINITY;
    if (performance.now() - this.#askedMs >= staleAfterMs) {
      this.#asking ??= this.#refresh();
      return 0;
    }
    // Who went idle has stopped to ask, and may have come back before the answer is stale.
    if (!this.#timer && !this.#asking) this.#askAgain(askEveryMs.changing);
    return this.#share;
  }

  async #refresh(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const askedMs = performance.now();
    const used = Math.max(...this.#processes.map(({ taken }) => taken));
    // An agent that is away counts nobody: what was, holds, and reads go on with one connection.
    this.#share = await this.#ask!(used).catch(() => Math.max(1, this.#share));
    this.#askedMs = askedMs;
    this.#asking = undefined;
    for (const process of this.#processes) {
      process.shrink();
      process.wake();
    }
    const isChanging = this.#processes.some(({ taken, isStarving }) => taken > this.#share || isStarving);
    const isUsed = this.#processes.some(({ taken }) => taken > 0);
    if (!isChanging && !isUsed) return;
    this.#askAgain(isChanging ? askEveryMs.changing : askEveryMs.settled);
  }

  #askAgain(afterMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#asking ??= this.#refresh();
    }, afterMs).unref();
  }
}
