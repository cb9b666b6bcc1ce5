// Two accounts on one region, and what tokens may do.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { until } from '../until.ts';
import { type LocalRegion, startRegion } from './region.ts';
import { Service } from './service.ts';

let region: LocalRegion;
let operator: Service;
let acme: Service;
let bolt: Service;

before(async () => {
  region = await startRegion();
  operator = new Service(region.url, region.adminToken);
  const account = async (name: string) => {
    const reply = await operator.ask('/v1/accounts', { body: { name } });
    assert.equal(reply.status, 201, reply.text);
    return operator.as(reply.json.token);
  };
  [acme, bolt] = [await account('acme'), await account('bolt')];
  await acme.database('plant');
  await acme.write('plant', 'secret v=42 1');
});
after(() => region?.stop());

test('an account name is taken once', async () => {
  assert.equal((await operator.ask('/v1/accounts', { body: { name: 'acme' } })).json.code, 'AccountExists');
});

test('only the operator makes accounts', async () => {
  const reply = await acme.ask('/v1/accounts', { body: { name: 'mine' } });
  assert.deepEqual([reply.status, reply.json.code], [403, 'OperatorOnly']);
});

test('another account sees nothing of a database', async () => {
  const asks: [string, object?][] = [
    ['/v1/databases/plant'],
    ['/v1/databases/plant', { method: 'DELETE' }],
    ['/v1/databases/plant/write', { body: 'secret v=1 1' }],
    ['/v1/databases/plant/series'],
    ['/v1/databases/plant/series/secret'],
    ['/v1/databases/plant/series/secret', { method: 'PUT', body: {} }],
    ['/v1/databases/plant/series/secret', { method: 'DELETE' }],
    ['/v1/databases/plant/series/secret/query'],
    ['/v1/databases/plant/series/secret/latest'],
  ];
  for (const [path, options] of asks) {
    const reply = await bolt.ask(path, options);
    assert.deepEqual([reply.status, reply.json.code], [404, 'DatabaseNotFound'], path);
  }
  const [task] = (await acme.ask('/v1/tasks')).json.tasks;
  assert.equal((await bolt.ask(`/v1/tasks/${task.id}`)).json.code, 'TaskNotFound');
  assert.deepEqual((await bolt.ask('/v1/tasks')).json.tasks, []);
  assert.deepEqual((await bolt.ask('/v1/databases')).json.databases, []);
  assert.deepEqual(await acme.rows('plant', 'secret', { aggregation: 'sum' }), [[42]]);
});

test('both may use one name', async () => {
  await bolt.database('plant');
  await bolt.write('plant', 'secret v=1 1');
  assert.deepEqual(await acme.rows('plant', 'secret', { aggregation: 'sum' }), [[42]]);
  assert.deepEqual(await bolt.rows('plant', 'secret', { aggregation: 'sum' }), [[1]]);
});

test('a name is taken once within an account', async () => {
  assert.equal((await acme.ask('/v1/databases', { body: { name: 'plant' } })).json.code, 'DatabaseExists');
});

test('a token does what its scopes say, for the databases it names', async () => {
  const token = async (body: object) => acme.as((await acme.ask('/v1/tokens', { body })).json.secret);
  const reader = await token({ name: 'r', scopes: ['read'], databases: ['plant'] });
  const writer = await token({ name: 'w', scopes: ['write'] });
  const elsewhere = await token({ name: 'e', scopes: ['read', 'write'], databases: ['other'] });
  assert.deepEqual(await reader.rows('plant', 'secret', { aggregation: 'sum' }), [[42]]);
  assert.equal((await reader.ask('/v1/databases/plant/write', { body: 'a v=1' })).json.code, 'ScopeMissing');
  assert.equal((await writer.ask('/v1/databases/plant/series/secret/query')).json.code, 'ScopeMissing');
  assert.equal((await reader.ask('/v1/databases/plant', { method: 'DELETE' })).json.code, 'ScopeMissing');
  assert.equal((await elsewhere.ask('/v1/databases/plant/series')).json.code, 'DatabaseNotFound');
  assert.equal((await reader.ask('/v1/tokens')).json.code, 'ScopeMissing');
});

test('a revoked token is refused, an expired one too', async () => {
  const { token, secret } = (await acme.ask('/v1/tokens', { body: { name: 'short', scopes: ['read'] } })).json;
  const holder = acme.as(secret);
  assert.equal((await holder.ask('/v1/databases')).status, 200);
  assert.equal((await bolt.ask(`/v1/tokens/${token.id}`, { method: 'DELETE' })).json.code, 'TokenNotFound');
  assert.equal((await acme.ask(`/v1/tokens/${token.id}`, { method: 'DELETE' })).status, 204);
  assert.equal((await holder.ask('/v1/databases')).json.code, 'TokenUnknown');

  const expiresAt = new Date(Date.now() + 1_000).toISOString();
  const soon = await acme.ask('/v1/tokens', { body: { name: 'soon', scopes: ['read'], expiresAt } });
  const later = acme.as(soon.json.secret);
  await until('the token to expire', async () => (await later.ask('/v1/databases')).json.code === 'TokenUnknown');
});

test('secrets are shown once', async () => {
  const { secret } = (await acme.ask('/v1/tokens', { body: { name: 'once', scopes: ['read'] } })).json;
  assert.ok(!(await acme.ask('/v1/tokens')).text.includes(secret));
});

test('no token, a wrong one, another scheme', async () => {
  assert.deepEqual([(await acme.ask('/v1/databases', { token: null })).json.code], ['TokenMissing']);
  assert.deepEqual([(await acme.ask('/v1/databases', { token: 'tsg_wrong' })).json.code], ['TokenUnknown']);
  const basic = await acme.ask('/v1/databases', { token: null, headers: { Authorization: 'Basic YTpi' } });
  assert.deepEqual([basic.status, basic.headers.get('www-authenticate')], [401, 'Bearer']);
});

test('a deleted database is gone and its name is free', async () => {
  await bolt.database('passing');
  await bolt.write('passing', 'a v=1 1');
  const reply = await bolt.ask('/v1/databases/passing?confirm=passing', { method: 'DELETE' });
  assert.equal(reply.status, 202, reply.text);
  await bolt.taskDone(reply.json.task.id);
  assert.equal((await bolt.ask('/v1/databases/passing/series')).json.code, 'DatabaseNotFound');
  await bolt.database('passing');
  assert.equal((await bolt.ask('/v1/databases/passing/series/a')).status, 404);
});
