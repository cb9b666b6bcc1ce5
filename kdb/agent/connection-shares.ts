// Who may have how many connections to each process of a database: q takes few, and refuses one more in a way that looks like a wrong password.

/** A client asks every second while it has connections, and opens none on an answer that is older than 3 s (src/kdb/allowance.ts). */
const forgottenAfterMs = 5_000;

interface Asker {
  /** What it was granted, or still has. */
  held: number;
  askedMs: number;
}

/** Of one database. What is granted is never more than there is: a share shrinks first, and grows when another one's has shrunk. */
export class ConnectionShares {
  readonly #available: number;
  readonly #clock: () => number;
  /** In the order of their coming. */
  readonly #askers = new Map<object, Asker>();

  constructor(available: number, clock: () => number = () => performance.now()) {
    this.#available = available;
    this.#clock = clock;
  }

  /** For who has so many now. With more askers than connections the last ones get none. */
  ask(asker: object, used: number): number {
    const nowMs = this.#clock();
    for (const [other, { askedMs }] of this.#askers)
      if (other !== asker && nowMs - askedMs > forgottenAfterMs) this.#askers.delete(other);
    const own = this.#askers.get(asker) ?? { held: 0, askedMs: nowMs };
    this.#askers.set(asker, own);
    const all = [...this.#askers];
    const place = all.findIndex(([other]) => other === asker);
    const fair = Math.floor(this.#available / all.length) + (place < this.#available % all.length ? 1 : 0);
    const others = all.reduce((sum, [other, { held }]) => sum + (other === asker ? 0 : held), 0);
    const granted = Math.max(0, Math.min(fair, this.#available - others));
    own.held = Math.max(granted, used);
    own.askedMs = nowMs;
    return granted;
  }

  leave(asker: object): void {
    this.#askers.delete(asker);
  }
}
