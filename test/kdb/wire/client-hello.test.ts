import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeMessage, encodeMessage } from '../../../src/kdb/codec.ts';
import { ConnectionFailed, ConnectionLost } from '../../../src/kdb/engine-error.ts';
import { Sym } from '../../../src/kdb/qvalue.ts';
import { stubHello } from '../stub-engine.ts';
import { against, code, helloReply } from './against.ts';

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
