import type { ObjectStore } from '../../src/base/object-store.ts';
import { failDatabase, taskDatabase } from './database.ts';
import { type Kind, noParams } from './kind.ts';

/** Has the agent stop the process and remove the data, removes its series, corrects what the account stores, then lets go of the slot and the name. */
export const deprovision: Kind<object, never, null> = {
  lanes: 4,
  timeLimitMs: 3_600_000,
  maxAttempts: 20,
  params: noParams,
  async run({ task, services, signal, progress }) {
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
