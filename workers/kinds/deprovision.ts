import type { ObjectStore } from '../../src/base/object-store.ts';
import { theService } from '../../src/management/audit.ts';
import type { Database } from '../../src/management/records.ts';
import { failDatabase, taskDatabase } from './database.ts';
import { type Kind, noParams, type TaskRun } from './kind.ts';

/** Has the agent stop the process and remove the data, removes its series, corrects what the account stores, then lets go of the slot and the name. */
export const deprovision: Kind<object, never, null> = {
  lanes: 4,
  timeLimitMs: 3_600_000,
  maxAttempts: 20,
  params: noParams,
  async run(run) {
    const { task, services, signal, progress } = run;
    const { accounts, databases, hosts, series, usage } = services.management;
    const database = await taskDatabase(task, services.management);
    if (database?.status !== 'deleting') return null;
    if (database.hostId !== null) {
      const host = await hosts.getHost(database.hostId);
      if (!host) throw new Error(`host ${database.hostId} is not registered`);
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
  giveUp: failDatabase,
  /** Nothing was removed before the first attempt. */
  async cancel({ task, services }) {
    const database = await taskDatabase(task, services.management);
    if (database?.status !== 'deleting') return;
    const status = task.startedAt === null && database.endpoint !== null ? 'active' : 'failed';
    await services.management.databases.change(database, { status });
  },
};

async function removeObjects(objects: ObjectStore, prefix: string): Promise<void> {
  for await (const { key } of objects.list(prefix)) await objects.remove(key);
}

/** What is kept of a database that is gone ends by itself: a task waits for it. */
async function expireBackupsOf({ task, services }: TaskRun<object, never>, database: Database): Promise<void> {
  const { backups, tasks } = services.management;
  if ((await backups.listBackups(database.id)).length === 0) return;
  const kind = 'expire-backups';
  const expiry = await tasks.createTask({ id: `expire-${task.id}`, kind, subject: database, requestedBy: theService });
  await services.announce(expiry);
}
