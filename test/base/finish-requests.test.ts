import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { finishRequests } from '../../src/base/finish-requests.ts';
import { until } from '../until.ts';

const head = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;

async function listening(t: { readonly after: (stop: () => void) => void }) {
  const held: ServerResponse[] = [];
  const server = createServer((request, response) => {
    if (request.url === '/held') held.push(response);
    else response.end('now');
  }).listen(0, '127.0.0.1');
  server.keepAliveTimeout = 75_000;
  await once(server, 'listening');
  t.after(() => server.close().closeAllConnections());
  const open = async (): Promise<{ socket: Socket; text: () => string }> => {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    t.after(() => socket.destroy());
    let text = '';
    socket.on('data', (data: Buffer) => (text += data));
    await once(socket, 'connect');
    return { socket, text: () => text };
  };
  return { server, held, open };
}

test('what is under way is answered; its connection, which the client would keep, is closed', async (t) => {
  const { server, held, open } = await listening(t);
  const [idle, busy] = [await open(), await open()];
  idle.socket.write(head('/'));
  await until('the first answer', () => idle.text().endsWith('now'));
  busy.socket.write(head('/held'));
  await until('a request under way', () => held[0]);
  const finished = finishRequests(server);
  await once(idle.socket, 'end');
  assert.equal(busy.text(), '');
  held[0]!.end('late');
  await finished;
  assert.match(busy.text(), /^HTTP\/1.1 200 OK\r\n[\s\S]*late/);
});

test('a request that comes meanwhile is answered, and told to be the last', async (t) => {
  const { server, held, open } = await listening(t);
  const { socket, text } = await open();
  socket.write(head('/held'));
  await until('a request under way', () => held[0]);
  const finished = finishRequests(server);
  socket.write(head('/'));
  held[0]!.end('late');
  await finished;
  assert.match(text(), /late[\s\S]*Connection: close[\s\S]*now/);
});
