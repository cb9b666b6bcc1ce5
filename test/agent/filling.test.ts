import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import type { Agent } from '../../kdb/agent/agent.ts';
import { createControl } from '../../kdb/agent/control.ts';
import type { Endpoint } from '../../src/management/records.ts';
import { AgentClient, AgentNotFound, FileDamaged, NotFilling } from '../../workers/agent-client.ts';
import { silent } from '../management/region.ts';
import { until } from '../until.ts';
import { directoriesOf, startsOf, testHost, wanted } from './host.ts';

const secret = 'control secret';
const client = new AgentClient(secret);
const { signal } = new AbortController();
const filling = { ...wanted, filling: true };
const manifest = { volume: 0, path: 'manifest.json' };
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const read = async (contents: Promise<ReadableStream<Uint8Array>>) => (await buffer(await contents)).toString();

async function control(t: TestContext, agent: Agent): Promise<Endpoint> {
  await agent.start();
  const server = createControl({ agent, secret, restart: () => {}, log: silent }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close().closeAllConnections());
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

test('a database is filled, survives a restart so, and is started once', async (t) => {
  const host = testHost(t, 2);
  const at = await control(t, host.agent({ slots: 1 }));
  const report = await client.putDatabase(at, 'db-1', filling, signal);
  assert.deepEqual([report.state, report.endpoint], ['filling', null]);
  assert.deepEqual(await client.putDatabase(at, 'db-1', filling, signal), report);
  await assert.rejects(client.putDatabase(at, 'db-2', wanted, signal), /refuses/);
  await client.putFile(at, 'db-1', manifest, sha256('old'), Buffer.from('old'), signal);
  await client.putFile(at, 'db-1', manifest, sha256('new one'), Readable.from(['new', ' one']), signal);
  await client.putFile(at, 'db-1', { volume: 1, path: 'part-0000000001.tsg' }, sha256(''), Buffer.from(''), signal);
  const directories = directoriesOf(host, 'db-1');
  writeFileSync(join(directories[1]!, 'part-0000000002.tsg.x.put'), 'half');

  const second = await control(t, host.agent());
  assert.deepEqual(await client.getDatabase(second, 'db-1', signal), report);
  assert.deepEqual(readdirSync(directories[1]!), ['part-0000000001.tsg']);
  assert.equal(await read(client.getFile(second, 'db-1', manifest, signal)), 'new one');
  assert.equal(await read(client.getFile(second, 'db-1', manifest, signal, 4)), 'one');
  assert.equal(await read(client.getFile(second, 'db-1', { volume: 1, path: 'part-0000000001.tsg' }, signal)), '');
  await assert.rejects(client.getFile(second, 'db-1', manifest, signal, 7), /failed/);
  const started = await client.startDatabase(second, 'db-1', { recover: { untilMs: 5 } }, signal);
  assert.equal(started.state, 'running');
  assert.deepEqual(await client.startDatabase(second, 'db-1', { recover: null }, signal), started);
  assert.equal(startsOf(directories[0]!).length, 1);
  await assert.rejects(client.putFile(second, 'db-1', manifest, sha256(''), Buffer.from(''), signal), NotFilling);
  const { restore } = JSON.parse(readFileSync(join(directories[0]!, 'database.json'), 'utf8'));
  assert.deepEqual(restore, { untilMs: 5 });
  await client.deleteDatabase(second, 'db-1', signal);
  assert.deepEqual(host.contents(), []);
});

test('what does not arrive whole leaves nothing', async (t) => {
  const host = testHost(t, 2);
  const at = await control(t, host.agent());
  await client.putDatabase(at, 'db-1', filling, signal);
  const [home] = directoriesOf(host, 'db-1');
  const big = 'x'.repeat(3_000_000);
  await assert.rejects(client.putFile(at, 'db-1', manifest, sha256(big), Buffer.from(`${big}y`), signal), FileDamaged);
  assert.deepEqual(readdirSync(home!), ['database.json']);
  // The sender dies in the middle.
  const socket = connect(at.port, at.host);
  socket.write(
    `PUT /databases/db-1/files/0/manifest.json HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${secret}\r\n` +
      `x-content-sha256: ${sha256(big)}\r\ncontent-length: ${big.length}\r\n\r\nxxx`,
  );
  await until('it arrives', () => readdirSync(home!).length === 2);
  socket.destroy();
  await until('it is removed', () => readdirSync(home!).length === 1);
});

test('only names that the engine makes', async (t) => {
  const host = testHost(t, 2);
  const at = await control(t, host.agent());
  await client.putDatabase(at, 'db-1', filling, signal);
  const ask = async (method: string, path: string, sum = sha256('')) => {
    // Not fetch: it tidies paths up.
    const socket = connect(at.port, at.host);
    socket.write(
      `${method} /databases/db-1/${path} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${secret}\r\n` +
        `x-content-sha256: ${sum}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`,
    );
    return Number((await buffer(socket)).toString().slice(9, 12));
  };
  const refused: [number, string, string, string?][] = [
    [404, 'PUT', 'files/0/database.json'],
    [404, 'PUT', 'files/0/creating.json'],
    [404, 'PUT', 'files/0/lock'],
    [404, 'PUT', 'files/0/..'],
    [404, 'PUT', 'files/0/part-1.tsg'],
    [404, 'PUT', 'files/0/%2e%2e%2fmanifest.json'],
    [404, 'PUT', 'files/0/manifest.json?x'],
    [404, 'PUT', 'files/2/manifest.json'],
    [404, 'PUT', 'files/-1/manifest.json'],
    [404, 'PUT', 'files/0x0/manifest.json'],
    [400, 'PUT', 'files/0/../manifest.json'],
    [400, 'PUT', 'files/0/backup-a/manifest.json'],
    [400, 'PUT', 'files/0/manifest.json', 'x'],
    [400, 'PUT', 'files/0/manifest.json', sha256('').toUpperCase()],
    [404, 'GET', 'files/0/database.json'],
    [404, 'GET', 'files/0/manifest.json'],
    [404, 'GET', 'files/0/../db-1/manifest.json'],
    [404, 'GET', 'files/0/backup-../manifest.json'],
    [404, 'GET', 'files/0/backup-a/backup-b/manifest.json'],
    [404, 'GET', 'files/0/backup-a//manifest.json'],
    [405, 'DELETE', 'files/0/manifest.json'],
    [404, 'DELETE', 'backups/..'],
    [404, 'DELETE', 'backups/a/b'],
    [405, 'GET', 'backups/a'],
    [405, 'GET', 'start'],
    [400, 'POST', 'start'],
    [400, 'POST', 'hold'],
    [200, 'DELETE', 'backups/never-there'],
  ];
  for (const [status, method, path, sum] of refused)
    assert.equal(await ask(method, path, sum), status, `${method} ${path}`);
  assert.deepEqual(
    directoriesOf(host, 'db-1').flatMap((directory) => readdirSync(directory)),
    ['database.json'],
  );
  await assert.rejects(client.getFile(at, 'db-2', manifest, signal), AgentNotFound);
  await assert.rejects(client.holdDatabase(at, 'db-2', { held: true, by: 'x' }, signal), AgentNotFound);
});

test('a host says what room it has', async (t) => {
  const host = testHost(t, 2);
  const at = await control(t, host.agent());
  await client.putDatabase(at, 'db-1', filling, signal);
  await client.putDatabase(at, 'db-2', wanted, signal);
  const { slots, databases, volumes, load } = await client.health(at, signal);
  assert.deepEqual([slots, databases, volumes.length], [16, { filling: 1, running: 1 }, 2]);
  assert.ok(load >= 0 && volumes.every(({ bytes, freeBytes }) => freeBytes > 0 && freeBytes <= bytes));
});
