import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readRequest } from '../../../src/kdb/calls/index.ts';
import { decodeInsertFrame } from '../../../src/kdb/calls/insert.ts';
import { createEngineClient } from '../../../src/kdb/client.ts';
import { decodeMessage } from '../../../src/kdb/codec.ts';
import { ConnectionFailed, ConnectionLost } from '../../../src/kdb/engine-error.ts';
import { fakeQ, type Script } from '../fake-q.ts';
import { noRows } from '../stub-engine.ts';
import { against, answerInsert, batch, emptyResult, spec } from './against.ts';

// Connections that are lost, and databases that are away.

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

test('an insert that was sent and then finds nobody may have been applied', async () => {
  const server = await fakeQ(async (peer) => {
    await peer.welcome();
    await peer.request();
    await server.close();
  });
  const client = createEngineClient({ host: '127.0.0.1', port: server.port, user: 'u', password: 'p' });
  try {
    await assert.rejects(client.insert(batch(1)), (error) => {
      return error instanceof ConnectionLost && !(error instanceof ConnectionFailed);
    });
  } finally {
    await client.close();
  }
});

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
    await assert.rejects(client.insert(batch(2)), ConnectionLost);
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
