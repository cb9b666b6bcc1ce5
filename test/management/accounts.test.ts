import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { theService } from '../../src/management/audit.ts';
import { startDynoxide } from '../servers.ts';
import { code, openManagement } from './region.ts';

const dynoxide = await startDynoxide();
after(() => dynoxide.stop());
const { accounts, tokens, close } = await openManagement(dynoxide.endpoint);
after(close);

test('an account comes with a token that may do everything in it', async () => {
  const { account, token, secret } = await accounts.createAccount('acme', theService);
  assert.match(secret, /^tsg_[\w-]{43}$/);
  assert.deepEqual(await tokens.findToken(secret), token);
  assert.deepEqual(token.scopes, ['read', 'write', 'manage']);
  assert.equal(token.accountId, account.id);
  assert.equal(token.operator, false);
  assert.deepEqual(await accounts.getAccount(account.id), account);
  assert.deepEqual(await accounts.findByName('acme'), account);
});

test('a name is given once, also when many ask at the same time', async () => {
  const results = await Promise.allSettled(
    Array.from({ length: 8 }, () => accounts.createAccount('wanted', theService)),
  );
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
  for (const result of results) {
    if (result.status === 'rejected') assert.equal(result.reason.code, 'AccountExists');
  }
  await assert.rejects(accounts.createAccount('wanted', theService), code('AccountExists'));
});

test('unknown accounts', async () => {
  assert.equal(await accounts.getAccount('none'), undefined);
  assert.equal(await accounts.findByName('none'), undefined);
});
