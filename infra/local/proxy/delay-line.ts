import { Duplex } from 'node:stream';

/** What is under way in one direction; more is not taken from the sender. */
const maxHeldBytes = 1024 * 1024;

interface DelayLineOptions {
  /** Asked when bytes come in. */
  readonly delayMs: () => number;
  /** Asked before bytes go out. */
  readonly isOpen: () => boolean;
}

/** What goes in comes out later, in the same order, the end included. */
export class DelayLine {
  readonly stream: Duplex;
  readonly #options: DelayLineOptions;
  /** A null is the end. */
  readonly #held: { readonly chunk: Buffer | null; readonly dueMs: number }[] = [];
  #heldBytes = 0;
  /** The receiver wants more. */
  #wanted = false;
  /** Called when the sender may go on. */
  #room: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: DelayLineOptions) {
    this.#options = options;
    this.stream = new Duplex({
      write: (chunk: Buffer, _encoding, done) => {
        this.#room = done;
        this.#hold(chunk);
      },
      final: (done) => {
        this.#hold(null);
        done();
      },
      read: () => {
        this.#wanted = true;
        this.release();
      },
      destroy: (error, done) => {
        clearTimeout(this.#timer);
        done(error);
      },
    });
  }

  #hold(chunk: Buffer | null): void {
    this.#held.push({ chunk, dueMs: performance.now() + this.#options.delayMs() });
    this.#heldBytes += chunk?.length ?? 0;
    this.release();
    this.#takeMore();
  }

  /** Lets out what is due. Also to be called when the way has been opened. */
  release(): void {
    clearTimeout(this.#timer);
    while (this.#wanted && this.#held.length > 0 && this.#options.isOpen() && !this.stream.destroyed) {
      const waitMs = this.#held[0]!.dueMs - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.release(), waitMs);
        return;
      }
      const { chunk } = this.#held.shift()!;
      this.#heldBytes -= chunk?.length ?? 0;
      this.#wanted = this.stream.push(chunk);
      this.#takeMore();
    }
  }

  #takeMore(): void {
    if (this.#heldBytes >= maxHeldBytes) return;
    const room = this.#room;
    this.#room = undefined;
    room?.();
  }
}
