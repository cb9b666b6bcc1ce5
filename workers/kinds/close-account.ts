import { theService } from '../../src/management/audit.ts';
import { type Kind, noParams, Postponed, type TaskRun } from './kind.ts';

/** Between looks at databases that are still being removed. */
const lookEveryMs = 3_000;

/** When the grace period is over, removes what the account has: databases and backups by tasks of their own, then tokens and users. */
export const closeAccount: Kind<object, never, null> = {
  lanes: 2,
  timeLimitMs: 24 * 3_600_000,
  maxAttempts: 20,
  params: noParams,
  async run(run) {
    const { task, services, progress } = run;
    const { accounts, tokens, users, clock } = services.management;
    const account = await accounts.getAccount(task.accountId);
    // Opened again, or asked for once more: then it is another task's.
    if (account?.closeTaskId !== task.id) return null;
    if (account.status === 'closing' && clock() < Date.parse(account.closesAt!))
      throw new Postponed(Date.parse(account.closesAt!), 'the account can be opened again until then');
    const marked = account.status === 'closing' ? await accounts.markClosed(account) : account;
    const left = await removeDatabases(run);
    if (left > 0) {
      progress(0, left, 'databases');
      throw new Postponed(clock() + lookEveryMs, 'its databases are being removed');
    }
    const backupsLeft = await removeBackups(run);
    if (backupsLeft > 0) {
      progress(0, backupsLeft, 'backups');
      throw new Postponed(clock() + lookEveryMs, 'its backups are being removed');
    }
    await tokens.revokeTokens(account.id, null, theService);
    await users.removeAll(account.id, theService);
    await accounts.finishClose(marked);
    return null;
  },
  // What is left is not reachable for anybody; closing the account again makes another task of it.
  async giveUp() {},
};

/** Asks for the removal of each that can be removed now; gives how many there still are. */
async function removeDatabases({ task, services, log }: TaskRun<object, never>): Promise<number> {
  const { databases } = services.management;
  const left = await databases.listDatabases(task.accountId);
  for (const { name, status, move } of left) {
    if (move) continue;
    if (status !== 'active' && status !== 'failed') continue;
    const removal = await databases.requestDelete(task.accountId, name, theService);
    await services.announce(removal.task);
    log.info('a database of a closed account is removed', { taskId: task.id, databaseId: removal.database.id });
  }
  return left.length;
}

/** A page at a time: asks for their removal, and gives how many there still are of it. */
async function removeBackups({ task, services }: TaskRun<object, never>): Promise<number> {
  const { backups, tasks } = services.management;
  const { records } = await backups.listAccountBackups(task.accountId);
  for (const [databaseId, [some]] of Map.groupBy(records, (backup) => backup.databaseId)) {
    for (const backup of records) {
      if (backup.databaseId !== databaseId || backup.expiresAt !== null || backup.status === 'running') continue;
      await backups.requestDelete(backup, theService);
    }
    const { accountId, region, databaseName: name } = some!;
    const expiry = await tasks.createTask({
      id: `expire-${databaseId}-for-${task.id}`,
      kind: 'expire-backups',
      subject: { accountId, region, name, id: databaseId },
      requestedBy: theService,
    });
    // Nobody else would try one again that has ended before its work.
    const isOver = expiry.state === 'failed' || (expiry.state === 'cancelled' && expiry.cleanUps === null);
    const next = isOver ? await tasks.retry(expiry.id, theService) : expiry;
    if (next.state === 'queued') await services.announce(next);
  }
  return records.length;
}
