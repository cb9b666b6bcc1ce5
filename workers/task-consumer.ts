// The management queue's consumer: checks each message and gives its task to the runner.

import { setTimeout as delay } from 'node:timers/promises';
import { GetQueueUrlCommand, type Message, SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { Ajv, type JSONSchemaType } from 'ajv';
import { Consumer } from 'sqs-consumer';
import type { Log } from '../src/base/log.ts';
import { queues } from '../src/base/names.ts';
import { type TaskMessage, visibilityS } from '../src/tasks/queue.ts';

/** Tasks that one worker has in hand at once. They mostly wait for others. */
const lanes = 4;
const pollS = 20;
const extendEveryS = 5;
/** Between polls while the queue does not answer. The consumer itself would ask again at once. */
const pauseMs = 1_000;

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
  readonly #consumers: readonly Consumer[];
  /** Consumers that have a message in hand. */
  readonly #busy = new Set<Consumer>();
  readonly #stop = new AbortController();
  #away = false;

  constructor(options: TaskConsumerOptions) {
    this.#options = options;
    // One message each: a consumer takes the next ones only when all that it holds are done.
    this.#consumers = Array.from({ length: lanes }, () => this.#createConsumer());
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
        // Aborting would also abort the deletion of the message in hand.
        consumer.stop({ abort: !busy });
        if (busy) await new Promise<void>((resolve) => consumer.once('response_processed', () => resolve()));
      }),
    );
  }

  #createConsumer(): Consumer {
    const { sqs, queueUrl, log } = this.#options;
    const consumer = Consumer.create({
      sqs,
      queueUrl,
      waitTimeSeconds: pollS,
      visibilityTimeout: visibilityS,
      heartbeatInterval: extendEveryS,
      authenticationErrorTimeout: pauseMs,
      strictReturn: true,
      preReceiveMessageCallback: () => this.#pauseWhileAway(),
      postReceiveMessageCallback: async () => {
        this.#away = false;
      },
      handleMessage: (message) => this.#handle(message),
    });
    consumer.on('message_received', () => this.#busy.add(consumer));
    consumer.on('response_processed', () => this.#busy.delete(consumer));
    consumer.on('processing_error', (error) => log.warn('the message will come again', { error }));
    consumer.on('error', (error) => {
      if (!this.#away && consumer.status.isRunning) log.warn('the queue does not answer', { error });
      this.#away = true;
    });
    return consumer;
  }

  async #pauseWhileAway(): Promise<void> {
    if (this.#away) await delay(pauseMs, undefined, { signal: this.#stop.signal });
  }

  async #handle(message: Message): Promise<Message> {
    const content = parse(message.Body ?? '');
    if (isTaskMessage(content)) await this.#options.run(content.taskId);
    else await this.#deadLetter(message, `not a task message: ${new Ajv().errorsText(isTaskMessage.errors)}`);
    return message;
  }

  /** Beside what comes there by itself, with the reason. */
  async #deadLetter({ Body = '', MessageId }: Message, reason: string): Promise<void> {
    const { sqs, log } = this.#options;
    const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: queues.tasksDead }));
    await sqs.send(
      new SendMessageCommand({
        QueueUrl,
        MessageBody: Body,
        MessageAttributes: { reason: { DataType: 'String', StringValue: reason } },
      }),
    );
    log.error('a message went to the dead letters', { messageId: MessageId, reason });
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
