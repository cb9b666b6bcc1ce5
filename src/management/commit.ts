// The one way in which records that every region caches are changed: the records, what belongs to them and the events of the change
// feed are one transaction; then the caches of this region learn of it, and the other regions through the feed.

import type { Log } from '../base/log.ts';
import type { Caches } from './caches.ts';
import { type Dynamo, type TransactionItem, transact } from './dynamo.ts';
import { type Change, type ChangeEvent, eventOf } from './event.ts';
import { type Outbox, outboxPut } from './outbox.ts';
import { recordKinds } from './record-kinds.ts';
import type { Topic } from './topic.ts';
import type { ZoneCache } from './zone-cache.ts';

/** DynamoDB's own limits of one transaction. */
const maxItems = 100;
const maxBytes = 4 * 1024 * 1024;

export interface ChangesOptions {
  readonly dynamo: Dynamo;
  readonly caches: Caches;
  /** Of this process's zone, and of every zone of the region. */
  readonly zone: ZoneCache | undefined;
  readonly zones: readonly ZoneCache[];
  readonly outbox: Outbox;
  /** Undefined: events stay in the outbox until a sweeper publishes them. */
  readonly topic: Pick<Topic, 'publish'> | undefined;
  /** Milliseconds since 1970, and milliseconds that pass evenly. */
  readonly clock: () => number;
  readonly elapsedMs: () => number;
  readonly log: Log;
}

export class Changes {
  readonly #options: ChangesOptions;
  readonly #publishing = new Set<Promise<void>>();

  constructor(options: ChangesOptions) {
    this.#options = options;
  }

  /**
   * All of it or nothing. ConditionFailed says which of `items` were refused. Once the transaction is through, this never fails: what
   * could not be published stays in the outbox. When it resolves, every process of this region reads the new version.
   */
  async commit(items: readonly TransactionItem[], changes: readonly Change[]): Promise<void> {
    const { dynamo, clock, elapsedMs, topic } = this.#options;
    const events = changes.map((change) => eventOf(change, clock()));
    const transaction = [...items, ...events.map(outboxPut)];
    requireFits(transaction);
    const startedMs = elapsedMs();
    await transact(dynamo, transaction);
    if (topic) this.#publish(topic, events);
    await Promise.all(changes.map((change) => this.#spread(change, startedMs)));
  }

  /** Waits for what is being published. */
  async close(): Promise<void> {
    await Promise.all(this.#publishing);
  }

  /** Through the region. A zone that does not answer learns of it from the feed. */
  async #spread({ kind, key, version, record }: Change, startedMs: number): Promise<void> {
    const { caches, zone, zones, elapsedMs } = this.#options;
    const cache = caches[kind];
    cache.learn(key, { version, record: record as never });
    const entry = { version, record, ageMs: elapsedMs() - startedMs, news: true };
    await Promise.all(
      zones.map(async (each) => {
        const stands = await each.put(recordKinds[kind].prefix + key, entry);
        // Somebody changed it again meanwhile, and the news of that may have come before ours was kept.
        if (each === zone && stands && stands.version > version) cache.drop(key);
        await each.delivered();
      }),
    );
  }

  #publish(topic: Pick<Topic, 'publish'>, events: readonly ChangeEvent[]): void {
    const published = this.#publishAll(topic, events).finally(() => this.#publishing.delete(published));
    this.#publishing.add(published);
  }

  async #publishAll(topic: Pick<Topic, 'publish'>, events: readonly ChangeEvent[]): Promise<void> {
    const { outbox, log } = this.#options;
    try {
      for (const event of await topic.publish(events)) await outbox.remove(event);
    } catch (error) {
      log.warn('a change stays in the outbox for the sweeper', { error });
    }
  }
}

function requireFits(transaction: readonly TransactionItem[]): void {
  if (transaction.length > maxItems)
    throw new RangeError(`a change of ${transaction.length} items with their events; DynamoDB takes ${maxItems}`);
  const bytes = Buffer.byteLength(JSON.stringify(transaction));
  if (bytes > maxBytes) throw new RangeError(`a change of ${bytes} bytes with its events; DynamoDB takes ${maxBytes}`);
}
