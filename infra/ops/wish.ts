// Work that operators ask for goes through the queue, as a message that anybody may put there (README): a worker makes a task of it.

import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Database, Task, TaskKind } from '../../src/management/records.ts';
import { TaskQueue, type TaskWish } from '../../src/tasks/queue.ts';
import { deadLetters } from './dead-letters.ts';
import { followTask, hasEnded } from './follow.ts';
import type { Report } from './report.ts';
import type { Session } from './session.ts';
import { taskReport } from './task-report.ts';

/** A worker takes a message at once, when one runs. */
const madeWithinMs = 10_000;
const lookEveryMs = 200;

export interface FollowOption {
  readonly follow?: boolean;
}

/** The option of every command that makes a task. */
export function withFollow(command: Command): Command {
  return command.option('-f, --follow', 'look on until the task has ended; it fails unless the task succeeds');
}

/** The task, as soon as a worker has made it. */
export async function wishFor(
  session: Session,
  kind: TaskKind,
  database: Pick<Database, 'id' | 'region'> | null,
  params: object,
): Promise<Task> {
  const region = database?.region ?? session.region;
  const wish: TaskWish = { kind, database: database?.id ?? null, params, requestedBy: session.person };
  const id = await new TaskQueue(session.sqs(region)).sendWish(wish);
  const lastMs = performance.now() + madeWithinMs;
  while (performance.now() < lastMs) {
    const task = await session.management.tasks.getTask(id);
    if (task) return task;
    await delay(lookEveryMs, undefined, { signal: session.signal });
  }
  const refused = (await deadLetters(session.sqs(region))).find(({ body }) => body === JSON.stringify(wish));
  throw new Error(
    refused
      ? `the workers refuse it: ${refused.reason} (dead letter ${refused.id})`
      : `the message is in the queue of ${region}, and no worker has taken it yet; it will become task ${id}`,
  );
}

/** What a command answers that made a task. */
export async function madeTask(session: Session, task: Task, { follow = false }: FollowOption): Promise<Report> {
  if (follow) return followTask(session, task.id);
  const report = taskReport(task);
  const hint = hasEnded(task) ? '' : `\nLook on: npm run ops -- tasks show ${task.id} --follow\n`;
  return { ...report, text: `${report.text}${hint}` };
}

export async function wishAndFollow(
  session: Session,
  kind: TaskKind,
  database: Pick<Database, 'id' | 'region'> | null,
  params: object,
  options: FollowOption,
): Promise<Report> {
  return madeTask(session, await wishFor(session, kind, database, params), options);
}
