// The consumer of the change feed: brings every event to the caches of all zones of its region. A message is deleted when every zone
// has it, or is known to have lost it; until then it comes again.

import type { Message, SQSClient } from '@aws-sdk/client-sqs';
import { checkOf, schemas } from '../src/base/json-schema.ts';
import type { Log } from '../src/base/log.ts';
import { queues } from '../src/base/names.ts';
import type { ChangeEvent, FeedEvent } from '../src/management/event.ts';
import { recordKinds } from '../src/management/record-kinds.ts';
import { type FeedQueue, feedVisibilityS, findFeedQueue } from '../src/tasks/feed-queue.ts';
import { contentOf, deadLetter, QueueConsumer, queuedFor } from './queue-consumer.ts';
import type { ZoneWriter } from './zone-writer.ts';

const lanes = 4;
const batch = 10;
/** An event from so long ago says nothing about now, whatever way it came: the zones outlive it with what remains of a removed record. */
const believableMs = 3_600_000;
/** An event that could not be applied and does not come back was applied by another replicator. */
const comesBackWithinMs = 60_000;
/** A zone that does not take an event for so long is compared with DynamoDB when it is back. */
const heldAtMostMs = 300_000;
/** Five heartbeats. Whoever heard nothing for so long because the queue was away does not rely on it that nothing was lost. */
const absenceMs = 10_000;

const isFeedEvent = checkOf<FeedEvent>({
  oneOf: [
    {
      type: 'object',
      required: ['id', 'kind', 'key', 'version', 'at'],
      properties: {
        id: { type: 'string' },
        kind: { enum: Object.keys(recordKinds) },
        key: { type: 'string' },
        version: { type: 'integer', minimum: 1 },
        record: { type: ['object', 'null'] },
        at: { type: 'string' },
      },
    },
    {
      type: 'object',
      required: ['kind', 'sequence'],
      properties: { kind: { const: 'heartbeat' }, sequence: { type: 'integer' } },
    },
  ],
});

export interface FeedConsumerOptions {
  readonly sqs: SQSClient;
  readonly queue: FeedQueue;
  readonly zones: readonly ZoneWriter[];
  /** Milliseconds since 1970, and milliseconds that pass evenly. */
  readonly clock: () => number;
  readonly elapsedMs: () => number;
  readonly log: Log;
}

export class FeedConsumer {
  readonly #options: FeedConsumerOptions;
  readonly #consumer: QueueConsumer;
  /** When the last heartbeat came. */
  #beatMs: number;
  #queueMadeAt: string;
  /** Events that every zone took, that came too late for some zone, and that will come again. */
  readonly events = { applied: 0, lost: 0, held: 0 };
  /** Events that some zone did not take: since when, when they came last, and which zones are through with them. */
  readonly #held = new Map<string, { sinceMs: number; lastMs: number; taken: readonly boolean[] }>();

  constructor(options: FeedConsumerOptions) {
    this.#options = options;
    const { sqs, queue, log } = options;
    this.#queueMadeAt = queue.madeAt;
    this.#beatMs = options.elapsedMs();
    this.#consumer = new QueueConsumer({
      sqs,
      queueUrl: queue.url,
      lanes,
      batch,
      visibilityS: feedVisibilityS,
      handle: (messages) => this.#handle(messages),
      onReturn: () => this.#returned(),
      log,
    });
  }

  get queuedMs(): number {
    return this.#consumer.queuedMs;
  }

  start(): void {
    this.#consumer.start();
  }

  /** Takes no more messages, and resolves when what is in hand is done. */
  stop(): Promise<void> {
    return this.#consumer.stop();
  }

  /** One call that failed is no reason to read every record again. */
  async #returned(): Promise<void> {
    const { sqs, zones, elapsedMs, log } = this.#options;
    const { madeAt } = await findFeedQueue(sqs);
    const absentMs = Math.round(elapsedMs() - this.#beatMs);
    if (madeAt === this.#queueMadeAt && absentMs < absenceMs) return;
    log.warn('events may have been lost with the queue', { madeAt, absentMs });
    this.#queueMadeAt = madeAt;
    for (const zone of zones) zone.lose();
  }

  async #handle(messages: Message[]): Promise<Message[]> {
    const receivedMs = this.#options.elapsedMs();
    const done = await Promise.all(messages.map((message) => this.#apply(message, receivedMs)));
    return messages.filter((_, i) => done[i]);
  }

  async #apply(message: Message, receivedMs: number): Promise<boolean> {
    const { zones, elapsedMs } = this.#options;
    const event = contentOf(message);
    if (!isFeedEvent(event)) {
      const reason = `not an event of the feed: ${schemas.errorsText(isFeedEvent.errors)}`;
      await deadLetter(this.#options, queues.feedDead, message, reason);
      return true;
    }
    const queuedMs = queuedFor(message);
    const delayMs = queuedMs === undefined ? undefined : queuedMs + elapsedMs() - receivedMs;
    if (event.kind !== 'heartbeat') return this.#change(event, delayMs);
    this.#beatMs = elapsedMs();
    // One that comes again is of no use: the next is on its way.
    if (delayMs !== undefined) await Promise.all(zones.map((zone) => zone.beat(delayMs, this.heldMs())));
    return true;
  }

  async #change(event: ChangeEvent, delayMs: number | undefined): Promise<boolean> {
    const { zones, clock } = this.#options;
    // A copy of it that comes late, to a zone that has lost what it knew, is as old as the event. Of two machines' clocks only so much is
    // asked that they agree to the hour; a writer's that is behind makes its events older than they are, and somebody reads once more.
    const sinceMs = clock() - Date.parse(event.at);
    const believable = delayMs !== undefined && Math.abs(sinceMs) < believableMs;
    const ageMs = believable ? Math.max(delayMs, sinceMs) : undefined;
    // It is not brought again to a zone that took it: one that came back empty since would keep it, though it may have had a newer version.
    const before = this.#held.get(event.id)?.taken;
    const taken = await Promise.all(zones.map((zone, i) => before?.[i] || zone.apply(event, ageMs)));
    if (taken.includes(false) && !this.#heldTooLong(event, taken)) {
      this.events.held += 1;
      return false;
    }
    this.events[taken.includes(false) ? 'lost' : 'applied'] += 1;
    this.#held.delete(event.id);
    for (const [i, zone] of zones.entries()) if (!taken[i]) zone.lose();
    return true;
  }

  #heldTooLong({ id }: ChangeEvent, taken: readonly boolean[]): boolean {
    const nowMs = this.#options.elapsedMs();
    const sinceMs = this.#held.get(id)?.sinceMs ?? nowMs;
    this.#held.set(id, { sinceMs, lastMs: nowMs, taken });
    return nowMs - sinceMs > heldAtMostMs;
  }

  /** How long the oldest event waits that some zone has not taken. */
  heldMs(): number {
    const nowMs = this.#options.elapsedMs();
    let oldestMs = nowMs;
    for (const [id, { sinceMs, lastMs }] of this.#held) {
      if (nowMs - lastMs > comesBackWithinMs) this.#held.delete(id);
      else oldestMs = Math.min(oldestMs, sinceMs);
    }
    return nowMs - oldestMs;
  }
}
