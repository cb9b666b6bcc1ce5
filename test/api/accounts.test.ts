import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { theService } from '../../src/management/audit.ts';
import { plans } from '../../src/management/plans.ts';
import type { Reply, Service } from '../system/service.ts';
import { openApi } from './api.ts';

const { account, database, operator, management } = await openApi({ after });

function change(id: string, body: object): Promise<Reply> {
  return operator.ask(`/v1/accounts/${id}`, { method: 'PATCH', body });
}

test('an account has the limits of its plan, and those of its own instead', async () => {
  const { id, service } = await account('limits', { plan: 'trial', limits: { databases: 7, series: null } });
  const shown = (await service.ask('/v1/accounts/self')).json.account;
  assert.deepEqual([shown.id, shown.name, shown.plan, shown.status], [id, 'limits', 'trial', 'active']);
  assert.deepEqual(shown.limits, { ...plans.trial, databases: 7, series: null });
  const changed = (await change(id, { plan: 'large', limits: {} })).json.account;
  assert.deepEqual([changed.limits, changed.overrides], [plans.large, {}]);
});

const refused: readonly (readonly [object, number, string])[] = [
  [{}, 400, 'InvalidRequest'],
  [{ plan: 'gold' }, 400, 'InvalidRequest'],
  [{ limits: { databases: -1 } }, 400, 'InvalidRequest'],
  [{ limits: { wishes: 3 } }, 400, 'InvalidRequest'],
  [{ status: 'closed' }, 400, 'InvalidRequest'],
];

for (const [body, status, code] of refused) {
  test(`a change to ${JSON.stringify(body)} is refused`, async () => {
    const reply = await change('local', body);
    assert.deepEqual([reply.status, reply.json.code], [status, code]);
  });
}

test("the operator's own account is neither suspended nor closed, unknown ones are unknown", async () => {
  assert.equal((await change('local', { status: 'suspended' })).status, 400);
  assert.equal((await operator.ask('/v1/accounts/local', { method: 'DELETE' })).status, 400);
  for (const id of ['none', 'name%23local', 'count%23local']) {
    assert.equal((await operator.ask(`/v1/accounts/${id}`)).json.code, 'AccountNotFound', id);
    assert.equal((await change(id, { plan: 'large' })).json.code, 'AccountNotFound', id);
  }
});

test('a suspended account can be looked at, and takes no data, queries or changes', async () => {
  const { id, service } = await account('late');
  await database(id, 'plant');
  const asks: readonly (readonly [number, (service: Service) => Promise<Reply>])[] = [
    [200, (s) => s.ask('/v1/databases')],
    [200, (s) => s.ask('/v1/databases/plant')],
    [200, (s) => s.ask('/v1/accounts/self')],
    [200, (s) => s.ask('/v1/users')],
    [200, (s) => s.ask('/v1/audit')],
    [200, (s) => s.ask('/v1/usage')],
    [403, (s) => s.ask('/v1/databases/plant/write', { body: 'a v=1 1' })],
    [403, (s) => s.ask('/v1/databases/plant/series/a/query')],
    [403, (s) => s.ask('/v1/databases/plant/series')],
    [403, (s) => s.ask('/v1/databases', { body: { name: 'x' } })],
    [403, (s) => s.ask('/v1/tokens', { body: { name: 'x', scopes: ['read'] } })],
    [403, (s) => s.ask('/v1/users', { body: { name: 'x', role: 'owner' } })],
    [403, (s) => s.ask('/v1/databases/plant', { method: 'DELETE' })],
  ];
  await change(id, { status: 'suspended' });
  for (const [status, ask] of asks) {
    const reply = await ask(service);
    assert.equal(reply.status, status, reply.text);
    if (status === 403) assert.equal(reply.json.code, 'AccountSuspended');
  }
  await change(id, { status: 'active' });
  assert.equal((await service.ask('/v1/databases/plant/write', { body: 'a v=1 1' })).status, 200);
});

test("a closing account's tokens end at once; the operator can open it again until the grace period is over", async () => {
  const { id, service } = await account('leaving');
  const closing = await service.ask(`/v1/accounts/${id}`, { method: 'DELETE' });
  assert.equal(closing.status, 202, closing.text);
  assert.deepEqual([closing.json.account.status, closing.json.task.kind], ['closing', 'close-account']);
  const days = (Date.parse(closing.json.account.closesAt) - Date.now()) / 86_400_000;
  assert.ok(days > 6.9 && days <= 7);
  assert.deepEqual((await service.ask('/v1/databases')).json.code, 'TokenUnknown');
  const opened = await change(id, { status: 'active' });
  assert.deepEqual([opened.json.account.status, opened.json.account.closesAt], ['active', null]);
  assert.equal((await service.ask('/v1/databases')).status, 200);
  // Its own owner cannot shorten the time in which a mistake can be undone.
  assert.equal((await service.ask(`/v1/accounts/${id}?grace-hours=0`, { method: 'DELETE' })).status, 400);
});

test('nothing new comes into an account that is not open, whatever a process still believes', async () => {
  const { id } = await account('race');
  await operator.ask(`/v1/accounts/${id}`, { method: 'DELETE' });
  const { databases, tokens, users } = management;
  const late = [
    databases.createDatabase(
      { accountId: id, name: 'x', region: 'eu-west-1', volumes: 1, schema: 'flexible' },
      theService,
    ),
    tokens.createToken({ accountId: id, name: 'x', scopes: ['read'] }, theService),
    users.createUser({ accountId: id, name: 'x', role: 'owner' }, theService),
  ];
  for (const result of await Promise.allSettled(late)) {
    assert.ok(result.status === 'rejected');
    assert.equal(result.reason.code, 'AccountClosed');
  }
});

test('accounts are listed in pages, by status and name', async () => {
  for (let i = 0; i < 105; i++)
    await management.accounts.createAccount(`page-${String(i).padStart(3, '0')}`, theService);
  const first = (await operator.ask('/v1/accounts')).json;
  assert.equal(first.accounts.length, 100);
  const second = (await operator.ask(`/v1/accounts?cursor=${first.next}`)).json;
  assert.equal(second.next, null);
  const names = [...first.accounts, ...second.accounts].map(({ name, status }) => `${status} ${name}`);
  assert.equal(new Set(names).size, names.length);
  assert.ok(names.includes('closing race') && names.includes('active local') && names.includes('active page-104'));
  assert.equal((await operator.ask('/v1/accounts?cursor=eA')).status, 400);
});
