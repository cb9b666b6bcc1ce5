import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { ScanCommand } from '@aws-sdk/lib-dynamodb';
import { tables } from '../../src/base/names.ts';
import { theService } from '../../src/management/audit.ts';
import { startDynoxide } from '../servers.ts';
import { code, openManagement } from './region.ts';

const dynoxide = await startDynoxide();
after(() => dynoxide.stop());
const management = await openManagement(dynoxide.endpoint);
after(management.close);
const { tokens, accounts, clock, dynamo, cache } = management;

test('a token is found by its secret, which is stored nowhere', async () => {
  const { token, secret } = await tokens.createToken({ accountId: 'a1', name: 'reader', scopes: ['read'] }, theService);
  assert.deepEqual(await tokens.findToken(secret), token);
  assert.equal(await tokens.findToken(`${secret}x`), undefined);
  assert.equal(await tokens.findToken(token.hash), undefined);
  const { Items } = await dynamo.send(new ScanCommand({ TableName: tables.tokens }));
  assert.ok(!JSON.stringify(Items).includes(secret.slice(4)));
});

test('tokens of an account are listed in the order of their creation, and no others', async () => {
  const names = ['first', 'second', 'third'];
  for (const name of names) {
    await tokens.createToken({ accountId: 'a2', name, scopes: ['write'], databases: ['plant'] }, theService);
    clock.aheadMs += 1;
  }
  assert.deepEqual(
    (await tokens.pageOfTokens('a2')).records.map(({ name }) => name),
    names,
  );
  assert.deepEqual((await tokens.pageOfTokens('a3')).records, []);
});

test('a revoked token is unknown at once, and cannot be revoked by another account or twice', async () => {
  const { token, secret } = await tokens.createToken({ accountId: 'a4', name: 't', scopes: ['read'] }, theService);
  assert.ok(await tokens.findToken(secret));
  await assert.rejects(tokens.revokeToken('a5', token.id, theService), code('TokenNotFound'));
  assert.ok(await tokens.findToken(secret));
  await tokens.revokeToken('a4', token.id, theService);
  assert.equal(await tokens.findToken(secret), undefined);
  assert.deepEqual((await tokens.pageOfTokens('a4')).records, []);
  await assert.rejects(tokens.revokeToken('a4', token.id, theService), code('TokenNotFound'));
});

test('a token ends when it expires', async (t) => {
  const expiresAt = new Date(clock() + 60_000).toISOString();
  const { secret } = await tokens.createToken({ accountId: 'a6', name: 't', scopes: ['read'], expiresAt }, theService);
  assert.ok(await tokens.findToken(secret));
  // Until then it is a token, though its item says when it may go.
  assert.equal((await tokens.pageOfTokens('a6')).records[0]?.expiresAt, expiresAt);
  const other = await openManagement(dynoxide.endpoint);
  t.after(other.close);
  assert.ok(await other.tokens.findToken(secret));
  clock.aheadMs += 60_001;
  assert.equal(await tokens.findToken(secret), undefined);
});

test("the operator's token owns the account local and follows its secret", async () => {
  await Promise.all([tokens.ensureOperator('one', 'eu'), tokens.ensureOperator('one', 'eu')]);
  assert.equal((await accounts.findByName('local'))?.id, 'local');
  assert.equal((await tokens.findToken('one'))?.operator, true);
  await tokens.ensureOperator('two', 'eu');
  assert.equal(await tokens.findToken('one'), undefined);
  assert.equal((await tokens.findToken('two'))?.accountId, 'local');
  // Back to a secret that was used before.
  await tokens.ensureOperator('one', 'eu');
  assert.equal((await tokens.findToken('one'))?.version, 3);
  const [operator, ...others] = (await tokens.pageOfTokens('local')).records;
  assert.deepEqual(others, []);
  await assert.rejects(tokens.revokeToken('local', operator!.id, theService), code('InvalidRequest'));
  // Another region has a secret of its own, or the same.
  await tokens.ensureOperator('three', 'us');
  await tokens.ensureOperator('four', 'us');
  assert.equal(await tokens.findToken('three'), undefined);
  await tokens.ensureOperator('one', 'us');
  await tokens.ensureOperator('five', 'us');
  await tokens.ensureOperator('one', 'eu');
  for (const secret of ['one', 'five']) assert.equal((await tokens.findToken(secret))?.operator, true, secret);
});

test('a warm token costs no call', async () => {
  const { secret } = await tokens.createToken({ accountId: 'a7', name: 't', scopes: ['read'] }, theService);
  const { process, dynamo: reads } = cache.counters;
  for (let i = 0; i < 100; i++) await tokens.findToken(secret);
  assert.equal(cache.counters.process - process, 100);
  assert.equal(cache.counters.dynamo, reads);
});
