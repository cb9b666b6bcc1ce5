/** So many at once; the others wait for their turn. */
export class Turns {
  readonly #places: number;
  readonly #taken = new Set<object>();
  readonly #waiting: (() => void)[] = [];

  constructor(places: number) {
    this.#places = places;
  }

  /** Who has a place keeps it. Rejects when the signal is aborted. */
  async take(who: object, signal: AbortSignal): Promise<void> {
    while (!this.#taken.has(who) && this.#taken.size >= this.#places) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
      signal.throwIfAborted();
    }
    this.#taken.add(who);
  }

  leave(who: object): void {
    this.#taken.delete(who);
    this.#waiting.shift()?.();
  }
}
