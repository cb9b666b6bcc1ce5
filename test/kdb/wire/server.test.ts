import assert from 'node:assert/strict';
import { test } from 'node:test';
import winston from 'winston';
import { createEngineServer, type EngineServer, type ServerOptions } from '../../../kdb/embedded/server.ts';
import type { Engine, InsertBatch } from '../../../src/kdb/engine.ts';
import { EngineError } from '../../../src/kdb/engine-error.ts';
import { compress } from '../compress.ts';
import { call, errorText, IpcClient, message, q } from '../ipc-client.ts';
import { noRows, stubEngine } from '../stub-engine.ts';

// The server against a client that shares no code with it.

const login = 'db:pa:ss';

/** Runs the story against a server, with a way to open clients; all is closed afterwards. */
async function serve(
  story: (open: () => IpcClient, server: EngineServer) => Promise<void>,
  engine: Partial<Engine> & Parameters<typeof stubEngine>[0] = {},
  options: Partial<ServerOptions> = {},
): Promise<void> {
  const server = await createEngineServer(stubEngine(engine), {
    host: '127.0.0.1',
    port: 0,
    user: 'db',
    password: 'pa:ss',
    log: winston.createLogger({ silent: true }),
    ...options,
  });
  const clients: IpcClient[] = [];
  const open = (): IpcClient => {
    const client = new IpcClient(server.port);
    clients.push(client);
    return client;
  };
  try {
    await story(open, server);
  } finally {
    for (const client of clients) client.close();
    await server.close();
  }
}

/** Logs in, sends, gives the error of the reply. */
async function refusal(open: () => IpcClient, request: Buffer): Promise<string | undefined> {
  const client = open();
  assert.equal(await client.login(login), 3);
  client.send(request);
  const reply = await client.next();
  assert(reply, 'the server hung up');
  return errorText(reply);
}

const helloReply = message(
  2,
  q.list(q.j(1n), q.s('stub'), q.s('flexible'), q.j(9_007_199_254_740_993n), q.j(1_000_000n)),
);
const onePart = q.list(
  q.s('cpu'),
  q.S('host'),
  q.list(q.S('a', 'b')),
  q.I(0, 1, 0),
  q.J(1n, 2n, 3n),
  q.S('usage', 'note'),
  q.C('fs'),
  q.list(q.null, Buffer.from('010003000000010001', 'hex')),
  q.list(q.F(1.5, 2.5, -0), q.list(q.I(2, 0, 1), q.C('hi!'))),
);
const id = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');

test('login: one byte back, the lower capability of the two', () =>
  serve(async (open) => {
    for (const [offered, answered] of [
      [0, 0],
      [1, 1],
      [3, 3],
      [6, 3],
    ] as const)
      assert.equal(await open().login(login, offered), answered);
  }));

test('login: anything else is hung up on without a byte', () =>
  serve(async (open) => {
    const wrong = ['db:wrong', 'db:pa', 'db', '', 'other:pa:ss', 'db:pa:ss ', ':', `db:${'x'.repeat(1_000_000)}`];
    for (const text of wrong) assert.equal(await open().login(text), undefined, text.slice(0, 20));
  }));

test('login: HTTP on this port is hung up on', () =>
  serve(async (open) => {
    const client = open();
    client.send(Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n'));
    assert.equal(await client.next(), undefined);
  }));

test('login: silence is hung up on', () =>
  serve(
    async (open) => {
      const client = open();
      client.send(Buffer.from('db:pa'));
      assert.equal(await client.next(), undefined);
    },
    {},
    { handshakeTimeoutMs: 50 },
  ));

test('login byte by byte, with the first call glued to it', () =>
  serve(async (open) => {
    const client = open();
    for (const byte of Buffer.from(login)) client.send(Buffer.of(byte));
    client.send(Buffer.of(3, 0), call('.tsg.hello', q.null));
    assert.equal(await client.login('').then((byte) => byte), 3);
    assert.deepEqual(await client.next(), helloReply);
  }));

test('hello, byte by byte', () =>
  serve(async (open) => {
    const client = open();
    await client.login(login);
    for (const byte of call('.tsg.hello', q.null)) client.send(Buffer.of(byte));
    assert.deepEqual(await client.next(), helloReply);
  }));

test('insert: the engine gets the batch and the very bytes', () => {
  const seen: { batches: readonly InsertBatch[]; frame: Buffer }[] = [];
  return serve(
    async (open) => {
      const client = open();
      await client.login(login);
      const request = call('.tsg.insert', q.g(id), q.list(onePart));
      client.send(request);
      assert.deepEqual(await client.next(), message(2, q.J(3n, 0n, 1n, 1n, 77n)));
      assert.deepEqual(seen[0]!.frame, request);
      const [part] = seen[0]!.batches[0]!.parts;
      assert.deepEqual(part, {
        series: 'cpu',
        tagNames: ['host'],
        keys: [['a', 'b']],
        keyCount: 2,
        row: Int32Array.of(0, 1, 0),
        timeNs: BigInt64Array.of(1n, 2n, 3n),
        fields: [
          { name: 'usage', validity: null, data: { type: 'float', values: Float64Array.of(1.5, 2.5, -0) } },
          {
            name: 'note',
            validity: Uint8Array.of(1, 0, 1),
            data: {
              type: 'string',
              values: { lengths: Int32Array.of(2, 0, 1), bytes: new Uint8Array(Buffer.from('hi!')) },
            },
          },
        ],
      });
    },
    {
      async insertFrame(batches, frame) {
        seen.push({ batches, frame });
        return batches.map(() => ({ rows: 3n, late: 0n, catalogueVersion: 1n, generation: 1n, offset: 77n }));
      },
    },
  );
});

test('a compressed insert reaches the journal without compression', () => {
  let kept: Buffer | undefined;
  return serve(
    async (open) => {
      const client = open();
      await client.login(login);
      const request = call('.tsg.insert', q.g(id), q.list(onePart));
      client.send(compress(request));
      assert.equal(errorText((await client.next())!), undefined);
      assert.deepEqual(kept, request);
    },
    {
      async insertFrame(batches, frame) {
        kept = frame;
        return batches.map(() => ({ rows: 0n, late: 0n, catalogueVersion: 0n, generation: 0n, offset: 0n }));
      },
    },
  );
});

test('joined inserts: each its own receipt or error', () =>
  serve(
    async (open) => {
      const client = open();
      await client.login(login);
      const one = q.list(q.g(id), q.list(onePart));
      client.send(call('.tsg.inserts', q.list(one, one, one)));
      const receipt = q.J(3n, 1n, 2n, 4n, 5n);
      assert.deepEqual(
        await client.next(),
        message(2, q.list(receipt, q.C('FieldTypeClash\tcpu\tusage\tlong\tfloat'), receipt)),
      );
    },
    {
      insertFrame: async (batches) =>
        batches.map((_, i) =>
          i === 1
            ? new EngineError('FieldTypeClash', 'cpu', 'usage', 'long', 'float')
            : { rows: 3n, late: 1n, catalogueVersion: 2n, generation: 4n, offset: 5n },
        ),
    },
  ));

test('an engine error is a q error', () =>
  serve(
    async (open) => {
      assert.equal(await refusal(open, call('.tsg.tags', q.s('gone'))), 'SeriesNotFound\tgone');
      assert.equal(await refusal(open, call('.tsg.insert', q.g(id), q.list(onePart))), 'StorageFull');
    },
    {
      tags: async (series) => {
        throw new EngineError('SeriesNotFound', series);
      },
      insertFrame: async () => [new EngineError('StorageFull')],
    },
  ));

test('an unforeseen error is InternalError and the connection lives on', () =>
  serve(
    async (open) => {
      const client = open();
      await client.login(login);
      client.send(call('.tsg.stats', q.null), call('.tsg.hello', q.null));
      assert.equal(errorText((await client.next())!), 'InternalError\tbroken');
      assert.deepEqual(await client.next(), helloReply);
    },
    {
      stats: async () => {
        throw new TypeError('broken');
      },
    },
  ));

const deep = Buffer.concat([...Array<Buffer>(100).fill(Buffer.from('000001000000', 'hex')), q.null]);
const notCalls: Readonly<Record<string, Buffer>> = {
  'a text query': message(1, q.C('count tables[]')),
  'a text query as a list': message(1, q.list(q.C('.tsg.hello'), q.null)),
  'a symbol alone': message(1, q.s('.tsg.hello')),
  'a name outside the table': call('.tsg.exit', q.null),
  'a name of an object’s prototype': call('constructor', q.null),
  'a built-in': call('system', q.C('ls')),
  'no argument': call('.tsg.hello'),
  'an argument too many': call('.tsg.hello', q.null, q.null),
  'an argument of another type': call('.tsg.tags', q.C('cpu')),
  'a lambda as argument': call('.tsg.tags', Buffer.from('64000a00050000007b782b797d', 'hex')),
  'nesting without end': message(1, deep),
  'a value that is cut off': message(1, Buffer.from('0000ffffff7f', 'hex')),
  'an empty list': message(1, q.list()),
  'an error as request': message(1, Buffer.from('806100', 'hex')),
};

for (const [title, request] of Object.entries(notCalls)) {
  test(`refused: ${title}`, () =>
    serve(async (open) => {
      assert.match((await refusal(open, request)) ?? 'no error', /^BadCall\t/);
    }));
}

test('q’s own forms of lists of like atoms are understood', () =>
  serve(async (open) => {
    const client = open();
    await client.login(login);
    // (`.tsg.drop;`cpu) is a symbol vector in q.
    client.send(message(1, q.S('.tsg.drop', 'cpu')));
    assert.deepEqual(await client.next(), message(2, q.null));
    client.send(call('.tsg.latest', q.list(q.s('cpu'), q.S('null', 'usage'), q.S())));
    assert.deepEqual(await client.next(), message(2, q.list(q.list(), q.j(0n), q.null)));
  }));

const hangUps: Readonly<Record<string, Buffer>> = {
  'an asynchronous call': message(0, q.list(q.s('.tsg.drop'), q.s('cpu'))),
  'a response': message(2, q.null),
  'big endian': Buffer.from('000100000000000a6500', 'hex'),
  'a length past the limit': Buffer.from('01010000ffffff7f', 'hex'),
  'a length of nothing': Buffer.from('0101000000000000', 'hex'),
};

for (const [title, bytes] of Object.entries(hangUps)) {
  test(`hung up on: ${title}`, () => {
    let dropped = 0;
    return serve(
      async (open) => {
        const client = open();
        await client.login(login);
        client.send(bytes);
        assert.equal(await client.next(), undefined);
        assert.equal(dropped, 0);
        assert.equal(await open().login(login), 3);
      },
      {
        drop: async () => {
          dropped++;
        },
      },
    );
  });
}

test('a client that pipelines gets its answers in order, one call at a time', () => {
  let running = 0;
  return serve(
    async (open) => {
      const client = open();
      await client.login(login);
      const count = 300;
      client.send(...Array.from({ length: count }, (_, i) => call('.tsg.retain', q.j(BigInt(i)))));
      for (let i = 0; i < count; i++) assert.deepEqual(await client.next(), message(2, q.j(BigInt(i))));
    },
    {
      async retain(beforeNs) {
        assert.equal(++running, 1);
        // Later calls are faster.
        for (let turn = beforeNs % 7n; turn > 0n; turn--) await new Promise(setImmediate);
        running--;
        return beforeNs;
      },
    },
  );
});

test('a slow call on one connection does not hold up another', () => {
  const slow = Promise.withResolvers<bigint>();
  return serve(
    async (open) => {
      const waiting = open();
      await waiting.login(login);
      waiting.send(call('.tsg.retain', q.j(0n)));
      const other = open();
      await other.login(login);
      other.send(call('.tsg.hello', q.null));
      assert.deepEqual(await other.next(), helloReply);
      slow.resolve(5n);
      assert.deepEqual(await waiting.next(), message(2, q.j(5n)));
    },
    { retain: () => slow.promise },
  );
});

const query = call(
  '.tsg.query',
  q.dict(
    q.S('series', 'from', 'to', 'where', 'by', 'bucket', 'select', 'fields', 'order', 'limit', 'cut', 'after'),
    q.list(
      q.s('cpu'),
      q.j(0n),
      q.j(9n),
      q.null,
      q.S(),
      q.null,
      q.list(),
      q.S(),
      q.s('asc'),
      q.j(10n),
      q.b(false),
      q.null,
    ),
  ),
);

test('closing the connection aborts its query', () => {
  const started = Promise.withResolvers<AbortSignal>();
  return serve(
    async (open) => {
      const client = open();
      await client.login(login);
      client.send(query);
      const signal = await started.promise;
      assert(!signal.aborted);
      client.close();
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      assert.equal((signal.reason as EngineError).code, 'Cancelled');
    },
    {
      query: (_, signal) => {
        started.resolve(signal!);
        return new Promise(() => {});
      },
    },
  );
});

test('a query past its deadline is answered and aborted', () => {
  let aborted: AbortSignal | undefined;
  return serve(
    async (open) => {
      assert.equal(await refusal(open, query), 'DeadlineExceeded');
      assert.equal(aborted?.aborted, true);
    },
    {
      query: (_, signal) => {
        aborted = signal;
        return new Promise(() => {});
      },
    },
    { queryTimeoutMs: 30 },
  );
});

test('connections past the limit are hung up on', () =>
  serve(
    async (open) => {
      const first = open();
      assert.equal(await first.login(login), 3);
      assert.equal(await open().login(login), undefined);
    },
    {},
    { maxConnections: 1 },
  ));

test('a client that does not read holds up only itself', () => {
  const rows = 500_000;
  const columns = [{ kind: 'float' as const, name: 'v', values: new Float64Array(rows) }];
  let answered = 0;
  return serve(
    async (open) => {
      const lazy = open();
      await lazy.login(login);
      lazy.socket.pause();
      lazy.send(...Array<Buffer>(10).fill(query));
      const other = open();
      await other.login(login);
      for (let i = 0; i < 50; i++) {
        other.send(call('.tsg.hello', q.null));
        assert.deepEqual(await other.next(), helloReply);
      }
      // 4 MB are more than the sockets' buffers, so the server waits with the rest of the queries.
      assert(answered < 10, `${answered} answers are held in memory`);
      lazy.socket.resume();
      for (let i = 0; i < 10; i++) assert.equal((await lazy.next())!.length > 8 * rows, true);
    },
    {
      query: async () => {
        answered++;
        return { ...noRows, columns, rows };
      },
    },
  );
});

test('close answers the running call and hangs up', () => {
  const started = Promise.withResolvers<void>();
  const slow = Promise.withResolvers<bigint>();
  const retain = (): Promise<bigint> => {
    started.resolve();
    return slow.promise;
  };
  return serve(
    async (open, server) => {
      const [busy, idle] = [open(), open()];
      await busy.login(login);
      await idle.login(login);
      busy.send(call('.tsg.retain', q.j(0n)), call('.tsg.hello', q.null));
      await started.promise;
      const closing = server.close();
      await idle.closed();
      slow.resolve(5n);
      assert.deepEqual(await busy.next(), message(2, q.j(5n)));
      assert.equal(await busy.next(), undefined);
      await closing;
    },
    { retain },
  );
});
