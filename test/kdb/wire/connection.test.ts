import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeMessage, encodeMessage } from '../../../src/kdb/codec.ts';
import { Connection, NoAnswer } from '../../../src/kdb/connection.ts';
import { ConnectionFailed, ConnectionLost, EngineError } from '../../../src/kdb/engine-error.ts';
import { QError, type QValue, Sym } from '../../../src/kdb/qvalue.ts';
import { compress } from '../compress.ts';
import { fakeQ, type Script } from '../fake-q.ts';

// One connection (node-q's socket, our frames) against a q that misbehaves.

const ask = encodeMessage(1, [new Sym('.tsg.tags'), new Sym('cpu')]);
const big = Float64Array.from({ length: 5_000 }, (_, i) => i % 7);

async function against(
  script: Script,
  story: (open: () => Promise<Connection>) => Promise<void>,
  limits = { connectTimeoutMs: 2_000, maxReplyBytes: 1024 * 1024 },
): Promise<void> {
  const server = await fakeQ(script);
  const connections: Connection[] = [];
  try {
    await story(async () => {
      const endpoint = { host: '127.0.0.1', port: server.port, user: 'u', password: 'p:w' };
      const connection = await Connection.open(endpoint, limits, () => {});
      connections.push(connection);
      return connection;
    });
  } finally {
    for (const connection of connections) connection.close();
    await server.close();
  }
}

/** After the handshake, plays the script's answer to one request; the client must see the value. */
function answers(title: string, answer: Script, expected: QValue): void {
  test(title, () =>
    against(
      async (peer, connection) => {
        assert.equal(await peer.welcome(), 'u:p:w');
        assert.deepEqual(await peer.request(), ask);
        await answer(peer, connection);
      },
      async (open) => {
        const connection = await open();
        assert.deepEqual(decodeMessage(await connection.request(ask, 5_000)).value, expected);
      },
    ),
  );
}

answers('a reply', (peer) => peer.reply(7n), 7n);
answers('a reply byte by byte', (peer) => peer.sendInPieces(encodeMessage(2, [7n, null]), 1), [7n, null]);
answers('a large reply in pieces', (peer) => peer.sendInPieces(encodeMessage(2, big), 4_099), big);
answers('a compressed reply in pieces', (peer) => peer.sendInPieces(compress(encodeMessage(2, big)), 97), big);
answers(
  'pushes before the reply, glued to it and of any kind',
  async (peer) => {
    await peer.push([new Sym('upd'), 1n]);
    await peer.push(111n);
    const sync = encodeMessage(1, 5n);
    await peer.send(Buffer.concat([encodeMessage(0, null), sync, encodeMessage(2, 222n)]));
  },
  222n,
);

test('an error reply', () =>
  against(
    async (peer) => {
      await peer.welcome();
      await peer.request();
      await peer.fail('StorageFull');
    },
    async (open) => {
      const { value } = decodeMessage(await (await open()).request(ask, 5_000));
      assert(value instanceof QError);
      assert.equal(value.message, 'StorageFull');
    },
  ));

test('a push glued to the handshake byte', () =>
  against(
    async (peer) => {
      await peer.login();
      // Cut within the message, so that what is behind must be kept for the next chunk.
      const bytes = Buffer.concat([Buffer.of(3), encodeMessage(0, [new Sym('upd'), 1n])]);
      await peer.send(bytes.subarray(0, 12));
      await peer.send(bytes.subarray(12));
      await peer.request();
      await peer.reply(1n);
    },
    async (open) => {
      assert.equal(decodeMessage(await (await open()).request(ask, 5_000)).value, 1n);
    },
  ));

test('400 requests, one after the other', () =>
  against(
    async (peer) => {
      await peer.welcome();
      for (;;) {
        const { value } = decodeMessage(await peer.request());
        await peer.reply((value as QValue[])[1]!);
      }
    },
    async (open) => {
      const connection = await open();
      for (let i = 0n; i < 400n; i++) {
        const frame = encodeMessage(1, [new Sym('.tsg.retain'), i]);
        assert.equal(decodeMessage(await connection.request(frame, 5_000)).value, i);
      }
    },
  ));

test('one request at a time', () =>
  against(
    async (peer) => {
      await peer.welcome();
      await peer.request();
    },
    async (open) => {
      const connection = await open();
      const first = connection.request(ask, 5_000);
      assert.throws(() => connection.request(ask, 5_000), /one request at a time/);
      connection.close();
      await assert.rejects(first, ConnectionLost);
    },
  ));

/** The handshake goes wrong: nothing is sent and the error says so. */
function cannotConnect(title: string, script: Script, reason: RegExp, connectTimeoutMs = 2_000): void {
  test(`cannot connect: ${title}`, () =>
    against(
      script,
      (open) =>
        assert.rejects(open(), (error: Error) => {
          assert(error instanceof ConnectionFailed, String(error));
          assert.match(error.message, reason);
          assert.doesNotMatch(error.message, /p:w/);
          return true;
        }),
      { connectTimeoutMs, maxReplyBytes: 1_000 },
    ));
}

cannotConnect(
  'login refused',
  async (peer) => {
    await peer.login();
    peer.hangUp();
  },
  /wrong auth/,
);
cannotConnect(
  'capability 0',
  async (peer) => {
    await peer.welcome(0);
  },
  /does not speak/,
);
cannotConnect(
  'silence, and the socket is given up',
  async (peer) => {
    await peer.login();
    await peer.closed();
  },
  /no handshake within 50 ms/,
  50,
);

test('cannot connect: nobody there', async () => {
  const server = await fakeQ(async () => {});
  await server.close();
  const endpoint = { host: '127.0.0.1', port: server.port, user: 'u', password: 'p' };
  const limits = { connectTimeoutMs: 2_000, maxReplyBytes: 1_000 };
  await assert.rejects(
    Connection.open(endpoint, limits, () => {}),
    ConnectionFailed,
  );
});

/** The answer goes wrong: the request is rejected, the connection is closed at both ends. */
function losesIt(
  title: string,
  answer: Script,
  error: new (...args: never[]) => Error,
  timeoutMs = 5_000,
  maxReplyBytes = 1_000,
): void {
  test(`lost: ${title}`, () => {
    const hungUp = Promise.withResolvers<void>();
    return against(
      async (peer, connection) => {
        await peer.welcome();
        await peer.request();
        await answer(peer, connection);
        await peer.closed();
        hungUp.resolve();
      },
      async (open) => {
        const connection = await open();
        await assert.rejects(connection.request(ask, timeoutMs), error);
        assert(connection.closed);
        await assert.rejects(connection.request(ask, timeoutMs), ConnectionFailed);
        await hungUp.promise;
      },
      { connectTimeoutMs: 2_000, maxReplyBytes },
    );
  });
}

losesIt('closed before the reply', async (peer) => peer.hangUp(), ConnectionLost);
losesIt(
  'closed within the reply',
  async (peer) => {
    await peer.send(encodeMessage(2, big).subarray(0, 5_000));
    peer.hangUp();
  },
  ConnectionLost,
  5_000,
  1_000_000,
);
losesIt('silence', async () => {}, NoAnswer, 50);
losesIt('half a reply, then silence', (peer) => peer.send(encodeMessage(2, 1n).subarray(0, 10)), NoAnswer, 50);
losesIt('a reply past the limit', (peer) => peer.reply(big), ConnectionLost);
losesIt('bytes that are no q IPC', (peer) => peer.send(Buffer.from('HTTP/1.1 200 OK\r\n\r\n')), ConnectionLost);

test('lost: an answer that nobody asked for', async () => {
  const closed = Promise.withResolvers<void>();
  await against(
    async (peer) => {
      await peer.welcome();
      await peer.reply(1n);
      await peer.closed();
      closed.resolve();
    },
    async (open) => {
      await open();
      await closed.promise;
    },
  );
});

test('the signal closes the connection', async () => {
  const closed = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  await against(
    async (peer) => {
      await peer.welcome();
      await peer.request();
      asked.resolve();
      await peer.closed();
      closed.resolve();
    },
    async (open) => {
      const controller = new AbortController();
      const request = (await open()).request(ask, 5_000, controller.signal);
      await asked.promise;
      controller.abort();
      await assert.rejects(request, (error) => error instanceof EngineError && error.code === 'Cancelled');
      await closed.promise;
    },
  );
});
