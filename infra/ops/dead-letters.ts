// Messages that nobody could do anything with, each with its reason.

import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageCommand,
  GetQueueUrlCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { ApiError } from '../../src/base/errors.ts';
import { ingest, queues } from '../../src/base/names.ts';
import { markerKey, outcomeKey } from '../../src/ingest/batch-name.ts';
import { isTaskKind } from '../../src/management/task-kinds.ts';
import { TaskQueue, type TaskWish } from '../../src/tasks/queue.ts';
import type { Session } from './session.ts';

/** SQS's own limit of a request. */
const batch = 10;
/** Looked at in one go. What is looked at is invisible to others until all is read, at most for so long. */
const maxLetters = 1_000;
const lookS = 120;

export type DeadQueue = typeof queues.tasksDead | typeof queues.feedDead | typeof ingest.dead;

export interface DeadLetter {
  readonly queue: DeadQueue;
  /** Of the message. */
  readonly id: string;
  readonly sentAt: string;
  readonly reason: string | null;
  readonly body: string;
}

/** Of tasks first, then of the feed, then of queued writes. They stay where they are. */
export async function deadLetters(sqs: SQSClient): Promise<DeadLetter[]> {
  const letters: DeadLetter[] = [];
  await takeLetters(sqs, async (letter) => {
    letters.push(letter);
    return false;
  });
  return letters;
}

/** Those that are there now, one after the other; what `take` gives true for is removed. What comes back meanwhile is not seen again. */
export async function takeLetters(sqs: SQSClient, take: (letter: DeadLetter) => Promise<boolean>): Promise<void> {
  for (const queue of [queues.tasksDead, queues.feedDead, ingest.dead] as const) {
    const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: queue }));
    const messages = await held(sqs, QueueUrl!);
    const kept = new Set(messages);
    try {
      for (const message of messages) {
        if (!(await take(letterOf(queue, message)))) continue;
        kept.delete(message);
        await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: message.ReceiptHandle }));
      }
    } finally {
      await show(sqs, QueueUrl!, [...kept]);
    }
  }
}

/** All that the queue has; nobody else sees them for a while. */
async function held(sqs: SQSClient, queueUrl: string): Promise<Message[]> {
  /** By id: one that comes twice has a newer receipt. */
  const found = new Map<string, Message>();
  while (found.size < maxLetters) {
    const messages = await receive(sqs, queueUrl);
    if (messages.length === 0) break;
    for (const message of messages) found.set(message.MessageId!, message);
  }
  return [...found.values()];
}

async function receive(sqs: SQSClient, queueUrl: string): Promise<Message[]> {
  const { Messages = [] } = await sqs.send(
    new ReceiveMessageCommand({
      QueueUrl: queueUrl,
      MaxNumberOfMessages: batch,
      VisibilityTimeout: lookS,
      // Asked for longer, SQS looks in all of its servers.
      WaitTimeSeconds: 1,
      MessageAttributeNames: ['reason'],
      MessageSystemAttributeNames: ['SentTimestamp'],
    }),
  );
  return Messages;
}

function letterOf(queue: DeadQueue, { MessageId, Attributes, MessageAttributes, Body = '' }: Message): DeadLetter {
  return {
    queue,
    id: MessageId!,
    sentAt: new Date(Number(Attributes?.['SentTimestamp'])).toISOString(),
    // What SQS itself put there, after too many receives, has none.
    reason: MessageAttributes?.['reason']?.StringValue ?? null,
    body: Body,
  };
}

/** Others may look at them at once. */
async function show(sqs: SQSClient, queueUrl: string, messages: readonly Message[]): Promise<void> {
  for (let at = 0; at < messages.length; at += batch) {
    const Entries = messages
      .slice(at, at + batch)
      .map(({ ReceiptHandle }, i) => ({ Id: String(i), ReceiptHandle, VisibilityTimeout: 0 }));
    await sqs.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: queueUrl, Entries }));
  }
}

/** It is given to the workers again. What came of it; an error leaves it where it is. */
export async function redrive(session: Session, { queue, body }: DeadLetter): Promise<string> {
  if (queue === queues.feedDead) {
    const sqs = session.sqs();
    const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: queues.feed }));
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: body }));
    return `sent to ${queues.feed}`;
  }
  if (queue === ingest.dead) return queueAgain(session, body);
  const about = contentOf(body);
  if ('taskId' in about) return retryTask(session, about.taskId);
  return `sent again; it becomes task ${await new TaskQueue(session.sqs()).sendWish(about)}`;
}

/** The batch waits again. One that was replayed is replayed once more instead. */
async function queueAgain({ objects, ingestTopic }: Session, body: string): Promise<string> {
  const [, database, name] = /^\{"database":"(db-[0-9a-f]{20})","name":"([\d/-]+[0-9a-f]{12})"\}$/.exec(body) ?? [];
  if (database === undefined) throw new Error('it is no message of a stored batch');
  await objects.remove(outcomeKey(database, name!));
  await objects.put(markerKey(database, name!), '');
  await ingestTopic.announce(database, `${database}-again-${Date.now()}`);
  return `batch ${name} waits again`;
}

async function retryTask(session: Session, id: string): Promise<string> {
  try {
    await session.announce(await session.management.tasks.retry(id, session.actor));
    return `task ${id} is queued again`;
  } catch (error) {
    // Somebody was here before.
    if (error instanceof ApiError && error.code === 'TaskNotRetryable') return error.message;
    throw error;
  }
}

function contentOf(body: string): { taskId: string } | TaskWish {
  let content: unknown;
  try {
    content = JSON.parse(body);
  } catch {
    throw new Error('it is no message of a task');
  }
  if (typeof content === 'object' && content !== null) {
    if ('taskId' in content && typeof content.taskId === 'string') return { taskId: content.taskId };
    if ('kind' in content && isTaskKind(content.kind)) return content as TaskWish;
  }
  throw new Error('it is no message of a task');
}
