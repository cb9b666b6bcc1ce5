import { failDatabase, taskDatabase } from './database.ts';
import { type Kind, noParams } from './kind.ts';
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
    const database = await taskDatabase(task, services.management);
    // Active: an earlier attempt came this far.
    if (database?.status !== 'provisioning') return null;
    const { placed, report } = await placeDatabase(database, run);
    progress(1, steps, 'steps');
    if (report.state !== 'running' || !report.endpoint) {
      throw new Error(`the database process is ${report.state}`, { cause: report.fault });
    }
    progress(2, steps, 'steps');
    await untilHello(report.endpoint, placed, run);
    await services.management.databases.change(placed, { status: 'active', endpoint: report.endpoint });
    progress(steps, steps, 'steps');
    return null;
  },
  giveUp: failDatabase,
  cancel: failDatabase,
};
