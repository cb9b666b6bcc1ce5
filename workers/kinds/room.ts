// When no host has room: whoever needs it waits, and one task of the region starts another host.

import { theService } from '../../src/management/audit.ts';
import type { Task } from '../../src/management/records.ts';
import { serviceAccountId } from '../../src/management/task-item.ts';
import { Permanent, Postponed, type TaskRun } from './kind.ts';

const lookEveryMs = 10_000;
/** A region asks for a host this often at most, however many databases wait. */
const startEveryMs = 600_000;

interface Wait {
  /** What is shown on the task. */
  readonly reason: string;
  /** Of the kind. Waiting is no work: without this, a task would wait for ever. */
  readonly timeLimitMs: number;
  /** Another host would help. */
  readonly askForHost: boolean;
}

export async function waitForRoom(
  run: Pick<TaskRun, 'task' | 'services' | 'log'>,
  { reason, timeLimitMs, askForHost }: Wait,
): Promise<never> {
  const nowMs = run.services.management.clock();
  if (nowMs - triedSinceMs(run.task) >= timeLimitMs)
    throw new Permanent(`${reason}; it was waited for ${timeLimitMs / 1_000} s`);
  if (askForHost) await startHostOnce(run, nowMs);
  throw new Postponed(nowMs + lookEveryMs, reason);
}

/** One that has failed and is tried once more waits anew. */
function triedSinceMs({ createdAt, history }: Task): number {
  const ends = history.filter(({ outcome }) => outcome === 'failed').map(({ endedAt }) => Date.parse(endedAt!));
  return Math.max(Date.parse(createdAt), ...ends);
}

async function startHostOnce({ task, services, log }: Parameters<typeof waitForRoom>[0], nowMs: number): Promise<void> {
  const { tasks } = services.management;
  const turn = Math.floor(nowMs / startEveryMs);
  const idOf = (turn: number): string => `start-host-${task.region}-${turn}`;
  const before = await tasks.getTask(idOf(turn - 1));
  if (before?.state === 'queued' || before?.state === 'running' || (await tasks.getTask(idOf(turn)))) return;
  try {
    const subject = { accountId: serviceAccountId, region: task.region };
    const made = await tasks.createTask({ id: idOf(turn), kind: 'start-host', subject, requestedBy: theService });
    await services.announce(made);
    log.warn('no host has room: another one is asked for', { taskId: task.id, startTaskId: made.id });
  } catch (error) {
    // It is no fault of the task that waits.
    log.error('no host could be asked for', { taskId: task.id, error });
  }
}
