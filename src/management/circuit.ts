/** So many faults in a row open the circuit, for so long; then one call is the probe. */
const faultsToOpen = 3;
const openMs = 1_000;

/** Calls that may fail: a fault, a late answer and an open circuit all give undefined. */
export class Circuit {
  readonly #deadlineMs: number;
  readonly #clock: () => number;
  readonly #report: (error: unknown) => void;
  #inARow = 0;
  #openUntilMs = 0;
  /** Calls that failed or came late. */
  faults = 0;

  constructor(options: { deadlineMs: number; clock: () => number; report: (error: unknown) => void }) {
    this.#deadlineMs = options.deadlineMs;
    this.#clock = options.clock;
    this.#report = options.report;
  }

  async attempt<R>(call: () => Promise<R>): Promise<R | undefined> {
    const nowMs = this.#clock();
    if (nowMs < this.#openUntilMs) return undefined;
    // Half open: the others wait for what the probe finds.
    if (this.#inARow >= faultsToOpen) this.#openUntilMs = nowMs + openMs;
    try {
      const reply = await withDeadline(call(), this.#deadlineMs);
      this.#inARow = 0;
      this.#openUntilMs = 0;
      return reply;
    } catch (error) {
      this.faults += 1;
      this.#inARow += 1;
      if (this.#inARow >= faultsToOpen) this.#openUntilMs = this.#clock() + openMs;
      this.#report(error);
      return undefined;
    }
  }
}

async function withDeadline<R>(reply: Promise<R>, deadlineMs: number): Promise<R> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${deadlineMs} ms`)), deadlineMs);
  });
  try {
    return await Promise.race([reply, late]);
  } finally {
    clearTimeout(timer);
  }
}
