// The management queue's consumer: checks each message and gives its task to the runner.

import type { Message, SQSClient } from '@aws-sdk/client-sqs';
import { Ajv, type JSONSchemaType } from 'ajv';
import type { Log } from '../src/base/log.ts';
import { queues } from '../src/base/names.ts';
import { type TaskMessage, visibilityS } from '../src/tasks/queue.ts';
import { contentOf, deadLetter, QueueConsumer } from './queue-consumer.ts';

/** Tasks that one worker has in hand at once. They mostly wait for others. */
const lanes = 4;

const messageSchema: JSONSchemaType<TaskMessage> = {
  type: 'object',
  required: ['taskId'],
  additionalProperties: false,
  properties: { taskId: { type: 'string', minLength: 1, maxLength: 64 } },
};
const isTaskMessage = new Ajv().compile(messageSchema);

export interface TaskConsumerOptions {
  readonly sqs: SQSClient;
  readonly queueUrl: string;
  readonly run: (taskId: string) => Promise<void>;
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
    if (isTaskMessage(content)) return this.#options.run(content.taskId);
    const reason = `not a task message: ${new Ajv().errorsText(isTaskMessage.errors)}`;
    await deadLetter(this.#options, queues.tasksDead, message, reason);
  }
}
