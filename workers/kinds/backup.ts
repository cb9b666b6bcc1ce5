import { backupIdOf } from '../../src/management/backups.ts';
import { type BackupReason, backupReasons } from '../../src/management/records.ts';
import { abandonBackup, type BackupCheckpoint, makeBackup } from '../backups/making.ts';
import { taskDatabase } from './database.ts';
import { type Kind, Permanent, type TaskRun } from './kind.ts';

const hourMs = 3_600_000;
const maxKeepDays = 3_660;

export interface BackupParams {
  /** Everything is uploaded anew, also what the last backup has. */
  readonly full?: boolean;
  readonly reason?: BackupReason;
  /** Null or not given: by the rule when it is scheduled, else until it is deleted. */
  readonly keepDays?: number | null;
}

export interface BackupResult {
  readonly backup: string;
  readonly bytes: number;
  readonly uploadedBytes: number;
  readonly rows: number;
}

/** Copies the database, as it is while it is written to, to the object store. */
export const backup: Kind<BackupParams, BackupCheckpoint, BackupResult> = {
  lanes: 2,
  timeLimitMs: 24 * hourMs,
  maxAttempts: 10,
  params: {
    type: 'object',
    additionalProperties: false,
    properties: {
      full: { type: 'boolean' },
      reason: { enum: backupReasons },
      keepDays: { type: 'integer', nullable: true, minimum: 1, maximum: maxKeepDays },
    },
  },
  async run(run) {
    const { task, params, services } = run;
    const { full = false, reason = 'manual', keepDays = null } = params;
    const database = await taskDatabase(task, services.management);
    if (!database) throw new Permanent('the database is gone');
    const { id, bytes, uploadedBytes, rows, expiresAt } = await makeBackup(run, database, { full, reason, keepDays });
    if (reason === 'scheduled' || expiresAt !== null) await expireLater(run, id, expiresAt);
    return { backup: id, bytes, uploadedBytes, rows };
  },
  giveUp: abandon,
  cancel: abandon,
};

/** What is no longer kept goes after each backup; what has a date, then. */
async function expireLater({ task, services }: TaskRun, backup: string, expiresAt: string | null): Promise<void> {
  const made = await services.management.tasks.createTask({
    id: `expire-${backup}`,
    kind: 'expire-backups',
    subject: { accountId: task.accountId, region: task.region, name: task.databaseName!, id: task.databaseId! },
    params: { from: expiresAt },
    requestedBy: task.requestedBy,
  });
  if (made) await services.announce(made);
}

async function abandon(run: TaskRun<BackupParams, BackupCheckpoint>): Promise<void> {
  const { task, services } = run;
  if (task.databaseId === null) return;
  const begun = await services.management.backups.getBackup(task.databaseId, backupIdOf(task));
  if (begun) await abandonBackup(run, await taskDatabase(task, services.management), begun);
}
