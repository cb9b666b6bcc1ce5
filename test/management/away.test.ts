import assert from 'node:assert/strict';
import { test } from 'node:test';
import { theService } from '../../src/management/audit.ts';
import { startDynoxide, temporaryFolder } from '../servers.ts';
import { code, createActive, newDatabase, openManagement } from './region.ts';

test('DynamoDB is away: warm reads go on, all else is MetadataUnavailable; then everything is there again', async (t) => {
  const folder = temporaryFolder();
  t.after(folder.remove);
  const dynoxide = await startDynoxide(folder.path);
  t.after(dynoxide.stop);
  const management = await openManagement(dynoxide.endpoint);
  t.after(management.close);
  const { tokens, databases, tasks, accounts, hosts } = management;

  const { token, secret } = await tokens.createToken({ accountId: 'a1', name: 't', scopes: ['read'] }, theService);
  const { database, task } = await createActive(databases, 'a1', 'plant');
  assert.ok(await tokens.findToken(secret));
  assert.ok(await databases.getDatabase('a1', 'plant'));
  assert.equal(await management.ping(), true);

  dynoxide.child.kill('SIGKILL');
  const unavailable: (() => Promise<unknown>)[] = [
    async () => tokens.findToken('never seen'),
    () => tokens.createToken({ accountId: 'a1', name: 't', scopes: ['read'] }, theService),
    () => tokens.pageOfTokens('a1'),
    () => tokens.revokeToken('a1', token.id, theService),
    () => databases.createDatabase(newDatabase('a1', 'other'), theService),
    () => databases.listDatabases('a1'),
    () => databases.getDatabase('a1', 'plant', { fresh: true }),
    () => databases.requestDelete('a1', 'plant', theService),
    () => accounts.createAccount('acme', theService),
    () => tasks.getTask(task.id),
    () => management.claims.claim(task.id, 'w1'),
    () => hosts.heartbeat('h1'),
  ];
  await Promise.all(unavailable.map((call) => assert.rejects(call, code('MetadataUnavailable'))));
  assert.equal(await management.ping(), false);
  assert.deepEqual(await tokens.findToken(secret), token);
  assert.deepEqual(await databases.getDatabase('a1', 'plant'), database);

  await dynoxide.restart();
  assert.deepEqual((await tokens.pageOfTokens('a1')).records, [token]);
  assert.deepEqual(await databases.listDatabases('a1'), [database]);
  assert.ok(await management.claims.claim(task.id, 'w1'));
});
