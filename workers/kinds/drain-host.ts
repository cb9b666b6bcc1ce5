import type { Database, Task } from '../../src/management/records.ts';
import { type Kind, Permanent, Postponed, type TaskRun } from './kind.ts';

const lookEveryMs = 2_000;
/** Moves under way: each reads and writes a host's volumes at once. */
const atOnce = 3;
/** Of the move of one database. */
const maxTries = 3;

export interface DrainParams {
  readonly host: string;
}

/** Databases whose moves have failed, by name of account and database, are tried again by other tasks. */
export interface DrainCheckpoint {
  readonly total: number;
  readonly tries: Readonly<Record<string, number>>;
}

export interface DrainResult {
  readonly moved: number;
}

type DrainRun = TaskRun<DrainParams, DrainCheckpoint>;

/** The host gets no more databases, and those that it has move away, each by a task of its own, few at once. */
export const drainHost: Kind<DrainParams, DrainCheckpoint, DrainResult> = {
  lanes: 2,
  timeLimitMs: 7 * 24 * 3_600_000,
  maxAttempts: 20,
  params: {
    type: 'object',
    required: ['host'],
    additionalProperties: false,
    properties: { host: { type: 'string', minLength: 1, maxLength: 64 } },
  },
  async run(run) {
    const { task, params, services, progress } = run;
    const { hosts, databases, clock } = services.management;
    const host = await hosts.getHost(params.host);
    if (!host) throw new Permanent(`there is no host ${params.host}`);
    if (!host.cordoned) await hosts.cordon(host.id, true, task.requestedBy);
    if (host.drain?.taskId !== task.id) await hosts.setDrain(host.id, { taskId: task.id, done: false });
    const here = await databases.databasesOfHost(host.id);
    const leaving = here.filter(({ status }) => status !== 'failed');
    const before = run.checkpoint ?? { total: leaving.length, tries: {} };
    const { waiting, stuck, tries } = await moveSome(run, leaving, before.tries);
    await run.saveCheckpoint({ total: Math.max(before.total, leaving.length), tries });
    const total = Math.max(before.total, leaving.length);
    progress(total - leaving.length, total, 'databases');
    if (waiting) throw new Postponed(clock() + lookEveryMs, waiting);
    if (stuck.length > 0) throw new Permanent(`${stuck.length} databases could not be moved: ${stuck.join('; ')}`);
    // The list may be a moment old: the slots say whether it is all, and those of the failed remain.
    const { usedSlots } = (await hosts.getHost(host.id))!;
    if (usedSlots > here.length) throw new Postponed(clock() + lookEveryMs, 'its last databases are leaving');
    if (here.length > 0)
      throw new Permanent(
        `${here.length} databases have failed and cannot be moved: delete them, or repair them there`,
      );
    await hosts.setDrain(host.id, { taskId: task.id, done: true });
    return { moved: total };
  },
  /** It stays cordoned: somebody has to look at it. */
  async giveUp() {},
  /** Moves under way are cancelled, and the host takes databases again. */
  async cancel({ task, params, services }) {
    const { hosts, tasks, databases } = services.management;
    if (!(await hosts.getHost(params.host))) return;
    for (const database of await databases.databasesOfHost(params.host)) {
      for (const { id, kind, state } of await tasks.unfinishedOf(database.id, database.accountId)) {
        if (kind !== 'move' || !id.startsWith(task.id) || !['queued', 'running'].includes(state)) continue;
        const cancelled = await tasks.cancel(id, task.requestedBy);
        if (cancelled.cleanUps !== null) await services.announce(cancelled);
      }
    }
    await hosts.cordon(params.host, false, task.requestedBy);
    await hosts.setDrain(params.host, null);
  },
};

interface Moving {
  /** What is waited for; null: nothing. */
  readonly waiting: string | null;
  /** Which do not get away, and why. */
  readonly stuck: readonly string[];
  readonly tries: Readonly<Record<string, number>>;
}

async function moveSome(
  run: DrainRun,
  leaving: readonly Database[],
  before: DrainCheckpoint['tries'],
): Promise<Moving> {
  const tries: Record<string, number> = {};
  const stuck: string[] = [];
  const reasons: string[] = [];
  let moving = 0;
  for (const database of leaving) {
    // One that is being made or deleted is looked at again when that has ended.
    if (database.status !== 'active') {
      reasons.push(`database ${database.name} is ${database.status}`);
      continue;
    }
    let attempt = before[database.id] ?? 1;
    let task = await run.services.management.tasks.getTask(moveId(run, database, attempt));
    if (task && (task.state === 'failed' || task.state === 'cancelled')) {
      if (attempt < maxTries && task.state === 'failed') {
        attempt += 1;
        task = undefined;
      } else stuck.push(`${database.name}: ${task.error ?? 'its move was cancelled'}`);
    }
    if (attempt > 1) tries[database.id] = attempt;
    if (task && (task.state === 'failed' || task.state === 'cancelled')) continue;
    if (!task && moving < atOnce) task = await startMove(run, database, attempt);
    if (!task) continue;
    moving += 1;
    if (task.waits) reasons.push(`database ${database.name}: ${task.waits.reason}`);
  }
  const left = leaving.length - stuck.length;
  const why = reasons.length > 0 ? ` (${reasons.slice(0, 3).join('; ')})` : '';
  return { waiting: left > 0 ? `${left} databases are still there${why}` : null, stuck, tries };
}

async function startMove({ task, services, ...run }: DrainRun, database: Database, attempt: number): Promise<Task> {
  const made = await services.management.tasks.createTask({
    id: moveId({ task }, database, attempt),
    kind: 'move',
    subject: database,
    params: {},
    requestedBy: task.requestedBy,
  });
  await services.announce(made);
  run.log.info('a database is moved from a host that is drained', { taskId: made.id, databaseId: database.id });
  return made;
}

function moveId({ task }: Pick<DrainRun, 'task'>, { id }: Database, attempt: number): string {
  return `${task.id}-${id}-${attempt}`;
}
