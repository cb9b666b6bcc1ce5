// The loop of a queue's consumer: takes messages, keeps them invisible while they are worked on, deletes what was done, and waits
// patiently while the queue does not answer.

import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { GetQueueUrlCommand, type Message, SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { Consumer } from 'sqs-consumer';
import type { Log } from '../src/base/log.ts';
import { traceAttribute } from '../src/tasks/queue.ts';
import { Turns } from './turns.ts';

const pollS = 20;
const extendEveryS = 5;
/** Between polls while the queue does not answer. The consumer itself would ask again at once. */
const pauseMs = 1_000;

export interface QueueConsumerOptions {
  readonly sqs: SQSClient;
  readonly queueUrl: string;
  /** Polls that run side by side, and how many messages each may take at once. */
  readonly lanes: number;
  readonly batch: number;
  /** How many may wait for messages at once: what a queue hands to one that has died comes again only when its visibility ends. */
  readonly polls?: number;
  /** How long a message stays invisible when its consumer has died. */
  readonly visibilityS: number;
  /** Gives those that are done; the others come again. */
  readonly handle: (messages: Message[]) => Promise<Message[]>;
  /** The queue answers again. No message is handled before this is through. */
  readonly onReturn?: () => Promise<void>;
  readonly log: Log;
}

export class QueueConsumer {
  readonly #options: QueueConsumerOptions;
  readonly #consumers: readonly Consumer[];
  /** Consumers that have messages in hand. */
  readonly #busy = new Set<Consumer>();
  readonly #stop = new AbortController();
  readonly #polls: Turns;
  #away = false;
  /** How long the message that was taken last had waited, by the queue's own clock. */
  queuedMs = 0;
  #returning: Promise<void> | undefined;

  constructor(options: QueueConsumerOptions) {
    this.#options = options;
    this.#polls = new Turns(options.polls ?? options.lanes);
    this.#consumers = Array.from({ length: options.lanes }, () => this.#createConsumer());
  }

  start(): void {
    for (const consumer of this.#consumers) consumer.start();
  }

  /** Takes no more messages, and resolves when what is in hand is done. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(
      this.#consumers.map(async (consumer) => {
        const busy = this.#busy.has(consumer);
        // Aborting would also abort the deletion of the messages in hand.
        consumer.stop({ abort: !busy });
        if (busy) await new Promise<void>((resolve) => consumer.once('response_processed', () => resolve()));
      }),
    );
  }

  #createConsumer(): Consumer {
    const { sqs, queueUrl, batch, visibilityS, handle, log } = this.#options;
    const consumer: Consumer = Consumer.create({
      sqs,
      queueUrl,
      batchSize: batch,
      waitTimeSeconds: pollS,
      visibilityTimeout: visibilityS,
      heartbeatInterval: extendEveryS,
      messageAttributeNames: [traceAttribute],
      messageSystemAttributeNames: ['SentTimestamp', 'ApproximateFirstReceiveTimestamp', 'ApproximateReceiveCount'],
      authenticationErrorTimeout: pauseMs,
      strictReturn: true,
      preReceiveMessageCallback: async () => {
        await this.#pauseWhileAway();
        await this.#polls.take(consumer, this.#stop.signal);
      },
      postReceiveMessageCallback: async () => {
        this.#polls.leave(consumer);
        await this.#returned();
      },
      handleMessageBatch: handle,
    });
    consumer.on('message_received', (message) => {
      this.#busy.add(consumer);
      this.queuedMs = queuedFor(message) ?? this.queuedMs;
    });
    consumer.on('response_processed', () => this.#busy.delete(consumer));
    consumer.on('processing_error', (error) => log.warn('the messages will come again', { error }));
    consumer.on('error', (error) => {
      this.#polls.leave(consumer);
      if (!this.#away && consumer.status.isRunning) log.warn('the queue does not answer', { error });
      this.#away = true;
    });
    return consumer;
  }

  async #pauseWhileAway(): Promise<void> {
    if (this.#away) await delay(pauseMs, undefined, { signal: this.#stop.signal });
  }

  async #returned(): Promise<void> {
    if (!this.#away) return;
    this.#returning ??= (async () => {
      await this.#options.onReturn?.();
      this.#away = false;
    })().finally(() => {
      this.#returning = undefined;
    });
    await this.#returning;
  }
}

/** How long a message was in the queue, by the queue's own clock; undefined for one that comes again. */
export function queuedFor({ Attributes = {} }: Message): number | undefined {
  if (Attributes['ApproximateReceiveCount'] !== '1') return undefined;
  return Math.max(0, Number(Attributes['ApproximateFirstReceiveTimestamp']) - Number(Attributes['SentTimestamp']));
}

/** A message and its reason share SQS's 256 KiB; cut, it can still be recognised. */
const maxBodyBytes = 250_000;
const maxReasonLength = 1_000;

/** SQS refuses characters that XML has not, and what is empty. */
function printable(reason: string): string {
  return reason.slice(0, maxReasonLength).replace(/[^ -~]/g, '?') || '?';
}

/** To the dead letters, beside what comes there by itself, with the reason, which may repeat what is in the message. */
export async function deadLetter(
  { sqs, log }: { sqs: SQSClient; log: Log },
  queue: string,
  { Body = '', MessageId }: Pick<Message, 'Body' | 'MessageId'>,
  reason: string,
  /** Of a queue that keeps the order of groups. */
  group?: string,
): Promise<void> {
  const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: queue }));
  await sqs.send(
    new SendMessageCommand({
      QueueUrl,
      MessageBody: Buffer.byteLength(Body) < maxBodyBytes ? Body : Body.slice(0, maxBodyBytes / 4),
      MessageAttributes: { reason: { DataType: 'String', StringValue: printable(reason) } },
      ...(group !== undefined && { MessageGroupId: group, MessageDeduplicationId: randomUUID() }),
    }),
  );
  log.error('a message went to the dead letters', { messageId: MessageId });
}

/** The content of a message; undefined: it is no JSON. */
export function contentOf({ Body = '' }: Message): unknown {
  try {
    return JSON.parse(Body);
  } catch {
    return undefined;
  }
}
