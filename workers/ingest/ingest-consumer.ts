// The consumer of the queue of stored batches. A message names a database, and is done when nothing waits there any longer.

import { ChangeMessageVisibilityCommand, type Message, type SQSClient } from '@aws-sdk/client-sqs';
import { schemas } from '../../src/base/json-schema.ts';
import type { Log } from '../../src/base/log.ts';
import { ingest } from '../../src/base/names.ts';
import type { IngestMessage } from '../../src/tasks/ingest-queue.ts';
import { contentOf, deadLetter, QueueConsumer } from '../queue-consumer.ts';
import type { QueuedWriter } from './queued-writer.ts';

/** Databases that are written to side by side: each has one insert in memory at a time. */
const lanes = 8;
const polls = 2;

const isIngestMessage = schemas.compile<IngestMessage>({
  type: 'object',
  required: ['database'],
  properties: { database: { type: 'string', pattern: '^db-[0-9a-f]{20}$' } },
});

export interface IngestConsumerOptions {
  readonly sqs: SQSClient;
  readonly queueUrl: string;
  readonly writer: Pick<QueuedWriter, 'write'>;
  /** The queue answers again, and may have forgotten what it had. */
  readonly onReturn: () => Promise<void>;
  readonly log: Log;
}

export class IngestConsumer {
  readonly #options: IngestConsumerOptions;
  readonly #consumer: QueueConsumer;
  readonly #stopped = new AbortController();

  constructor(options: IngestConsumerOptions) {
    this.#options = options;
    const { sqs, queueUrl, onReturn, log } = options;
    this.#consumer = new QueueConsumer({
      ...{ sqs, queueUrl, lanes, polls, onReturn, log },
      // Messages of several databases in one hand would wait for the slowest.
      batch: 1,
      visibilityS: ingest.visibilityS,
      handle: async ([message]) => ((await this.#handle(message!)) ? [message!] : []),
    });
  }

  get queuedMs(): number {
    return this.#consumer.queuedMs;
  }

  start(): void {
    this.#consumer.start();
  }

  /** Takes no more messages, and resolves when the inserts in hand are done. */
  stop(): Promise<void> {
    this.#stopped.abort();
    return this.#consumer.stop();
  }

  /** False: it comes again, and until then nothing of its database does. */
  async #handle(message: Message): Promise<boolean> {
    const content = contentOf(message);
    if (!isIngestMessage(content)) {
      const reason = `not a message about stored batches: ${schemas.errorsText(isIngestMessage.errors)}`;
      await deadLetter(this.#options, ingest.dead, message, reason, 'unknown');
      return true;
    }
    const againMs = await this.#options.writer.write(content.database, this.#stopped.signal);
    if (againMs === undefined) return true;
    await this.#hide(message, againMs);
    return false;
  }

  async #hide({ ReceiptHandle }: Message, forMs: number): Promise<void> {
    const { sqs, queueUrl } = this.#options;
    const VisibilityTimeout = Math.ceil(forMs / 1_000);
    await sqs.send(new ChangeMessageVisibilityCommand({ QueueUrl: queueUrl, ReceiptHandle, VisibilityTimeout }));
  }
}
