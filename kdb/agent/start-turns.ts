// After a reboot every database of a host starts, and each replays its journal: all at once they take longer, and more memory, than a few after a few.

/** A journal may take minutes to replay. Such a database starts on, and the next one begins beside it. */
const defaultMaxTurnMs = 30_000;

export class StartTurns {
  readonly #atOnce: number;
  readonly #maxTurnMs: number;
  #taken = 0;
  /** Who asked first is served first. */
  readonly #waiting = new Set<() => void>();

  constructor(atOnce: number, maxTurnMs = defaultMaxTurnMs) {
    this.#atOnce = atOnce;
    this.#maxTurnMs = maxTurnMs;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Why a start that is asked for now waits; null: it does not. */
  get reason(): string | null {
    if (this.#taken < this.#atOnce) return null;
    return `it waits for its turn: ${this.#taken} other databases are starting`;
  }

  /** Resolves with what ends the turn: to be called when the start is over, whatever became of it. Once stopped, it waits for no turn. */
  async take(stop: AbortSignal): Promise<() => void> {
    if (this.#taken < this.#atOnce) this.#taken += 1;
    else if (stop.aborted || !(await this.#wait(stop))) return () => {};
    let isOver = false;
    const end = (): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(late);
      this.#pass();
    };
    const late = setTimeout(end, this.#maxTurnMs).unref();
    return end;
  }

  /** True: it has been given the turn of another one. */
  async #wait(stop: AbortSignal): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const given = (): void => resolve(true);
    this.#waiting.add(given);
    const stopped = (): void => {
      if (this.#waiting.delete(given)) resolve(false);
    };
    stop.addEventListener('abort', stopped, { once: true });
    const hasTurn = await promise;
    stop.removeEventListener('abort', stopped);
    return hasTurn;
  }

  #pass(): void {
    const [next] = this.#waiting;
    if (!next) {
      this.#taken -= 1;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
