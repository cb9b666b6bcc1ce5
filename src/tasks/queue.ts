// Producer side of the management queue. The task's item is the truth; a message only says that somebody should look at it.

import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { queues } from '../base/names.ts';

/** SQS's own limit. */
const maxDelayS = 900;
/** Longer than the lease's extension takes; a worker that holds a message extends it. */
export const visibilityS = 15;
/** A message that came back so often kills or outlives its workers: to the dead letters. The sweeper still knows its task. */
const maxReceives = 10;
/** SQS's longest: 14 days. */
export const deadRetentionS = 1_209_600;

/** What a message holds. */
export interface TaskMessage {
  readonly taskId: string;
}

/** An endpoint means a local SQS, which takes any credentials; without one the environment's are used. */
export function createSqs({
  region,
  endpoint,
  maxAttempts = 3,
}: {
  region: string;
  endpoint: string | undefined;
  maxAttempts?: number;
}): SQSClient {
  return new SQSClient({
    region,
    maxAttempts,
    // The URL of a local queue names a host that only its own resolver knows.
    useQueueUrlAsEndpoint: false,
    // Long polling takes up to 20 s.
    requestHandler: { connectionTimeout: 1_000, requestTimeout: 25_000, throwOnRequestTimeout: true },
    ...(endpoint !== undefined && { endpoint, credentials: { accessKeyId: 'local', secretAccessKey: 'local' } }),
  });
}

/** Creates the queues of a region where they are missing: for a region on one machine; on AWS they are part of the stack. */
export async function ensureQueues(sqs: SQSClient): Promise<void> {
  const dead = await sqs.send(
    new CreateQueueCommand({
      QueueName: queues.tasksDead,
      Attributes: { MessageRetentionPeriod: String(deadRetentionS) },
    }),
  );
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: dead.QueueUrl, AttributeNames: ['QueueArn'] }),
  );
  const redrive = { deadLetterTargetArn: Attributes?.['QueueArn'], maxReceiveCount: maxReceives };
  await sqs.send(
    new CreateQueueCommand({
      QueueName: queues.tasks,
      Attributes: { VisibilityTimeout: String(visibilityS), RedrivePolicy: JSON.stringify(redrive) },
    }),
  );
}

export class TaskQueue {
  readonly #sqs: SQSClient;
  #url: Promise<string> | undefined;

  constructor(sqs: SQSClient) {
    this.#sqs = sqs;
  }

  /** Looked up once it is needed, so that a process starts without the queue. */
  async url(): Promise<string> {
    this.#url ??= this.#sqs.send(new GetQueueUrlCommand({ QueueName: queues.tasks })).then(({ QueueUrl }) => QueueUrl!);
    try {
      return await this.#url;
    } catch (error) {
      this.#url = undefined;
      throw error;
    }
  }

  /** Rejects when the queue does not answer. */
  async check(): Promise<void> {
    await this.#sqs.send(new GetQueueAttributesCommand({ QueueUrl: await this.url(), AttributeNames: ['QueueArn'] }));
  }

  /** A task whose message cannot be sent is found by the sweeper: callers need not fail over it. */
  async sendTask(taskId: string, delayMs = 0): Promise<void> {
    const message: TaskMessage = { taskId };
    await this.#sqs.send(
      new SendMessageCommand({
        QueueUrl: await this.url(),
        MessageBody: JSON.stringify(message),
        DelaySeconds: Math.min(Math.ceil(delayMs / 1_000), maxDelayS),
      }),
    );
  }
}
