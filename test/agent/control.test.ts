import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createControl } from '../../kdb/agent/control.ts';
import { silent } from '../management/region.ts';
import { testHost, wanted } from './host.ts';

const secret = 'control secret';

type Ask = (method: string, path: string, body?: unknown, authorization?: string) => Promise<[number, unknown]>;

async function open(t: TestContext): Promise<Ask> {
  const agent = testHost(t, 2).agent({ slots: 1 });
  await agent.start();
  const server = createControl({ agent, secret, restart: () => {}, log: silent }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close().closeAllConnections());
  const { port } = server.address() as AddressInfo;
  return async (method, path, body, authorization = `Bearer ${secret}`) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: { authorization },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return [response.status, await response.json()];
  };
}

test('a database is put, seen and deleted, each as often as one likes', async (t) => {
  const ask = await open(t);
  assert.equal((await ask('GET', '/databases/db-1'))[0], 404);
  const [status, report] = await ask('PUT', '/databases/db-1', wanted);
  assert.equal(status, 200);
  const keys = ['endpoint', 'fault', 'heldBy', 'id', 'incarnation', 'recovered', 'state'];
  assert.deepEqual(Object.keys(report as object).toSorted(), keys);
  assert.deepEqual(await ask('PUT', '/databases/db-1', wanted), [200, report]);
  assert.deepEqual(await ask('GET', '/databases/db-1'), [200, report]);
  assert.deepEqual(await ask('GET', '/databases'), [200, { databases: [report] }]);
  assert.deepEqual(await ask('DELETE', '/databases/db-1'), [200, {}]);
  assert.deepEqual(await ask('DELETE', '/databases/db-1'), [200, {}]);
  assert.deepEqual(await ask('GET', '/databases'), [200, { databases: [] }]);
});

test('no room', async (t) => {
  const ask = await open(t);
  assert.equal((await ask('PUT', '/databases/db-1', { ...wanted, volumes: 3 }))[0], 409);
  assert.equal((await ask('PUT', '/databases/db-1', wanted))[0], 200);
  assert.equal((await ask('PUT', '/databases/db-2', wanted))[0], 507);
});

test('only with the secret', async (t) => {
  const ask = await open(t);
  for (const authorization of ['', 'Bearer', 'Bearer x', `Bearer ${secret}x`, `Basic ${secret}`, secret]) {
    assert.equal((await ask('GET', '/databases', undefined, authorization))[0], 401);
    assert.equal((await ask('DELETE', '/databases/db-1', undefined, authorization))[0], 401);
  }
});

test('what it does not understand, it refuses', async (t) => {
  const ask = await open(t);
  const refused: [number, string, string, unknown?][] = [
    [404, 'GET', '/'],
    [404, 'GET', '/other'],
    [404, 'GET', '/databases/db-1/more'],
    [404, 'PUT', '/databases/..%2f..%2fetc', wanted],
    [404, 'DELETE', '/databases/DB_1'],
    [404, 'DELETE', '/databases/'],
    [405, 'POST', '/databases/db-1', wanted],
    [405, 'DELETE', '/databases'],
    [400, 'PUT', '/databases/db-1'],
    [400, 'PUT', '/databases/db-1', []],
    [400, 'PUT', '/databases/db-1', { ...wanted, volumes: 0 }],
    [400, 'PUT', '/databases/db-1', { ...wanted, schema: 'loose' }],
    [400, 'PUT', '/databases/db-1', { ...wanted, extra: 1 }],
    [400, 'PUT', '/databases/db-1', { ...wanted, password: 'x'.repeat(10_000) }],
  ];
  for (const [status, method, path, body] of refused) {
    assert.equal((await ask(method, path, body))[0], status, `${method} ${path} ${JSON.stringify(body)?.slice(0, 80)}`);
  }
  assert.deepEqual(await ask('GET', '/databases'), [200, { databases: [] }]);
});
