// Publishes what those who committed it could not, and keeps the feed's heart beating. Every worker of every region competes for it;
// one at a time does it.

import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../src/base/log.ts';
import type { ChangeEvent } from '../src/management/event.ts';
import type { Lease } from '../src/management/lease.ts';
import type { Outbox } from '../src/management/outbox.ts';
import type { Topic } from '../src/management/topic.ts';

const roundMs = 2_000;
/** Whoever committed an event is given so long to publish it. Measured here, from when it was first seen. */
const graceMs = 5_000;

export interface OutboxSweeperOptions {
  readonly lease: Pick<Lease, 'hold' | 'release'>;
  readonly outbox: Pick<Outbox, 'list' | 'remove'>;
  readonly topic: Pick<Topic, 'publish'>;
  readonly elapsedMs: () => number;
  readonly log: Log;
}

export class OutboxSweeper {
  readonly #options: OutboxSweeperOptions;
  readonly #stop = new AbortController();
  /** When each waiting event was first seen. */
  #seenMs = new Map<string, number>();
  #swept: Promise<void> = Promise.resolve();
  /** `elsewhere`: another worker does it. */
  readonly sweeps = { done: 0, elsewhere: 0, failed: 0 };
  /** Events whose writers did not publish them. */
  published = 0;

  constructor(options: OutboxSweeperOptions) {
    this.#options = options;
  }

  start(): void {
    this.#swept = this.#keepSweeping();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#swept;
    await this.#options.lease.release().catch((error: unknown) => {
      this.#options.log.warn('the lease of the feed was not given back', { error });
    });
  }

  async #keepSweeping(): Promise<void> {
    const { elapsedMs, log } = this.#options;
    let failing = false;
    while (!this.#stop.signal.aborted) {
      const startedMs = elapsedMs();
      try {
        await this.sweep();
        failing = false;
      } catch (error) {
        this.sweeps.failed += 1;
        if (!failing) log.warn('the outbox cannot be swept', { error });
        failing = true;
      }
      const restMs = Math.max(0, roundMs - (elapsedMs() - startedMs));
      await delay(restMs, undefined, { signal: this.#stop.signal }).catch(() => {});
    }
  }

  /** The heartbeat comes last, and only when nothing is overdue: it says that what came before it is out. */
  async sweep(): Promise<void> {
    const { lease, outbox, topic } = this.#options;
    const sequence = await lease.hold();
    if (sequence === undefined) {
      this.#seenMs.clear();
      this.sweeps.elsewhere += 1;
      return;
    }
    const overdue = this.#overdue(await outbox.list());
    const published = await topic.publish(overdue);
    for (const event of published) await outbox.remove(event);
    this.published += published.length;
    if (published.length < overdue.length) throw new Error(`${overdue.length - published.length} events were refused`);
    await topic.publish([{ kind: 'heartbeat', sequence }]);
    this.sweeps.done += 1;
  }

  #overdue(waiting: readonly ChangeEvent[]): ChangeEvent[] {
    const nowMs = this.#options.elapsedMs();
    this.#seenMs = new Map(waiting.map(({ id }) => [id, this.#seenMs.get(id) ?? nowMs]));
    return waiting.filter(({ id }) => nowMs - this.#seenMs.get(id)! >= graceMs);
  }
}
