import { setTimeout as delay } from 'node:timers/promises';
import type { DatabaseReport } from '../../src/management/host-agent.ts';
import { processLimits } from '../../src/management/plans.ts';
import type { Database, Endpoint, Host } from '../../src/management/records.ts';
import { HostRefused } from '../agent-client.ts';
import { failDatabase, taskDatabase } from './database.ts';
import { type Kind, noParams, type TaskRun } from './kind.ts';

type ProvisionRun = TaskRun<object, never>;

const steps = 3;
const helloEveryMs = 100;
const helloTimeoutMs = 10_000;

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
    const { placed, report } = await start(database, run);
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

/** On the host where it is placed already, else on the first one that takes it. */
async function start(database: Database, run: ProvisionRun): Promise<{ placed: Database; report: DatabaseReport }> {
  const { databases, hosts } = run.services.management;
  let current = database;
  if (current.hostId !== null) {
    const host = await hosts.getHost(current.hostId);
    if (!host) throw new Error(`host ${current.hostId} is not registered`);
    const report = await startOn(host, current, run);
    if (report) return { placed: current, report };
    current = await databases.unplace(current);
  }
  for (const host of await hosts.hostsWithRoom(current.volumes)) {
    const placed = await databases.place(current, host);
    if (!placed) continue;
    run.progress(1, steps, 'steps');
    const report = await startOn(host, placed, run);
    if (report) return { placed, report };
    current = await databases.unplace(placed);
  }
  throw new Error(`no host in ${database.region} has room for a database on ${database.volumes} volumes`);
}

/** Undefined when the host refuses. */
async function startOn(
  { id: hostId, agent }: Host,
  { id, accountId, volumes, schema, user, password }: Database,
  { task, services, signal, log }: ProvisionRun,
): Promise<DatabaseReport | undefined> {
  const account = await services.management.accounts.getAccount(accountId);
  const limits = processLimits(account, schema);
  try {
    return await services.agents.putDatabase(agent, id, { volumes, schema, ...limits, user, password }, signal);
  } catch (error) {
    if (!(error instanceof HostRefused)) throw error;
    log.warn('a host refuses a database', { taskId: task.id, hostId, error });
    return undefined;
  }
}

async function untilHello(endpoint: Endpoint, database: Database, { services, signal }: ProvisionRun): Promise<void> {
  for (const deadline = Date.now() + helloTimeoutMs; ; await delay(helloEveryMs, undefined, { signal })) {
    try {
      await services.hello(endpoint, database);
      return;
    } catch (error) {
      if (Date.now() > deadline) {
        throw new Error('the database process does not answer', { cause: error });
      }
    }
  }
}
