import { defaultRule, keptUntilMs } from '../../src/management/backup-rule.ts';
import { backupsToExpire } from '../../src/management/backups.ts';
import type { Backup } from '../../src/management/records.ts';
import { sweepBackups } from '../backups/sweep.ts';
import { taskDatabase } from './database.ts';
import { type Kind, Permanent, Postponed, type TaskRun } from './kind.ts';

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

export interface ExpireParams {
  /** ISO time; null or not given: at once. */
  readonly from?: string | null;
}

/** Removes the backups whose time is over, and what only they named. Of a database that is gone it goes on until the last one is removed. */
export const expireBackups: Kind<ExpireParams, never, { expired: number; objects: number }> = {
  lanes: 2,
  timeLimitMs: dayMs,
  maxAttempts: 20,
  params: {
    type: 'object',
    additionalProperties: false,
    properties: { from: { type: 'string', nullable: true, maxLength: 32 } },
  },
  async run(run) {
    const { task, params, services, signal } = run;
    const { clock, backups } = services.management;
    const { databaseId } = task;
    if (databaseId === null) throw new Permanent('no database is named');
    const fromMs = params.from == null ? 0 : Date.parse(params.from);
    if (clock() < fromMs) throw new Postponed(fromMs, 'waits until the backup expires');
    const database = await taskDatabase(task, services.management);
    if (database?.status === 'deleting') throw new Postponed(clock() + minuteMs, 'waits until the database is removed');
    const isGone = !database;
    await endOrphans(run, databaseId);
    await endHolds(run, databaseId);
    const records = await backups.listBackups(databaseId);
    const due = backupsToExpire(records, { rule: defaultRule, nowMs: clock(), isGone });
    let expired = 0;
    for (const backup of due) if (await backups.startExpiry(backup)) expired++;
    const objects = await sweepBackups({ databaseId, isGone, backups, objects: services.objects, signal });
    if (expired < due.length) throw new Postponed(clock() + minuteMs, 'waits for a backup that is being made');
    const next = isGone ? nextEndMs(await backups.listBackups(databaseId), clock()) : null;
    if (next !== null) throw new Postponed(next, 'waits for the next backup of the removed database to expire');
    return { expired, objects };
  },
  async giveUp() {},
};

/** Backups whose task has ended without a word. */
async function endOrphans({ services }: TaskRun, databaseId: string): Promise<void> {
  const { backups, tasks } = services.management;
  for (const backup of await backups.listBackups(databaseId)) {
    if (backup.status !== 'running') continue;
    const task = await tasks.getTask(backup.taskId);
    if (task?.state !== 'queued' && task?.state !== 'running') await backups.fail(backup);
  }
}

/** Of restores that have ended and could not say so. */
async function endHolds({ services }: TaskRun, databaseId: string): Promise<void> {
  const { backups, tasks } = services.management;
  for (const { backup, holder } of await backups.holds(databaseId)) {
    const task = await tasks.getTask(holder);
    if (task && ['failed', 'succeeded', 'cancelled'].includes(task.state) && task.cleanUps === null)
      await backups.release({ databaseId, id: backup }, holder);
  }
}

/** Null: none of them ends by itself, or there is none. */
function nextEndMs(backups: readonly Backup[], nowMs: number): number | null {
  const ends = backups.flatMap((backup) => {
    if (backup.expiresAt !== null) return Date.parse(backup.expiresAt);
    if (backup.reason === 'scheduled') return keptUntilMs(backup, defaultRule);
    // One that is being made ends soon.
    return backup.status === 'complete' ? [] : nowMs;
  });
  return ends.length === 0 ? null : Math.max(nowMs + minuteMs, Math.min(...ends));
}
