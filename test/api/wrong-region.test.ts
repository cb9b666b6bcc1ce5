// A data request that came to the wrong region is refused by its headers alone.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { after, test } from 'node:test';
import type { Services } from '../../src/api/services.ts';
import type { ApiConfig } from '../../src/base/config.ts';
import { Metrics } from '../../src/base/metrics.ts';
import { createServer } from '../../src/server.ts';
import { silent } from '../management/region.ts';
import { until } from '../until.ts';

const token = {
  accountId: 'a',
  userId: null,
  scopes: ['read', 'write'],
  databases: null,
  operator: false,
  expiresAt: null,
};
const database = { accountId: 'a', name: 'far', region: 'us-west-1', status: 'active' };
const config: Partial<ApiConfig> = {
  region: 'eu-west-1',
  regionEndpoints: { 'eu-west-1': 'http://here', 'us-west-1': 'https://there' },
  maxBodyBytes: 64 * 1024 * 1024,
};
const management = {
  accounts: { findAccount: () => ({ id: 'a', status: 'active' }) },
  tokens: { findToken: async () => token },
  databases: { findDatabase: async () => database },
};
const metrics = new Metrics({ region: 'eu-west-1', zone: 'a' });
const server = createServer({ config, management, metrics, log: silent } as unknown as Services);
server.listen(0, '127.0.0.1');
await once(server.server, 'listening');
const { port } = server.server.address() as AddressInfo;
/** The server's end of the newest connection. */
let accepted: Socket | undefined;
server.server.on('connection', (socket) => (accepted = socket));
after(() => {
  server.server.closeAllConnections();
  server.close();
});

interface Conversation {
  readonly socket: Socket;
  readonly received: () => string;
}

function converse(head: readonly string[]): Conversation {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.on('data', (data) => (text += data.toString('latin1'))).on('error', () => {});
  socket.write([...head, 'Host: here', 'Authorization: Bearer tsg_x', '', ''].join('\r\n'));
  after(() => socket.destroy());
  return { socket, received: () => text };
}

const write = 'POST /v1/databases/far/write?precision=s HTTP/1.1';

function assertRefused(reply: string): void {
  assert.match(reply, /^HTTP\/1\.1 421 /);
  const body = JSON.parse(reply.slice(reply.indexOf('\r\n\r\n')));
  assert.deepEqual([body.code, body.region, body.endpoint], ['WrongRegion', 'us-west-1', 'https://there']);
}

test('the reply names the endpoint, also as a link to the same path there', async () => {
  const { received } = converse(['GET /v1/databases/far/series/a%2Fb/latest?where=a=<"> HTTP/1.1']);
  const reply = await until('a reply', () => /\}$/.test(received()) && received());
  assertRefused(reply);
  const link = /^Link: (.*)\r$/m.exec(reply)![1]!;
  assert.match(
    link,
    /^<https:\/\/there\/v1\/databases\/far\/series\/a%2Fb\/latest\?where=a=%3C%22%3E>; rel="alternate"$/,
  );
});

test('a request as a proxy would get it: the link names no other host', async () => {
  const { received } = converse(['GET http://evil.example/v1/databases/far/series HTTP/1.1']);
  const reply = await until('a reply', () => /\}$/.test(received()) && received());
  assert.match(reply, /^Link: <https:\/\/there\/v1\/databases\/far\/series>; rel="alternate"\r$/m);
});

test('a client that asks before it sends its body is never told to', async () => {
  const { socket, received } = converse([write, 'Expect: 100-continue', 'Content-Length: 30000000']);
  const reply = await until('a reply', () => /\}$/.test(received()) && received());
  assertRefused(reply);
  assert.match(reply, /^Connection: close\r$/m);
  assert.equal(socket.destroyed, false);
});

for (const length of ['Content-Length: 30000000', 'Transfer-Encoding: chunked']) {
  test(`a body with ${length} that is on its way is not read, and the connection ends`, async () => {
    const { socket, received } = converse([write, length]);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    const bytes = 30_000_000;
    if (length.startsWith('Transfer')) socket.write(`${bytes.toString(16)}\r\n`);
    socket.write(Buffer.alloc(bytes));
    const reply = await until('a reply', () => /\}$/.test(received()) && received());
    assertRefused(reply);
    assert.match(reply, /^Connection: close\r$/m);
    await closed;
    assert.ok(accepted!.bytesRead < 1_000_000, `${accepted!.bytesRead} bytes were read`);
  });
}

test('a small body does not cost the connection', async () => {
  const { socket, received } = converse([write, 'Content-Length: 5']);
  socket.write('a v=1');
  await until('a reply', () => /\}$/.test(received()));
  socket.write('GET /health HTTP/1.1\r\nHost: here\r\n\r\n');
  await until('a second reply', () => received().includes('HTTP/1.1 200 '));
});
