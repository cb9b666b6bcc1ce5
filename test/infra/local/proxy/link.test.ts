import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { Link, type Way } from '../../../../infra/local/proxy/link.ts';
import { freePort } from '../../../servers.ts';
import { until } from '../../../until.ts';

interface Rig {
  readonly link: Link;
  /** A new connection through the link. */
  readonly client: () => Socket;
  /** The server's ends. */
  readonly accepted: Socket[];
  readonly server: Server;
}

async function rig(t: TestContext, way: Partial<Way>, serve: (socket: Socket) => void): Promise<Rig> {
  const accepted: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    accepted.push(socket.on('error', () => {}));
    serve(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const link = new Link('subject', (server.address() as AddressInfo).port, {
    state: 'open',
    upMs: 0,
    downMs: 0,
    ...way,
  });
  const port = await freePort();
  await link.listen(port);
  const clients: Socket[] = [];
  t.after(() => {
    for (const socket of [...clients, ...accepted]) socket.destroy();
    link.close();
    server.close();
  });
  const client = (): Socket => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    clients.push(socket.on('error', () => {}));
    return socket;
  };
  return { link, client, accepted, server };
}

const echo = (socket: Socket): void => void socket.pipe(socket);
const closed = (socket: Socket): Promise<unknown> => new Promise((resolve) => socket.once('close', resolve));

async function asked(socket: Socket, question: string): Promise<string> {
  socket.write(question);
  const [answer] = await once(socket, 'data');
  return String(answer);
}

for (const way of [{}, { upMs: 20, downMs: 20 }]) {
  test(`everything arrives in order, the end too, with ${JSON.stringify(way)}`, async (t) => {
    const { client } = await rig(t, way, echo);
    const sent = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => i % 251));
    const socket = client();
    socket.end(sent);
    assert.ok(sent.equals(await buffer(socket)));
  });
}

test('each direction takes its own time', async (t) => {
  const { link, client } = await rig(t, { upMs: 30, downMs: 50 }, echo);
  const socket = client();
  await once(socket, 'connect');
  const timed = async (): Promise<number> => {
    const startMs = performance.now();
    assert.equal(await asked(socket, 'ping'), 'ping');
    return performance.now() - startMs;
  };
  assert.ok((await timed()) >= 79);
  link.change({ upMs: 200, downMs: 0 });
  assert.ok((await timed()) >= 199);
});

test('what is held arrives when the way is open again', async (t) => {
  const { link, client } = await rig(t, {}, echo);
  const socket = client();
  assert.equal(await asked(socket, 'a'), 'a');
  link.change({ state: 'held' });
  let heard = '';
  socket.on('data', (data) => (heard += data));
  socket.write('b');
  const late = client();
  late.write('c');
  await until('both to be connected', () => link.report().connections === 2);
  assert.equal(heard, '');
  const answered = once(late, 'data');
  link.change({ state: 'open' });
  assert.equal(String((await answered)[0]), 'c');
  await until('the answer', () => heard === 'b');
});

test('a cut ends every connection and takes no new one until it is mended', async (t) => {
  const { link, client, accepted } = await rig(t, {}, echo);
  const socket = client();
  assert.equal(await asked(socket, 'a'), 'a');
  const gone = Promise.all([closed(socket), closed(accepted[0]!)]);
  link.change({ state: 'cut' });
  await gone;
  await closed(client());
  assert.deepEqual([accepted.length, link.report().connections], [1, 0]);
  link.change({ state: 'open' });
  assert.equal(await asked(client(), 'b'), 'b');
});

test('a sender is slowed down to what the receiver takes', async (t) => {
  const { client } = await rig(t, {}, (socket) => socket.pause());
  const socket = client();
  let written = 0;
  while (written < 64 && socket.write(Buffer.alloc(1_000_000))) written++;
  // The system's buffers take some MB; the rest waits here.
  socket.write(Buffer.alloc(64_000_000));
  await once(socket, 'connect');
  let before = -1;
  await until('the sender to stand still', async () => {
    const still = before === socket.writableLength;
    before = socket.writableLength;
    return still;
  });
  assert.ok(socket.writableLength > 32_000_000);
});

test('a client or a server that hangs up ends the other side, and the next one is served', async (t) => {
  const { client, accepted } = await rig(t, { upMs: 5, downMs: 5 }, echo);
  const first = client();
  await asked(first, 'a');
  const serverGone = closed(accepted[0]!);
  first.resetAndDestroy();
  await serverGone;
  const second = client();
  await asked(second, 'b');
  const clientGone = closed(second);
  accepted[1]!.resetAndDestroy();
  await clientGone;
  assert.equal(await asked(client(), 'c'), 'c');
});

test('a server that is away is like one that resets', async (t) => {
  const { client, server } = await rig(t, {}, echo);
  server.close();
  await closed(client());
});
