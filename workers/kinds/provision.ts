import type { Database } from '../../src/management/records.ts';
import { taskDatabase } from './database.ts';
import { type Kind, noParams, type TaskRun } from './kind.ts';
import { placeDatabase, untilHello } from './placement.ts';

const steps = 3;

/** Finds a host for the database, has its agent start the process, and waits until that answers. */
export const provision: Kind<object, never, null> = {
  lanes: 4,
  timeLimitMs: 3_600_000,
  maxAttempts: 20,
  params: noParams,
  async run(run) {
    const { task, services, progress } = run;
    const { databases } = services.management;
    const found = await taskDatabase(task, services.management);
    // Active: an earlier attempt came this far.
    if (!isUnmade(found)) return null;
    // Failed: it was given up, and is tried once more.
    const database =
      found.status === 'provisioning' ? found : await databases.change(found, { status: 'provisioning' });
    const { placed, report } = await placeDatabase(database, run, provision);
    progress(1, steps, 'steps');
    if (report.state !== 'running' || !report.endpoint) {
      throw new Error(`the database process is ${report.state}`, { cause: report.fault });
    }
    progress(2, steps, 'steps');
    await untilHello(report.endpoint, placed, run);
    await databases.change(placed, { status: 'active', endpoint: report.endpoint });
    progress(steps, steps, 'steps');
    return null;
  },
  /** Its owner sees that it has failed, and can delete it. */
  async giveUp(run) {
    await clear(run);
  },
  /** Its name is free again. */
  async cancel(run) {
    const database = await clear(run);
    if (database) await run.services.management.databases.remove(database);
  },
};

/** It never had a process that answered. */
function isUnmade(database: Database | undefined): database is Database {
  return database?.endpoint === null && (database.status === 'provisioning' || database.status === 'failed');
}

/** Nothing of it remains on a host. First of all it counts as failed: where its host does not answer, it can be deleted later. */
async function clear({ task, services, signal }: TaskRun<object, never>): Promise<Database | undefined> {
  const { databases, hosts } = services.management;
  const database = await taskDatabase(task, services.management);
  if (!isUnmade(database)) return undefined;
  const failed = database.status === 'failed' ? database : await databases.change(database, { status: 'failed' });
  if (failed.hostId === null) return failed;
  const host = await hosts.getHost(failed.hostId);
  if (!host) throw new Error('the host of the database is not registered', { cause: new Error(failed.hostId) });
  await services.agents.deleteDatabase(host.agent, failed.id, signal);
  return databases.unplace(failed);
}
