import assert from 'node:assert/strict';
import { test } from 'node:test';
import { theService } from '../../src/management/audit.ts';
import { backupIdOf } from '../../src/management/backups.ts';
import { createActive } from '../management/region.ts';
import { testRegion } from './region.ts';

const hourMs = 3_600_000;

test('a closing account is left alone until its time, then everything goes, over as many attempts as it takes', async (t) => {
  const { management, worker, addMemoryHost } = await testRegion(t);
  const { accounts, users, tokens, databases, tasks, claims, clock } = management;
  const memory = await addMemoryHost('h1');
  const { account } = await accounts.createAccount('acme', theService);
  await users.createUser({ accountId: account.id, name: 'ann', role: 'owner' }, theService);
  await createActive(databases, account.id, 'plant');
  const { task } = await accounts.requestClose(account.id, hourMs, theService);
  const { runner, sent } = worker({ memory });

  await runner.run({ taskId: task.id });
  const waiting = (await tasks.getTask(task.id))!;
  assert.deepEqual([waiting.state, waiting.attempts], ['queued', 0]);
  assert.equal((await accounts.getAccount(account.id))?.status, 'closing');
  assert.deepEqual(await claims.due(10), []);

  clock.aheadMs += hourMs;
  assert.ok((await claims.due(10)).some(({ id }) => id === task.id));
  await runner.run({ taskId: task.id });
  assert.equal((await accounts.getAccount(account.id))?.status, 'closed');
  await assert.rejects(accounts.changeAccount(account.id, { status: 'active' }, theService), { code: 'AccountClosed' });
  assert.equal((await tasks.getTask(task.id))?.state, 'queued');
  // The removal of the database is a task of its own.
  const [removal] = sent.splice(0);
  await runner.run({ taskId: removal!.taskId });
  assert.deepEqual(await databases.listDatabases(account.id), []);
  clock.aheadMs += 3_000;
  await runner.run({ taskId: task.id });
  assert.equal((await tasks.getTask(task.id))?.state, 'succeeded');
  assert.deepEqual(
    [(await users.pageOfUsers(account.id)).records, (await tokens.pageOfTokens(account.id)).records],
    [[], []],
  );
  const { account: heir } = await accounts.createAccount('acme', theService);
  // What is gone cannot be closed again: the name is another's now.
  await assert.rejects(accounts.requestClose(account.id, 0, theService), { code: 'AccountClosed' });
  assert.equal((await accounts.findByName('acme'))?.id, heir.id);
});

test('an expiry that has failed, or was cancelled, does not hold it up', async (t) => {
  const { management, worker, addMemoryHost } = await testRegion(t);
  const { accounts, backups, databases, tasks, claims, clock } = management;
  const memory = await addMemoryHost('h1');
  const { account } = await accounts.createAccount('acme', theService);
  const { database } = await createActive(databases, account.id, 'plant');
  const made = await tasks.createTask({ kind: 'backup', subject: database, requestedBy: theService });
  await backups.begin(made, database, { reason: 'manual', full: true, keepDays: null });
  await backups.fail((await backups.getBackup(database.id, backupIdOf(made)))!);
  await databases.remove(database);
  const { task } = await accounts.requestClose(account.id, 0, theService);
  const { runner, sent } = worker({ memory });
  const work = async (): Promise<string> => {
    clock.aheadMs += 3_000;
    await runner.run({ taskId: task.id });
    return (await tasks.getTask(task.id))!.state;
  };

  assert.equal(await work(), 'queued');
  const id = sent.splice(0).at(-1)!.taskId;
  const claim = await claims.claim(id, 'w0');
  await claims.fail(claim!, 'the store is damaged');
  assert.equal((await tasks.getTask(id))?.state, 'failed');
  assert.equal(await work(), 'queued');
  const again = (await tasks.getTask(id))!;
  assert.deepEqual([again.state, again.attempts, sent.splice(0).map(({ taskId }) => taskId)], ['queued', 0, [id]]);

  await tasks.cancel(id, theService);
  await runner.run({ taskId: id });
  assert.equal((await tasks.getTask(id))?.state, 'cancelled');
  assert.equal(await work(), 'queued');
  await runner.run({ taskId: id });
  assert.equal((await tasks.getTask(id))?.state, 'succeeded');
  assert.equal(await work(), 'succeeded');
  assert.equal((await accounts.getAccount(account.id))?.status, 'closed');
});

test('opened again, or closed once more: the first task does nothing', async (t) => {
  const { management, worker } = await testRegion(t);
  const { accounts, tokens, tasks, clock } = management;
  const { account } = await accounts.createAccount('acme', theService);
  const { task } = await accounts.requestClose(account.id, hourMs, theService);
  await accounts.changeAccount(account.id, { status: 'active' }, theService);
  clock.aheadMs += hourMs;
  await worker().runner.run({ taskId: task.id });
  assert.equal((await tasks.getTask(task.id))?.state, 'succeeded');
  assert.equal((await accounts.getAccount(account.id))?.status, 'active');
  const first = await accounts.requestClose(account.id, hourMs, theService);
  await accounts.requestClose(account.id, 2 * hourMs, theService);
  clock.aheadMs += hourMs;
  await worker().runner.run({ taskId: first.task.id });
  assert.equal((await accounts.getAccount(account.id))?.status, 'closing');
  assert.equal((await tokens.pageOfTokens(account.id)).records.length, 1);
});
