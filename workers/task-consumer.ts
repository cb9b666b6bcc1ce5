// A management queue's consumer: checks each message and gives its task to the runner.

import { setTimeout as delay } from 'node:timers/promises';
import type { Message, SQSClient } from '@aws-sdk/client-sqs';
import type { Log } from '../src/base/log.ts';
import { queues } from '../src/base/names.ts';
import { continueTrace, inTrace } from '../src/base/trace.ts';
import { type TaskMessage, type TaskWish, traceAttribute, visibilityS } from '../src/tasks/queue.ts';
import { deadLetter, QueueConsumer } from './queue-consumer.ts';
import { InvalidMessage, readMessage } from './task-message.ts';

/** Messages of one queue that a worker has in hand at once. The kinds' own lanes bound the work. */
const lanes = 10;
const polls = 2;
/** After a task that there was no room for. */
const pauseMs = 500;

export interface TaskConsumerOptions {
  readonly sqs: SQSClient;
  readonly queueUrl: string;
  /** False: there was no room for it. */
  readonly run: (message: TaskMessage) => Promise<boolean>;
  /** Makes the task that somebody wishes. */
  readonly make: (wish: TaskWish, messageId: string) => Promise<unknown>;
  readonly log: Log;
}

export class TaskConsumer {
  readonly #options: TaskConsumerOptions;
  readonly #consumer: QueueConsumer;

  constructor(options: TaskConsumerOptions) {
    this.#options = options;
    const { sqs, queueUrl, log } = options;
    this.#consumer = new QueueConsumer({
      sqs,
      queueUrl,
      lanes,
      polls,
      // A lane takes the next ones only when all that it holds are done.
      batch: 1,
      visibilityS,
      handle: async (messages) => {
        for (const message of messages) {
          const traceparent = continueTrace(message.MessageAttributes?.[traceAttribute]?.StringValue);
          await inTrace(traceparent, {}, () => this.#handle(message));
        }
        return messages;
      },
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

  async #handle(message: Message): Promise<void> {
    const { run, make } = this.#options;
    try {
      const content = readMessage(message.Body ?? '');
      if ('kind' in content) await make(content, message.MessageId!);
      else if (!(await run(content))) await delay(pauseMs);
    } catch (error) {
      if (!(error instanceof InvalidMessage)) throw error;
      await deadLetter(this.#options, queues.tasksDead, message, error.message);
    }
  }
}
