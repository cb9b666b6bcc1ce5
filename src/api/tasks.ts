import { coversDatabase } from '../auth/token.ts';
import { apiError } from '../base/errors.ts';
import type { Task } from '../management/records.ts';
import { access } from './access.ts';
import { replyJson } from './reply.ts';
import type { Context, Step } from './step.ts';

export const listTasks: Step[] = [
  ...access('read'),
  async function listTasks(context: Context): Promise<void> {
    const tasks = await context.services.management.tasks.listTasks(context.token!.accountId);
    replyJson(context, 200, {
      tasks: tasks.filter((task) => coversTask(context, task)).map(shownTask),
    });
  },
];

export const getTask: Step[] = [
  ...access('read'),
  async function getTask(context: Context): Promise<void> {
    const id = context.params['task']!;
    const task = await context.services.management.tasks.getTask(id);
    if (task?.accountId !== context.token!.accountId || !coversTask(context, task))
      throw apiError('TaskNotFound', { task: id });
    replyJson(context, 200, { task: shownTask(task) });
  },
];

/** A task of the whole account is for tokens of the whole account. */
function coversTask({ token }: Context, { databaseName }: Task): boolean {
  return databaseName === null ? token!.databases === null : coversDatabase(token!, databaseName);
}

export function shownTask({
  id,
  kind,
  state,
  databaseName,
  attempts,
  progress,
  error,
  createdAt,
  updatedAt,
}: Task): object {
  return { id, kind, state, database: databaseName, attempts, progress, error, createdAt, updatedAt };
}
