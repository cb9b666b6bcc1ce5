// What a token may do: its scopes, and the role of its user.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Role } from '../../src/management/records.ts';
import type { Service } from '../system/service.ts';
import { openApi } from './api.ts';

const { account, database, operator } = await openApi({ after });
const acme = await account('acme');
await database(acme.id, 'plant');

async function user(
  name: string,
  role: Role,
  scopes = ['read', 'write', 'manage'],
): Promise<{ id: string; as: Service }> {
  const { json, text } = await acme.service.ask('/v1/users', { body: { name, role } });
  assert.equal(json.user?.role, role, text);
  const token = await acme.service.ask('/v1/tokens', { body: { name, scopes, user: json.user.id } });
  assert.equal(token.json.token.user, json.user.id, token.text);
  return { id: json.user.id, as: acme.service.as(token.json.secret) };
}

const owner = await user('olga', 'owner');
const member = await user('mia', 'member');
const viewer = await user('vic', 'viewer');
const reader = await user('rita', 'owner', ['read']);
const other = await user('otto', 'member');
const line = 'cpu,host=a usage=1 1';

/** method, path, body, and the status for: owner, member, viewer, an owner's token that may only read, the account's own token, the operator. */
const table: readonly (readonly [string, string, string | object | undefined, ...number[]])[] = [
  ['GET', '/v1/databases', undefined, 200, 200, 200, 200, 200, 200],
  ['GET', '/v1/databases/plant', undefined, 200, 200, 200, 200, 200, 404],
  ['GET', '/v1/databases/plant/diagnostics', undefined, 200, 200, 200, 200, 200, 404],
  ['GET', `/v1/databases/plant/diagnostics?account=${acme.id}`, undefined, 200, 200, 200, 200, 200, 200],
  ['POST', '/v1/databases/plant/write', line, 200, 200, 403, 403, 200, 404],
  ['GET', '/v1/databases/plant/series/cpu/query', undefined, 200, 200, 200, 200, 200, 404],
  ['GET', '/v1/databases/plant/series/cpu/latest', undefined, 200, 200, 200, 200, 200, 404],
  ['GET', '/v1/databases/plant/series', undefined, 200, 200, 200, 200, 200, 404],
  ['PUT', '/v1/databases/plant/series/cpu', { tags: ['host'] }, 200, 200, 403, 403, 200, 404],
  ['DELETE', '/v1/databases/plant/series/cpu', undefined, 204, 403, 403, 403, 204, 404],
  ['POST', `/v1/databases/plant/move?account=${acme.id}`, { volumes: 4 }, 403, 403, 403, 403, 403, 202],
  ['POST', `/v1/databases/plant/move?account=${acme.id}`, { host: 'none' }, 403, 403, 403, 403, 403, 404],
  ['POST', '/v1/databases/plant/move', {}, 403, 403, 403, 403, 403, 404],
  ['POST', '/v1/databases', { name: '' }, 400, 403, 403, 403, 400, 400],
  ['DELETE', '/v1/databases/none', undefined, 404, 403, 403, 403, 404, 404],
  ['GET', '/v1/tasks', undefined, 200, 200, 200, 200, 200, 200],
  ['GET', '/v1/backups', undefined, 200, 200, 200, 200, 200, 200],
  ['GET', '/v1/databases/plant/backups', undefined, 200, 200, 200, 200, 200, 404],
  ['POST', '/v1/databases/plant/backups', { keepDays: 0 }, 400, 403, 403, 403, 400, 404],
  ['DELETE', '/v1/backups/none', undefined, 404, 403, 403, 403, 404, 404],
  ['POST', '/v1/restores', {}, 400, 403, 403, 403, 400, 400],
  ['GET', '/v1/users', undefined, 200, 403, 403, 403, 200, 200],
  ['POST', '/v1/users', {}, 400, 403, 403, 403, 400, 400],
  ['PATCH', `/v1/users/${other.id}`, { role: 'member' }, 200, 403, 403, 403, 200, 404],
  ['DELETE', '/v1/users/none', undefined, 404, 403, 403, 403, 404, 404],
  ['GET', '/v1/tokens', undefined, 200, 403, 403, 403, 200, 200],
  ['POST', '/v1/tokens', {}, 400, 403, 403, 403, 400, 400],
  ['DELETE', '/v1/tokens/none', undefined, 404, 403, 403, 403, 404, 404],
  ['GET', '/v1/audit', undefined, 200, 403, 403, 403, 200, 200],
  ['GET', `/v1/audit?account=${acme.id}`, undefined, 200, 403, 403, 403, 200, 200],
  ['GET', '/v1/audit?account=local', undefined, 403, 403, 403, 403, 403, 200],
  ['GET', '/v1/usage', undefined, 200, 200, 200, 200, 200, 200],
  ['GET', '/v1/usage?account=local', undefined, 403, 403, 403, 403, 403, 200],
  ['GET', '/v1/accounts', undefined, 403, 403, 403, 403, 403, 200],
  ['GET', '/v1/accounts/self', undefined, 200, 200, 200, 200, 200, 200],
  ['GET', `/v1/accounts/${acme.id}`, undefined, 200, 200, 200, 200, 200, 200],
  ['GET', '/v1/accounts/local', undefined, 403, 403, 403, 403, 403, 200],
  ['POST', '/v1/accounts', {}, 403, 403, 403, 403, 403, 400],
  ['PATCH', `/v1/accounts/${acme.id}`, { plan: 'standard' }, 403, 403, 403, 403, 403, 200],
  ['DELETE', '/v1/accounts/local', undefined, 403, 403, 403, 403, 403, 400],
  ['DELETE', `/v1/accounts/${acme.id}?grace-hours=1`, undefined, 400, 403, 403, 403, 400, 202],
];

for (const [method, path, body, ...expected] of table) {
  test(`${method} ${path}`, async () => {
    const callers = [owner.as, member.as, viewer.as, reader.as, acme.service, operator];
    const got: number[] = [];
    for (const caller of callers)
      got.push((await caller.ask(path, { method, ...(body !== undefined && { body }) })).status);
    assert.deepEqual(got, expected);
  });
}
