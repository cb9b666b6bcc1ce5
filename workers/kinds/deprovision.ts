import { failDatabase, taskDatabase } from './database.ts';
import type { Kind } from './kind.ts';

/** Has the agent stop the process and remove the data, removes its series, corrects what the account stores, then lets go of the slot and the name. */
export const deprovision: Kind = {
  async run({ task, services, signal, progress }) {
    const { accounts, databases, hosts, series, usage } = services.management;
    const database = await taskDatabase(task, services.management);
    if (database?.status !== 'deleting') return;
    if (database.hostId !== null) {
      const host = await hosts.getHost(database.hostId);
      if (!host) throw new Error(`host ${database.hostId} is not registered`);
      await services.agents.deleteDatabase(host.agent, database.id, signal);
    }
    await progress(1, 2);
    await series.removeAll(database.id);
    // A host measures what is there; with its last database gone, nobody would see that the account has room again.
    await usage.endStored(database);
    await accounts.judgeStorage(database.accountId, await usage.storedBytes(database.accountId));
    await databases.remove(database);
    await progress(2, 2);
  },
  giveUp: failDatabase,
};
