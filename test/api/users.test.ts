import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { theService } from '../../src/management/audit.ts';
import type { Service } from '../system/service.ts';
import { openApi } from './api.ts';

const { account, management } = await openApi({ after });

async function create(service: Service, name: string, role: string): Promise<string> {
  const reply = await service.ask('/v1/users', { body: { name, role } });
  assert.equal(reply.status, 201, reply.text);
  return reply.json.user.id;
}

test('users are listed by name, a name is given once, unknown ones are unknown', async () => {
  const { service } = await account('names');
  const id = await create(service, 'zoe', 'member');
  await create(service, 'ann', 'viewer');
  const { users } = (await service.ask('/v1/users')).json;
  assert.deepEqual(
    users.map(({ name, role }: { name: string; role: string }) => [name, role]),
    [
      ['ann', 'viewer'],
      ['zoe', 'member'],
    ],
  );
  assert.equal((await service.ask('/v1/users', { body: { name: 'zoe', role: 'owner' } })).json.code, 'UserExists');
  assert.equal((await service.ask(`/v1/users/${id}`, { method: 'DELETE' })).status, 204);
  assert.equal((await service.ask(`/v1/users/${id}`, { method: 'DELETE' })).json.code, 'UserNotFound');
  await create(service, 'zoe', 'member');
  // What makes a name unique stands in the same table.
  assert.equal((await service.ask('/v1/users/name%23ann', { method: 'DELETE' })).json.code, 'UserNotFound');
});

test('another account does not know the user', async () => {
  const [one, two] = [await account('one'), await account('two')];
  const id = await create(one.service, 'ann', 'owner');
  const foreign = await two.service.ask(`/v1/users/${id}`, { method: 'PATCH', body: { role: 'viewer' } });
  assert.equal(foreign.json.code, 'UserNotFound');
  const token = await two.service.ask('/v1/tokens', { body: { name: 't', scopes: ['read'], user: id } });
  assert.deepEqual([token.status, token.json.code], [404, 'UserNotFound']);
});

test('the last owner stays: alone, and when two are removed at the same time', async () => {
  const { service } = await account('owners');
  const ann = await create(service, 'ann', 'owner');
  const path = `/v1/users/${ann}`;
  assert.equal((await service.ask(path, { method: 'DELETE' })).json.code, 'LastOwner');
  assert.equal((await service.ask(path, { method: 'PATCH', body: { role: 'member' } })).json.code, 'LastOwner');
  const bob = await create(service, 'bob', 'owner');
  const removals = await Promise.all([ann, bob].map((id) => service.ask(`/v1/users/${id}`, { method: 'DELETE' })));
  assert.deepEqual(removals.map(({ status }) => status).toSorted(), [204, 409]);
  const { users } = (await service.ask('/v1/users')).json;
  assert.equal(users.length, 1);
  const third = await create(service, 'cyd', 'member');
  assert.equal((await service.ask(`/v1/users/${third}`, { method: 'PATCH', body: { role: 'owner' } })).status, 200);
  assert.equal((await service.ask(`/v1/users/${users[0].id}`, { method: 'DELETE' })).status, 204);
});

test("a change of role holds from the next request; a removed user's tokens are unknown and gone", async () => {
  const { service } = await account('roles');
  await create(service, 'boss', 'owner');
  const id = await create(service, 'ann', 'member');
  const { secret } = (await service.ask('/v1/tokens', { body: { name: 't', scopes: ['read', 'manage'], user: id } }))
    .json;
  const ann = service.as(secret);
  const refused = await ann.ask('/v1/users');
  assert.deepEqual([refused.status, refused.json.code], [403, 'RoleMissing']);
  await service.ask(`/v1/users/${id}`, { method: 'PATCH', body: { role: 'owner' } });
  assert.equal((await ann.ask('/v1/users')).status, 200);
  // A user's token makes tokens of the same user.
  const own = (await ann.ask('/v1/tokens', { body: { name: 'mine', scopes: ['read'] } })).json;
  assert.equal(own.token.user, id);
  assert.equal((await service.ask(`/v1/tokens?user=${id}`)).json.tokens.length, 2);
  await service.ask(`/v1/users/${id}`, { method: 'DELETE' });
  for (const each of [ann, service.as(own.secret)]) {
    const gone = await each.ask('/v1/databases');
    assert.deepEqual([gone.status, gone.json.code], [401, 'TokenUnknown']);
  }
  assert.deepEqual((await service.ask(`/v1/tokens?user=${id}`)).json.tokens, []);
});

test('however many tokens a removed user has, they go in few transactions', async () => {
  const { id: accountId, service } = await account('busy');
  await create(service, 'boss', 'owner');
  const userId = await create(service, 'ann', 'member');
  const token = { accountId, userId, name: 't', scopes: ['read' as const] };
  for (let i = 0; i < 100; i++) await management.tokens.createToken(token, theService);
  const before = management.cache.dynamoCalls();
  assert.equal((await service.ask(`/v1/users/${userId}`, { method: 'DELETE' })).status, 204);
  // Per transaction of 33 tokens: itself and their count. The rest is the user.
  assert.ok(management.cache.dynamoCalls() - before < 20, `${management.cache.dynamoCalls() - before} calls`);
  assert.deepEqual((await service.ask(`/v1/tokens?user=${userId}`)).json.tokens, []);
});

test('a removed user ends its tokens also where they were not removed; asked again, they go, and when no other has room', async () => {
  const { id: accountId, service } = await account('crash', { limits: { tokens: 2 } });
  await create(service, 'boss', 'owner');
  const names = async (): Promise<string[]> =>
    (await service.ask('/v1/tokens')).json.tokens.map(({ name }: { name: string }) => name);
  for (const [name, clean] of [
    ['ann', (id: string) => service.ask(`/v1/users/${id}`, { method: 'DELETE' })],
    ['bob', () => service.ask('/v1/tokens', { body: { name: 'next', scopes: ['read'] } })],
  ] as const) {
    const id = await create(service, name, 'member');
    const { secret } = (await service.ask('/v1/tokens', { body: { name, scopes: ['read'], user: id } })).json;
    assert.equal((await service.as(secret).ask('/v1/databases')).status, 200);
    // As after a crash between the two steps.
    await management.users.removeUser(accountId, id, theService);
    assert.equal((await service.as(secret).ask('/v1/databases')).json.code, 'TokenUnknown');
    assert.ok((await names()).includes(name));
    assert.equal((await clean(id)).status, name === 'ann' ? 404 : 201);
    assert.ok(!(await names()).includes(name));
  }
});
