// A management queue's consumer: checks each message and gives its task to the runner.

import { setTimeout as delay } from 'node:timers/promises';
import type { Message, SQSClient } from '@aws-sdk/client-sqs';
import { Ajv } from 'ajv';
import type { Log } from '../src/base/log.ts';
import { queues } from '../src/base/names.ts';
import { type TaskMessage, visibilityS } from '../src/tasks/queue.ts';
import { contentOf, deadLetter, QueueConsumer } from './queue-consumer.ts';
import { UnknownTask } from './task-runner.ts';

/** Messages of one queue that a worker has in hand at once. The kinds' own lanes bound the work. */
const lanes = 10;
/** After a task that there was no room for. */
const pauseMs = 500;

const messageSchema = {
  type: 'object',
  required: ['taskId'],
  additionalProperties: false,
  properties: {
    taskId: { type: 'string', minLength: 1, maxLength: 200 },
    send: { type: 'integer', minimum: 0 },
  },
};
const ajv = new Ajv();
const isTaskMessage = ajv.compile<TaskMessage>(messageSchema);

export interface TaskConsumerOptions {
  readonly sqs: SQSClient;
  readonly queueUrl: string;
  /** False: there was no room for it. */
  readonly run: (message: TaskMessage) => Promise<boolean>;
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
      // A lane takes the next ones only when all that it holds are done.
      batch: 1,
      visibilityS,
      handle: async (messages) => {
        for (const message of messages) await this.#handle(message);
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
    const content = contentOf(message);
    if (!isTaskMessage(content)) {
      const reason = `not a task message: ${ajv.errorsText(isTaskMessage.errors)}`;
      return deadLetter(this.#options, queues.tasksDead, message, reason);
    }
    try {
      if (!(await this.#options.run(content))) await delay(pauseMs);
    } catch (error) {
      if (!(error instanceof UnknownTask)) throw error;
      await deadLetter(this.#options, queues.tasksDead, message, error.message);
    }
  }
}
