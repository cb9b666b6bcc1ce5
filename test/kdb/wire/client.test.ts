import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codecs, readRequest } from '../../../src/kdb/calls/index.ts';
import { decodeInsertFrame } from '../../../src/kdb/calls/insert.ts';
import { createEngineClient, type EngineClient, type EngineClientOptions } from '../../../src/kdb/client.ts';
import { decodeMessage, encodeMessage } from '../../../src/kdb/codec.ts';
import type { InsertBatch, InsertReceipt, QuerySpec } from '../../../src/kdb/engine.ts';
import { ConnectionFailed, ConnectionLost, EngineError } from '../../../src/kdb/engine-error.ts';
import { type QValue, Sym } from '../../../src/kdb/qvalue.ts';
import { until } from '../../until.ts';
import { type FakeQ, fakeQ, type Peer, type Script } from '../fake-q.ts';
import { noRows, stubHello } from '../stub-engine.ts';

// The client and its pool against a q that misbehaves.

async function against(
  script: Script,
  story: (client: EngineClient, server: FakeQ) => Promise<void>,
  options: Partial<EngineClientOptions> = {},
): Promise<void> {
  const server = await fakeQ(script);
  const client = createEngineClient({ host: '127.0.0.1', port: server.port, user: 'u', password: 'p', ...options });
  try {
    await story(client, server);
  } finally {
    await client.close();
    await server.close();
  }
}

function code(expected: string): (error: unknown) => boolean {
  return (error) => {
    assert(error instanceof EngineError, String(error));
    assert.equal(error.code, expected);
    return true;
  };
}

/** A batch of one point; its value tells it apart. */
function batch(value: number): InsertBatch {
  return {
    batchId: crypto.getRandomValues(new Uint8Array(16)),
    parts: [
      {
        series: 'cpu',
        tagNames: [],
        keys: [],
        keyCount: 1,
        row: Int32Array.of(0),
        timeNs: BigInt64Array.of(1n),
        fields: [{ name: 'v', validity: null, data: { type: 'float', values: Float64Array.of(value) } }],
      },
    ],
  };
}

function theValue({ parts }: InsertBatch): number {
  return (parts[0]!.fields[0]!.data as { values: Float64Array }).values[0]!;
}

/** A receipt whose offset is the value of the batch. */
function receiptOf(of: InsertBatch): InsertReceipt {
  return { rows: 1n, late: 0n, catalogueVersion: 1n, generation: 1n, offset: BigInt(theValue(of)) };
}

/** Answers an insert or joined inserts as an engine would; `refuse` gives the error of a batch. */
async function answerInsert(
  peer: Peer,
  frame: Buffer,
  refuse: (value: number) => boolean = () => false,
): Promise<void> {
  const { name } = readRequest(decodeMessage(frame).value);
  const answers = decodeInsertFrame(frame).map((one) =>
    refuse(theValue(one))
      ? new EngineError('FieldTypeClash', 'cpu', String(theValue(one)), 'long', 'float')
      : receiptOf(one),
  );
  if (name === '.tsg.inserts') await peer.reply(codecs['.tsg.inserts'].encodeReply(answers));
  else if (answers[0] instanceof EngineError) await peer.fail(answers[0].toWire());
  else await peer.reply(codecs['.tsg.insert'].encodeReply(answers[0]!));
}

const spec: QuerySpec = {
  series: 'cpu',
  fromNs: 0n,
  toNs: 9n,
  where: null,
  by: [],
  bucket: null,
  select: [],
  fields: [],
  order: 'asc',
  limit: 10,
  cut: false,
  after: null,
};
const emptyResult = codecs['.tsg.query'].encodeReply(noRows);
const helloReply: QValue = codecs['.tsg.hello'].encodeReply(stubHello);

test('hello goes through node-q and keeps every digit', () =>
  against(
    async (peer) => {
      await peer.welcome();
      for (;;) {
        assert.deepEqual(decodeMessage(await peer.request()), { kind: 1, value: [new Sym('.tsg.hello'), null] });
        await peer.reply(helloReply);
      }
    },
    async (client, server) => {
      for (let i = 0; i < 20; i++) assert.deepEqual(await client.hello(), stubHello);
      assert.equal(server.connections(), 1);
    },
  ));

test('hello: an error, a wrong reply, a lost connection and silence; each time the next one is good', () =>
  against(
    async (peer, connection) => {
      await peer.welcome();
      if (connection === 1) {
        await peer.request();
        await peer.fail('EngineBusy');
        return;
      }
      await peer.request();
      if (connection === 2) await peer.reply([1n]);
      else if (connection === 3) peer.hangUp();
      else if (connection === 4) await peer.closed();
      else await peer.reply(helloReply);
    },
    async (client) => {
      await assert.rejects(client.hello(), code('EngineBusy'));
      await assert.rejects(client.hello(), code('InternalError'));
      await assert.rejects(client.hello(), ConnectionLost);
      await assert.rejects(client.hello(), code('DeadlineExceeded'));
      assert.deepEqual(await client.hello(), stubHello);
    },
    { helloTimeoutMs: 200 },
  ));

test('hello: a kept connection that has died is replaced', () =>
  against(
    async (peer, connection) => {
      await peer.welcome();
      await peer.request();
      await peer.reply(helloReply);
      if (connection > 1) return;
      await peer.request();
      peer.hangUp();
    },
    async (client, server) => {
      for (let i = 0; i < 2; i++) assert.deepEqual(await client.hello(), stubHello);
      assert.equal(server.connections(), 2);
    },
  ));

test('hello: a push glued to the handshake byte is not waited out', () =>
  against(
    async (peer, connection) => {
      await peer.login();
      await peer.send(connection === 1 ? Buffer.concat([Buffer.of(3), encodeMessage(0, null)]) : Buffer.of(3));
      await peer.request();
      await peer.reply(helloReply);
    },
    async (client) => {
      await assert.rejects(client.hello(), ConnectionFailed);
      assert.deepEqual(await client.hello(), stubHello);
    },
  ));

test('inserts that wait are joined, and each has its own receipt or error', () => {
  const free = Promise.withResolvers<void>();
  const frames: string[] = [];
  return against(
    async (peer) => {
      await peer.welcome();
      for (;;) {
        const frame = await peer.request();
        frames.push(readRequest(decodeMessage(frame).value).name);
        await free.promise;
        await answerInsert(peer, frame, (value) => value % 10 === 7);
      }
    },
    async (client) => {
      const inserts: Promise<InsertReceipt>[] = [];
      // Each of the two connections has one; the rest waits for them.
      for (const sent of [1, 2]) {
        inserts.push(client.insert(batch(inserts.length)));
        await until('an insert is sent', () => frames.length === sent);
      }
      while (inserts.length < 200) inserts.push(client.insert(batch(inserts.length)));
      free.resolve();
      for (const [i, result] of (await Promise.allSettled(inserts)).entries()) {
        if (i % 10 === 7) {
          assert(result.status === 'rejected' && code('FieldTypeClash')(result.reason));
          assert.deepEqual(result.reason.subjects, ['cpu', String(i), 'long', 'float']);
        } else {
          assert(result.status === 'fulfilled');
          assert.equal(result.value.offset, BigInt(i));
        }
      }
      assert.deepEqual(frames, ['.tsg.insert', '.tsg.insert', '.tsg.inserts']);
    },
  );
});

test('joined messages have a limit', () => {
  const sizes: number[] = [];
  return against(
    async (peer) => {
      await peer.welcome();
      for (;;) {
        const frame = await peer.request();
        sizes.push(decodeInsertFrame(frame).length);
        await answerInsert(peer, frame);
      }
    },
    async (client) => {
      const receipts = await Promise.all(Array.from({ length: 3_500 }, (_, i) => client.insert(batch(i))));
      assert.deepEqual(
        receipts.map(({ offset }) => Number(offset)),
        Array.from({ length: 3_500 }, (_, i) => i),
      );
      assert(Math.max(...sizes) <= 1_000);
      assert.equal(
        sizes.reduce((sum, size) => sum + size),
        3_500,
      );
    },
  );
});

test('inserts and queries whose connection is lost are sent once more', () => {
  const ids: string[] = [];
  return against(
    async (peer, connection) => {
      await peer.welcome();
      for (;;) {
        const frame = await peer.request();
        const { name } = readRequest(decodeMessage(frame).value);
        if (name === '.tsg.query') {
          if (connection <= 1) peer.hangUp();
          else await peer.reply(emptyResult);
          continue;
        }
        ids.push(Buffer.from(decodeInsertFrame(frame)[0]!.batchId).toString('hex'));
        if (ids.length === 1) peer.hangUp();
        else await answerInsert(peer, frame);
      }
    },
    async (client) => {
      assert.deepEqual(await client.query(spec), noRows);
      assert.equal((await client.insert(batch(5))).offset, 5n);
      assert.equal(ids.length, 2);
      assert.equal(ids[0], ids[1]);
    },
  );
});

test('a second loss is told', () =>
  against(
    async (peer) => {
      await peer.welcome();
      await peer.request();
      peer.hangUp();
    },
    async (client, server) => {
      await assert.rejects(client.insert(batch(1)), ConnectionLost);
      assert.equal(server.connections(), 2);
    },
  ));

test('other changes are not sent again', () =>
  against(
    async (peer) => {
      await peer.welcome();
      await peer.request();
      peer.hangUp();
    },
    async (client, server) => {
      await assert.rejects(
        client.drop('cpu'),
        (error) => error instanceof ConnectionLost && !(error instanceof ConnectionFailed),
      );
      assert.equal(server.connections(), 1);
    },
  ));

test('a database that comes back is found again', async () => {
  const script: Script = async (peer) => {
    await peer.welcome();
    for (;;) await answerInsert(peer, await peer.request());
  };
  const first = await fakeQ(script);
  const client = createEngineClient({ host: '127.0.0.1', port: first.port, user: 'u', password: 'p' });
  try {
    assert.equal((await client.insert(batch(1))).offset, 1n);
    await first.close();
    await assert.rejects(client.insert(batch(2)), ConnectionFailed);
    const second = await fakeQ(script, first.port);
    assert.equal((await client.insert(batch(3))).offset, 3n);
    await client.close();
    await second.close();
  } finally {
    await client.close();
  }
});

test('nothing there: calls fail after a second attempt, all of them', () =>
  against(
    async (peer) => peer.hangUp(),
    async (client, server) => {
      const results = await Promise.allSettled(Array.from({ length: 50 }, (_, i) => client.insert(batch(i))));
      for (const result of results) assert(result.status === 'rejected' && result.reason instanceof ConnectionFailed);
      assert(server.connections() <= 4, `${server.connections()} attempts`);
    },
  ));

test('more waiting calls than allowed are refused, the others are answered', () => {
  const free = Promise.withResolvers<void>();
  let asked = 0;
  return against(
    async (peer) => {
      await peer.welcome();
      for (;;) {
        await peer.request();
        asked++;
        await free.promise;
        await peer.reply(emptyResult);
      }
    },
    async (client) => {
      const running = [client.query(spec), client.query(spec)];
      await until('two queries are sent', () => asked === 2);
      const waiting = Array.from({ length: 3 }, () => client.query(spec));
      await assert.rejects(client.query(spec), code('EngineBusy'));
      free.resolve();
      assert.equal((await Promise.all([...running, ...waiting])).length, 5);
    },
    { queryConnections: 2, maxWaiting: 3 },
  );
});

test('more waiting bytes than allowed are refused', () =>
  against(
    async (peer) => {
      await peer.login();
      await peer.closed();
    },
    async (client) => {
      const calls = Array.from({ length: 20 }, (_, i) => client.insert(batch(i)).catch((error: unknown) => error));
      const busy = await Promise.race(calls);
      assert(code('EngineBusy')(busy));
    },
    { maxWaitingBytes: 1_000, connectTimeoutMs: 100 },
  ));

test('a long change leaves the write lane open for inserts', () => {
  const done = Promise.withResolvers<void>();
  return against(
    async (peer) => {
      await peer.welcome();
      for (;;) {
        const frame = await peer.request();
        const { name } = readRequest(decodeMessage(frame).value);
        if (name === '.tsg.insert' || name === '.tsg.inserts') {
          await answerInsert(peer, frame);
        } else {
          await done.promise;
          await peer.reply(null);
        }
      }
    },
    async (client) => {
      const changes = [client.checkpoint(), client.checkpoint(), client.drop('cpu')];
      for (let i = 0; i < 20; i++) assert.equal((await client.insert(batch(i))).offset, BigInt(i));
      done.resolve();
      await Promise.all(changes);
    },
  );
});

test('an idle connection is closed', () => {
  const closed = Promise.withResolvers<void>();
  return against(
    async (peer) => {
      await peer.welcome();
      await peer.request();
      await peer.reply(emptyResult);
      await peer.closed();
      closed.resolve();
    },
    async (client) => {
      await client.query(spec);
      await closed.promise;
      assert.deepEqual(await client.query(spec), noRows);
    },
    { idleMs: 20 },
  );
});

test('cancelling: a waiting query is not sent, a running one closes its connection', () => {
  const running = Promise.withResolvers<void>();
  const hungUp = Promise.withResolvers<void>();
  let asked = 0;
  return against(
    async (peer) => {
      await peer.welcome();
      await peer.request();
      asked++;
      running.resolve();
      await peer.closed();
      hungUp.resolve();
    },
    async (client) => {
      const [first, second] = [new AbortController(), new AbortController()];
      const results = [client.query(spec, first.signal), client.query(spec, second.signal)];
      await running.promise;
      second.abort();
      await assert.rejects(results[1]!, code('Cancelled'));
      first.abort();
      await assert.rejects(results[0]!, code('Cancelled'));
      await hungUp.promise;
      assert.equal(asked, 1);
      await assert.rejects(client.query(spec, AbortSignal.abort()), code('Cancelled'));
    },
    { queryConnections: 1 },
  );
});

test('a reply of another shape is an InternalError, and the connection goes on', () =>
  against(
    async (peer) => {
      await peer.welcome();
      await peer.request();
      await peer.reply([1n, 2n]);
      await peer.request();
      await peer.reply(emptyResult);
    },
    async (client, server) => {
      await assert.rejects(client.query(spec), code('InternalError'));
      assert.deepEqual(await client.query(spec), noRows);
      assert.equal(server.connections(), 1);
    },
  ));

test('a request that breaks the grammar is refused before it is sent', () =>
  against(
    async () => {},
    async (client, server) => {
      const [part] = batch(1).parts;
      const wrong = { ...part!, row: Int32Array.of(1) };
      await assert.rejects(client.insert({ ...batch(1), parts: [wrong] }), code('BadCall'));
      await assert.rejects(client.tags('a\0b'), code('BadCall'));
      await assert.rejects(client.define({ series: 'cpu', tags: ['time'], fields: [] }), code('InvalidName'));
      assert.equal(server.connections(), 0);
    },
  ));

test('close refuses what waits and lets what runs end', () => {
  const asked = Promise.withResolvers<void>();
  const free = Promise.withResolvers<void>();
  return against(
    async (peer) => {
      await peer.welcome();
      await peer.request();
      asked.resolve();
      await free.promise;
      await peer.reply(emptyResult);
    },
    async (client) => {
      const [running, waiting] = [client.query(spec), client.query(spec)];
      await asked.promise;
      const refused = assert.rejects(waiting, ConnectionFailed);
      const closing = client.close();
      await refused;
      free.resolve();
      assert.deepEqual(await running, noRows);
      await closing;
      await assert.rejects(client.query(spec), ConnectionFailed);
    },
    { queryConnections: 1 },
  );
});

test('user and password that node-q would change are refused', () => {
  for (const [user, password] of [
    ['ü', 'p'],
    ['u', 'p\0'],
    ['u:v', 'p'],
    ['u', 'p q'],
  ] as const)
    assert.throws(() => createEngineClient({ host: '127.0.0.1', port: 1, user, password }), /ASCII/);
});
