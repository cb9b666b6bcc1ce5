// Names and ids that cannot be: each is the caller's mistake, however they came.

import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, test } from 'node:test';
import { openApi } from './api.ts';

const { account, database, operator } = await openApi({ after });
const { id, service } = await account('acme');
await database(id, 'plant', 'strict');

/** fetch would resolve dots away. */
async function statusOf(method: string, path: string, token: string, body = ''): Promise<number> {
  const headers = { Authorization: `Bearer ${token}`, 'Content-Length': Buffer.byteLength(body) };
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const { hostname, port } = new URL(service.url);
  request({ hostname, port, method, path, headers }, (reply) => resolve(reply.resume().statusCode!))
    .on('error', reject)
    .end(body);
  return promise;
}

const asks: readonly (readonly [string, string, string?])[] = [
  ['GET', '/v1/accounts/:'],
  ['PATCH', '/v1/accounts/:', '{"plan":"trial"}'],
  ['DELETE', '/v1/accounts/:'],
  ['PATCH', '/v1/users/:', '{"role":"owner"}'],
  ['PATCH', '/v1/users/u-:', '{"role":"owner"}'],
  ['DELETE', '/v1/users/u-:'],
  ['DELETE', '/v1/tokens/:'],
  ['GET', '/v1/databases/:'],
  ['DELETE', '/v1/databases/:'],
  ['POST', '/v1/databases/:/write', 'a v=1'],
  ['GET', '/v1/databases/plant/catalogue/:'],
  ['GET', '/v1/databases/plant/series/:'],
  ['PUT', '/v1/databases/plant/series/:', '{"fields":{"v":"float"}}'],
  ['DELETE', '/v1/databases/plant/series/:'],
  ['GET', '/v1/tasks/:'],
  ['GET', '/v1/audit?account=:'],
  ['GET', '/v1/usage?account=:'],
];

for (const [method, path, body] of asks) {
  test(`${method} ${path}`, async () => {
    for (const name of ['', '.', '%2e', '%00', '%ff', '%ed%a0%80', 'x'.repeat(256), 'x'.repeat(3_000)]) {
      for (const token of [service.token, operator.token]) {
        const status = await statusOf(method, path.replace(':', name), token, body);
        const odd = path.includes('account=') && ['.', '%2e', '%00', '%ff', '%ed%a0%80'].includes(name);
        assert.ok((status >= 400 && status < 500) || (odd && status === 200), `${status} for ${name}`);
      }
    }
  });
}

test('tokens: users and databases that cannot be', async () => {
  const create = (more: object) => service.ask('/v1/tokens', { body: { name: 'x', scopes: ['read'], ...more } });
  const bad: readonly (readonly [string, object])[] = [
    ['InvalidRequest', { user: '' }],
    ['UserNotFound', { user: 'name#ann' }],
    ['InvalidName', { name: 'a\ud800' }],
    ['InvalidName', { databases: ['a\u0000'] }],
    ['InvalidName', { databases: ['🦆'.repeat(64)] }],
    ['InvalidRequest', { databases: Array.from({ length: 101 }, (_, i) => `d${i}`) }],
  ];
  for (const [code, more] of bad) assert.equal((await create(more)).json.code, code, JSON.stringify(more));
  // As large as it can be.
  const databases = Array.from({ length: 100 }, (_, i) => `${'🦆'.repeat(63)}${i}`.padEnd(128, 'x'));
  assert.equal((await create({ databases })).status, 201);
});

test('audit: a cursor from before the range is the end of it', async () => {
  const [entry] = (await service.ask('/v1/audit?limit=1')).json.entries;
  const cursor = Buffer.from(`${entry.at}#${entry.id}`).toString('base64url');
  const reply = await service.ask(`/v1/audit?from=2200-01-01&cursor=${cursor}`);
  assert.deepEqual([reply.status, reply.json], [200, { entries: [], next: null }]);
});
