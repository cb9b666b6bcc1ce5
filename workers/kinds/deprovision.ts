import { theService } from '../../src/management/audit.ts';
import { backupIdOf } from '../../src/management/backups.ts';
import type { Database, Host } from '../../src/management/records.ts';
import { journalPrefix } from '../../src/management/shipped-journal.ts';
import { AgentNotFound } from '../agent-client.ts';
import { abandonBackup, type BackupCheckpoint, makeBackup } from '../backups/making.ts';
import { removeObjects } from '../backups/removal.ts';
import { taskDatabase } from './database.ts';
import { type Kind, Permanent, type TaskRun } from './kind.ts';

const finalBackup = { full: false, reason: 'final', keepDays: 7 } as const;

export interface DeprovisionParams {
  /** It is kept for a week; not given: there is none. */
  readonly finalBackup?: boolean;
}

type DeprovisionRun = TaskRun<DeprovisionParams, BackupCheckpoint>;

/** Makes a last backup where one is wanted, has the agent stop the process and remove the data, removes its series, corrects what the account stores, then lets go of the slot and the name. */
export const deprovision: Kind<DeprovisionParams, BackupCheckpoint, null> = {
  lanes: 4,
  timeLimitMs: 24 * 3_600_000,
  maxAttempts: 20,
  params: {
    type: 'object',
    additionalProperties: false,
    properties: { finalBackup: { type: 'boolean' } },
  },
  async run(run) {
    const { task, services, signal, progress } = run;
    const { accounts, databases, hosts, series, usage } = services.management;
    const found = await taskDatabase(task, services.management);
    if (!found) return null;
    if (found.status !== 'deleting' && found.status !== 'failed')
      throw new Permanent(`the database is ${found.status}: ask for its deletion again`);
    // Given up once, and tried again.
    const database = found.status === 'failed' ? await databases.change(found, { status: 'deleting' }) : found;
    if (database.hostId !== null) {
      const host = await hosts.getHost(database.hostId);
      if (!host) throw new Error('the host of the database is not registered', { cause: new Error(database.hostId) });
      await backUp(run, database, host);
      await services.agents.deleteDatabase(host.agent, database.id, signal);
    }
    progress(1, 2, 'steps');
    await series.removeAll(database.id);
    for (const folder of ['exports', 'imports']) await removeObjects(services.objects, `${folder}/${database.id}/`);
    // A host measures what is there; with its last database gone, nobody would see that the account has room again.
    await usage.endStored(database);
    await accounts.judgeStorage(database.accountId, await usage.storedBytes(database.accountId));
    // Before the database goes: nobody would come back to it. The task waits until it is gone.
    await expireBackupsOf(run, database);
    await databases.remove(database);
    progress(2, 2, 'steps');
    return null;
  },
  async giveUp(run) {
    const { task, services } = run;
    await abandonFinalBackup(run);
    const database = await taskDatabase(task, services.management);
    // It can be deleted from there.
    if (database?.status === 'deleting') await services.management.databases.change(database, { status: 'failed' });
  },
  /** Nothing was removed before the first attempt, and before the last backup was complete. */
  async cancel(run) {
    const { task, services } = run;
    const isWhole = task.startedAt === null || (await abandonFinalBackup(run));
    const database = await taskDatabase(task, services.management);
    if (database?.status !== 'deleting') return;
    await services.management.databases.change(database, {
      status: isWhole && database.endpoint !== null ? 'active' : 'failed',
    });
  },
};

/** What is kept of a database that is gone ends by itself: a task waits for it. Without a backup nothing begins with its journal. */
async function expireBackupsOf({ task, services }: DeprovisionRun, database: Database): Promise<void> {
  const { backups, tasks } = services.management;
  if ((await backups.listBackups(database.id)).length === 0)
    return removeObjects(services.objects, journalPrefix(database.id));
  const kind = 'expire-backups';
  const expiry = await tasks.createTask({ id: `expire-${task.id}`, kind, subject: database, requestedBy: theService });
  await services.announce(expiry);
}

/** What never ran, or is gone by now, has none. */
async function backUp(run: DeprovisionRun, database: Database, { agent }: Host): Promise<void> {
  const { services, params, signal } = run;
  if (!params.finalBackup || database.endpoint === null) return;
  try {
    await services.agents.getDatabase(agent, database.id, signal);
  } catch (error) {
    if (error instanceof AgentNotFound) return;
    throw error;
  }
  await makeBackup(run, database, finalBackup);
}

/** True: it was not complete yet, so that nothing was removed. */
async function abandonFinalBackup(run: DeprovisionRun): Promise<boolean> {
  const { task, services } = run;
  if (task.databaseId === null) return false;
  const begun = await services.management.backups.getBackup(task.databaseId, backupIdOf(task));
  if (begun?.status !== 'running') return false;
  await abandonBackup(run, await taskDatabase(task, services.management), begun);
  return true;
}
