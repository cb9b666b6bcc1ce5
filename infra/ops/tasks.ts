import { Option } from 'commander';
import { apiError } from '../../src/base/errors.ts';
import { type Task, taskStates } from '../../src/management/records.ts';
import { serviceAccountId } from '../../src/management/task-item.ts';
import { taskKinds } from '../../src/management/task-kinds.ts';
import type { Commands } from './command.ts';
import { followTask, hasEnded } from './follow.ts';
import { wholeNumber } from './options.ts';
import { recordReport } from './report.ts';
import type { Session } from './session.ts';
import { findAccount } from './subjects.ts';
import { taskReport, tasksReport } from './task-report.ts';
import { type FollowOption, madeTask, withFollow } from './wish.ts';

const defaultLimit = 50;
const maxLimit = 1_000;

interface ListOptions {
  readonly account?: string;
  readonly state?: string;
  readonly kind?: string;
  readonly database?: string;
  readonly limit?: number;
}

export function taskCommands(commands: Commands): void {
  const tasks = commands.group('tasks', 'what the workers do: list, show, retry, cancel');

  commands.add<ListOptions>(tasks, {
    name: 'list',
    does: 'what is not finished in the region, then what the service itself had done there; with --account, what an account had done, the newest first',
    example: 'tasks list --account acme --state failed',
    options: (command) =>
      command
        .option('--account <account>', `id or name; ${serviceAccountId}: tasks of the service itself`)
        .addOption(new Option('--state <state>').choices(taskStates))
        .addOption(new Option('--kind <kind>').choices(Object.keys(taskKinds)))
        .option('--database <name>', 'by its name')
        .option('--limit <n>', `(${defaultLimit})`, wholeNumber(1, maxLimit)),
    work: async (session, _args, options) => tasksReport(await listed(session, options)),
  });

  commands.add<FollowOption>(tasks, {
    name: 'show <task>',
    does: 'a task with its attempts; with --follow, until it has ended (exit code 1 unless it succeeds)',
    example: 'tasks show ops-2f1e… --follow',
    options: withFollow,
    work: async (session, [id], { follow = false }) => {
      const task = await findTask(session, id!);
      return follow ? followTask(session, task.id) : taskReport(task);
    },
  });

  commands.add<FollowOption>(tasks, {
    name: 'retry <task>',
    does: 'queues a task again that has failed or was cancelled: the same one, from its checkpoint, with all its attempts',
    example: 'tasks retry ops-2f1e… --follow',
    options: withFollow,
    work: async (session, [id], options) => {
      const task = await session.management.tasks.retry(id!, session.actor);
      await session.announce(task);
      return madeTask(session, task, options);
    },
  });

  commands.add(tasks, {
    name: 'cancel <task>',
    does: 'a worker stops within 5 s and puts in order what the task left behind',
    example: 'tasks cancel ops-2f1e…',
    work: async (session, [id]) => {
      const task = await session.management.tasks.cancel(id!, session.actor);
      if (task.cleanUps !== null) await session.announce(task);
      return recordReport({ task: task.id, state: task.state, cancelRequested: task.cancelRequested });
    },
  });
}

async function findTask({ management }: Session, id: string): Promise<Task> {
  const task = await management.tasks.getTask(id);
  if (!task) throw apiError('TaskNotFound', { task: id });
  return task;
}

async function listed(session: Session, options: ListOptions): Promise<readonly Task[]> {
  const { account, state, kind, database, limit = defaultLimit } = options;
  const { tasks } = session.management;
  if (account === undefined) {
    if (state !== undefined && state !== 'queued' && state !== 'running')
      throw apiError('InvalidRequest', {
        reason: `tasks that have ${state} are listed by their account: --account <account>, or --account ${serviceAccountId} for those of the service itself`,
      });
    const unfinished = (await tasks.unfinishedIn(session.region, maxLimit))
      .filter((task) => state === undefined || task.state === state)
      .filter((task) => kind === undefined || task.kind === kind)
      .filter((task) => database === undefined || task.databaseName === database);
    // Nobody else looks after those: a host that could not be started is seen here.
    const own = state === undefined ? await ofAccount(session, serviceAccountId, options) : [];
    const ended = own.filter((task) => task.region === session.region && hasEnded(task));
    return [...unfinished, ...ended].slice(0, limit);
  }
  return ofAccount(session, account === serviceAccountId ? account : (await findAccount(session, account)).id, options);
}

async function ofAccount({ management }: Session, accountId: string, options: ListOptions): Promise<readonly Task[]> {
  const { state, kind, database, limit = defaultLimit } = options;
  const found: Task[] = [];
  let after: string | undefined;
  do {
    const page = await management.tasks.listTasks({
      accountId,
      state,
      kind,
      database,
      limit: limit - found.length,
      after,
    });
    found.push(...page.tasks);
    after = page.next ?? undefined;
  } while (after !== undefined && found.length < limit);
  return found;
}
