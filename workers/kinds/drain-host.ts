import type { Database, Task } from '../../src/management/records.ts';
import { type Kind, Permanent, Postponed, type TaskRun } from './kind.ts';

const lookEveryMs = 2_000;
/** Moves under way: each reads and writes a host's volumes at once. */
const atOnce = 3;
/** Of the move of one database, in a round; the drain that is tried once more begins another one. */
const maxTries = 3;

export interface DrainParams {
  readonly host: string;
}

export interface DrainCheckpoint {
  readonly total: number;
  /** By database, where it is not the first: the number of the move that is under way. They count on over all rounds. */
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
    // Before the first one leaves: an attempt that comes later finds fewer.
    if (!run.checkpoint) await run.saveCheckpoint(before);
    const { waiting, stuck, tries } = await moveSome(run, leaving, before.tries);
    const total = Math.max(before.total, leaving.length);
    const next = waiting ? {} : Object.fromEntries(stuck.map(({ id, nextTry }) => [id, nextTry]));
    await run.saveCheckpoint({ total, tries: { ...tries, ...next } });
    progress(total - leaving.length, total, 'databases');
    if (waiting) throw new Postponed(clock() + lookEveryMs, waiting);
    if (stuck.length > 0)
      throw new Permanent(
        `${stuck.length} databases could not be moved: ${stuck.map(({ name, why }) => `${name}: ${why}`).join('; ')}`,
      );
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
  async cancel({ task, params, checkpoint, services, saveCheckpoint }) {
    const { hosts, tasks, databases } = services.management;
    if (!(await hosts.getHost(params.host))) return;
    const here = await databases.databasesOfHost(params.host);
    const before = checkpoint ?? { total: here.length, tries: {} };
    const tries = Object.fromEntries(here.map(({ id }) => [id, nextRound(before.tries[id] ?? 1)]));
    for (const database of here) {
      for (const { id, kind, state } of await tasks.unfinishedOf(database.id, database.accountId)) {
        if (kind !== 'move' || !id.startsWith(task.id) || !['queued', 'running'].includes(state)) continue;
        const cancelled = await tasks.cancel(id, task.requestedBy);
        if (cancelled.cleanUps !== null) await services.announce(cancelled);
      }
    }
    await hosts.cordon(params.host, false, task.requestedBy);
    await hosts.setDrain(params.host, null);
    await saveCheckpoint({ ...before, tries });
  },
};

interface Moving {
  /** What is waited for; null: nothing. */
  readonly waiting: string | null;
  readonly stuck: readonly Stuck[];
  readonly tries: Readonly<Record<string, number>>;
}

/** It does not get away. */
interface Stuck {
  readonly id: string;
  readonly name: string;
  readonly why: string;
  readonly nextTry: number;
}

async function moveSome(
  run: DrainRun,
  leaving: readonly Database[],
  before: DrainCheckpoint['tries'],
): Promise<Moving> {
  const tries: Record<string, number> = {};
  const stuck: Stuck[] = [];
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
      if (attempt % maxTries !== 0 && task.state === 'failed') {
        attempt += 1;
        task = undefined;
      } else {
        const { id, name } = database;
        stuck.push({ id, name, why: task.error ?? 'its move was cancelled', nextTry: nextRound(attempt) });
      }
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

/** The number of its first move. */
function nextRound(attempt: number): number {
  return Math.ceil(attempt / maxTries) * maxTries + 1;
}

function moveId({ task }: Pick<DrainRun, 'task'>, { id }: Database, attempt: number): string {
  return `${task.id}-${id}-${attempt}`;
}
