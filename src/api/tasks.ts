import { coversDatabase } from '../auth/token.ts';
import { apiError } from '../base/errors.ts';
import { type Task, taskStates } from '../management/records.ts';
import { taskKinds } from '../management/task-kinds.ts';
import { access } from './access.ts';
import { actorOf } from './actor.ts';
import { chosenAccount } from './chosen-account.ts';
import { cursor, nextCursor, pageAfter } from './page.ts';
import { replyJson } from './reply.ts';
import { readParameters, single, singleId } from './schema.ts';
import type { Context, Step } from './step.ts';

const defaultLimit = 100;

export const listTasks: Step[] = [
  ...access('read'),
  readParameters({
    type: 'object',
    additionalProperties: false,
    properties: {
      account: singleId,
      state: { enum: taskStates },
      kind: { enum: Object.keys(taskKinds) },
      database: single,
      limit: { type: 'string', pattern: '^([1-9]\\d{0,2}|1000)$' },
      cursor,
    },
  }),
  async function listTasks(context: Context): Promise<void> {
    const { account, state, kind, database, limit } = context.parameters as Readonly<
      Record<string, string | undefined>
    >;
    const after = pageAfter(context);
    if (after !== undefined && !/^\d{4}-[\dT:.-]+Z#./.test(after))
      throw apiError('InvalidRequest', { reason: 'cursor is not one that this route gave' });
    const { tasks, next } = await context.services.management.tasks.listTasks({
      accountId: chosenAccount(context, account),
      ...{ state, kind, database },
      limit: limit === undefined ? defaultLimit : Number(limit),
      after,
    });
    replyJson(context, 200, {
      tasks: tasks.filter((task) => coversTask(context, task)).map((task) => shownTask(task)),
      next: nextCursor({ next }),
    });
  },
];

export const getTask: Step[] = [
  ...access('read'),
  async function getTask(context: Context): Promise<void> {
    const task = await findTask(context);
    replyJson(context, 200, { task: shownWhole(task, context.token!.operator) });
  },
];

export const cancelTask: Step[] = [
  ...access('manage'),
  async function cancelTask(context: Context): Promise<void> {
    const { management, tasks, log } = context.services;
    const { id, requestedBy, kind, params } = await findTask(context);
    const { accountId, operator } = context.token!;
    const isOwnSchedule = kind === 'backup' && (params as { reason?: string }).reason === 'scheduled';
    // Moves and the like are not the customer's to stop.
    if (!operator && requestedBy.accountId !== accountId && !isOwnSchedule)
      throw apiError('TaskNotCancellable', { task: id, reason: 'the service or its operator asked for it' });
    const task = await management.tasks.cancel(id, actorOf(context));
    // What it left behind is put in order by a worker.
    if (task.cleanUps !== null) await tasks.announce(task, log);
    replyJson(context, 202, { task: shownTask(task) });
  },
];

/** Another account's task does not exist as far as the caller can tell; the operator sees all. */
async function findTask(context: Context): Promise<Task> {
  const id = context.params['task']!;
  const task = await context.services.management.tasks.getTask(id);
  const { accountId, operator } = context.token!;
  if (!task || !(operator || (task.accountId === accountId && coversTask(context, task))))
    throw apiError('TaskNotFound', { task: id });
  return task;
}

/** A task of the whole account is for tokens of the whole account. */
function coversTask({ token }: Context, { databaseName }: Task): boolean {
  return databaseName === null ? token!.databases === null : coversDatabase(token!, databaseName);
}

export function shownTask(task: Task): object {
  const { id, kind, state, region, databaseName, attempts, progress, error, waits, cancelRequested } = task;
  const { result, createdAt, startedAt, updatedAt } = task;
  const shown = { id, kind, state, region, database: databaseName, attempts, progress, waits, error, cancelRequested };
  return { ...shown, result, createdAt, startedAt, updatedAt };
}

/** Who worked on it is for the operator. */
function shownWhole(task: Task, toOperator: boolean): object {
  const history = task.history.map(({ owner, ...attempt }) => (toOperator ? { ...attempt, owner } : attempt));
  return { ...shownTask(task), history };
}
