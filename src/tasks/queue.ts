// Producer side of the management queues. The task's item is the truth; a message only says that somebody should look at it.

import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { queues } from '../base/names.ts';
import type { Task } from '../management/records.ts';
import { type TaskKind, type TaskQueueName, taskKinds } from '../management/task-kinds.ts';

export const queueNames: Readonly<Record<TaskQueueName, string>> = { interactive: queues.tasks, bulk: queues.bulk };
export const taskQueueNames = ['interactive', 'bulk'] as const satisfies readonly TaskQueueName[];

/** What a message needs of a task. */
export type SentTask = Pick<Task, 'id' | 'kind' | 'sends' | 'traceparent'>;

/** SQS's own limits. */
const maxDelayS = 900;
const batchSize = 10;
/** Longer than the lease's extension takes; a worker that holds a message extends it. */
export const visibilityS = 15;
/** SQS's most. A task that kills its workers is given up by its own count; this is for messages that cannot even be looked at. */
export const taskMaxReceives = 1_000;
/** SQS's longest: 14 days. */
export const deadRetentionS = 1_209_600;

/** The attribute of a message that names the trace it belongs to, as the header of a request does. */
export const traceAttribute = 'traceparent';

/** What a message holds. `send`: only the task's newest message means something; without it, it is taken as that. */
export interface TaskMessage {
  readonly taskId: string;
  readonly send?: number;
}

/** What operators put on a queue: a worker makes a task of it. Kinds that are about something that is still to be made cannot be wished for. */
export interface TaskWish {
  readonly kind: TaskKind;
  /** Id; null: it is about the service. */
  readonly database: string | null;
  readonly params: unknown;
  /** A person, for the audit. */
  readonly requestedBy: string;
}

/** A wish that comes twice makes one task. */
export function wishedTaskId(messageId: string): string {
  return `ops-${messageId}`;
}

/** As the queue counts them, about. */
export type QueueDepths = Readonly<Record<TaskQueueName, number>>;

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

export async function queueUrl(sqs: SQSClient, name: string): Promise<string> {
  const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: name }));
  return QueueUrl!;
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
  const redrive = { deadLetterTargetArn: Attributes?.['QueueArn'], maxReceiveCount: taskMaxReceives };
  for (const name of taskQueueNames) {
    await sqs.send(
      new CreateQueueCommand({
        QueueName: queueNames[name],
        Attributes: { VisibilityTimeout: String(visibilityS), RedrivePolicy: JSON.stringify(redrive) },
      }),
    );
  }
}

/** The two queues of a region's tasks. */
export class TaskQueue {
  readonly #sqs: SQSClient;
  readonly #urls = new Map<TaskQueueName, Promise<string>>();

  constructor(sqs: SQSClient) {
    this.#sqs = sqs;
  }

  /** Looked up once it is needed, so that a process starts without the queues. */
  async url(name: TaskQueueName): Promise<string> {
    let url = this.#urls.get(name);
    if (!url) {
      url = queueUrl(this.#sqs, queueNames[name]);
      this.#urls.set(name, url);
    }
    try {
      return await url;
    } catch (error) {
      this.#urls.delete(name);
      throw error;
    }
  }

  /** Messages of any state in each queue. Rejects when the queues do not answer. */
  async depths(): Promise<QueueDepths> {
    const [interactive, bulk] = await Promise.all(taskQueueNames.map((name) => this.#depth(name)));
    return { interactive: interactive!, bulk: bulk! };
  }

  async #depth(name: TaskQueueName): Promise<number> {
    const counts = [
      'ApproximateNumberOfMessages',
      'ApproximateNumberOfMessagesNotVisible',
      'ApproximateNumberOfMessagesDelayed',
    ] as const;
    const { Attributes } = await this.#sqs.send(
      new GetQueueAttributesCommand({ QueueUrl: await this.url(name), AttributeNames: [...counts] }),
    );
    return counts.reduce((sum, count) => sum + Number(Attributes?.[count] ?? 0), 0);
  }

  /** A task whose message cannot be sent is found by the sweeper: callers need not fail over it. */
  async sendTask(task: SentTask, delayMs = 0): Promise<void> {
    await this.#sqs.send(
      new SendMessageCommand({
        QueueUrl: await this.url(taskKinds[task.kind].queue),
        ...messageOf(task),
        DelaySeconds: Math.min(Math.ceil(delayMs / 1_000), maxDelayS),
      }),
    );
  }

  /** The id of the task that will be made of it, if it is valid. */
  async sendWish(wish: TaskWish): Promise<string> {
    const { MessageId } = await this.#sqs.send(
      new SendMessageCommand({
        QueueUrl: await this.url(taskKinds[wish.kind].queue),
        MessageBody: JSON.stringify(wish),
      }),
    );
    return wishedTaskId(MessageId!);
  }

  /** As few calls as it takes. */
  async sendTasks(tasks: readonly SentTask[]): Promise<void> {
    for (const name of taskQueueNames) {
      const own = tasks.filter(({ kind }) => taskKinds[kind].queue === name);
      for (let from = 0; from < own.length; from += batchSize) {
        const { Failed = [] } = await this.#sqs.send(
          new SendMessageBatchCommand({
            QueueUrl: await this.url(name),
            Entries: own.slice(from, from + batchSize).map((task, i) => ({ Id: String(i), ...messageOf(task) })),
          }),
        );
        if (Failed.length > 0) throw new Error(`${Failed.length} messages were not taken: ${Failed[0]!.Code}`);
      }
    }
  }
}

function messageOf({ id, sends, traceparent }: SentTask) {
  const message: TaskMessage = { taskId: id, send: sends };
  return {
    MessageBody: JSON.stringify(message),
    ...(traceparent !== null && {
      MessageAttributes: { [traceAttribute]: { DataType: 'String', StringValue: traceparent } },
    }),
  };
}
