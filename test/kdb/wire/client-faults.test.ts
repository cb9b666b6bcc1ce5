import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readRequest } from '../../../src/kdb/calls/index.ts';
import type { EngineClient } from '../../../src/kdb/client.ts';
import { decodeMessage, encodeMessage } from '../../../src/kdb/codec.ts';
import { ConnectionFailed, ConnectionLost } from '../../../src/kdb/engine-error.ts';
import { Sym } from '../../../src/kdb/qvalue.ts';
import { compress } from '../compress.ts';
import type { FakeQ, Peer } from '../fake-q.ts';
import { noRows, stubHello } from '../stub-engine.ts';
import { against, code, emptyResult, helloReply, spec } from './against.ts';

// Everything that a q, or what stands at its port, may do wrong: the call at hand ends as it should, and the calls after it are answered.

const reply = encodeMessage(2, emptyResult);

interface Fault {
  /** What the q does to its first query, or to each with `always`. */
  readonly strikes: (peer: Peer, nth: number) => Promise<void>;
  readonly always?: boolean;
  /** What it does instead of welcoming its first connection. */
  readonly atLogin?: (peer: Peer) => Promise<void>;
  readonly story: (client: EngineClient, server: FakeQ) => Promise<void>;
}

const answered = async (client: EngineClient): Promise<void> => assert.deepEqual(await client.query(spec), noRows);

/** As often as there are bytes in a reply. */
async function answeredAtEachByte(client: EngineClient): Promise<void> {
  for (let at = 0; at < reply.length; at++) await answered(client);
}

const pass = async (peer: Peer): Promise<void> => peer.send(reply);

/** Health was asked, and has answered. */
const healthy = Promise.withResolvers<void>();

const faults: Record<string, Fault> = {
  'slow: the query waits, health does not': {
    async strikes(peer) {
      await healthy.promise;
      await pass(peer);
    },
    async story(client) {
      const query = answered(client);
      await client.hello();
      healthy.resolve();
      await query;
    },
  },
  'a reply split at each of its bytes': {
    always: true,
    async strikes(peer, nth) {
      const at = nth % reply.length;
      if (at > 0) await peer.send(reply.subarray(0, at));
      await new Promise(setImmediate);
      await peer.send(reply.subarray(at));
    },
    async story(client, server) {
      await answeredAtEachByte(client);
      assert.equal(server.connections(), 1);
    },
  },
  'compressed, whole and byte by byte': {
    always: true,
    strikes: (peer, nth) => (nth % 2 === 0 ? peer.send(compress(reply)) : peer.sendInPieces(compress(reply), 1)),
    async story(client, server) {
      for (let i = 0; i < 4; i++) await answered(client);
      assert.equal(server.connections(), 1);
    },
  },
  'an error of the contract': {
    strikes: (peer) => peer.fail('SeriesNotFound\tcpu'),
    story: (client) => assert.rejects(client.query(spec), code('SeriesNotFound')),
  },
  'an error of q itself': {
    strikes: (peer) => peer.fail('wsfull'),
    story: (client) => assert.rejects(client.query(spec), code('InternalError')),
  },
  'an error without a text': {
    strikes: (peer) => peer.fail(''),
    story: (client) => assert.rejects(client.query(spec), code('InternalError')),
  },
  'pushes that nobody asked for, before and behind the reply and glued to it': {
    always: true,
    async strikes(peer) {
      const push = encodeMessage(0, [new Sym('upd'), new Sym('trade'), 1n]);
      const call = encodeMessage(1, [new Sym('.tsg.hello'), null]);
      await peer.send(Buffer.concat([push, call, reply, push]));
    },
    async story(client, server) {
      for (let i = 0; i < 5; i++) await answered(client);
      assert.equal(server.connections(), 1);
    },
  },
  'closed within the reply, behind each of its bytes; the query is sent again': {
    always: true,
    async strikes(peer, nth) {
      if (nth % 2 === 1) return pass(peer);
      await peer.send(reply.subarray(0, nth / 2));
      peer.hangUp();
    },
    async story(client, server) {
      await answeredAtEachByte(client);
      assert.equal(server.connections(), 1 + reply.length);
    },
  },
  'closed within the reply, twice': {
    always: true,
    async strikes(peer, nth) {
      if (nth > 1) return pass(peer);
      await peer.send(reply.subarray(0, 9));
      peer.hangUp();
    },
    story: (client) => assert.rejects(client.query(spec), ConnectionLost),
  },
  'silent in the handshake': {
    strikes: pass,
    async atLogin(peer) {
      await peer.login();
      await peer.closed();
    },
    // The second attempt is welcome.
    story: answered,
  },
  'closed in the handshake': {
    strikes: pass,
    async atLogin(peer) {
      await peer.login();
      peer.hangUp();
    },
    story: answered,
  },
  'an answer of another program': {
    strikes: (peer) => peer.send(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')),
    story: answered,
  },
  'a reply from a big-endian machine': {
    strikes: (peer) => peer.send(Buffer.concat([Buffer.of(0), reply.subarray(1)])),
    story: answered,
  },
  'a reply that claims 2 GB': {
    strikes: (peer) => peer.send(Buffer.from('010200007fffffff', 'hex')),
    story: answered,
  },
};

for (const [title, { strikes, always = false, atLogin, story }] of Object.entries(faults)) {
  test(`a q that misbehaves: ${title}`, () => {
    let queries = 0;
    return against(
      async (peer, connection) => {
        if (atLogin && connection === 1) return atLogin(peer);
        await peer.welcome();
        for (;;) {
          const { name } = readRequest(decodeMessage(await peer.request()).value);
          if (name === '.tsg.hello') await peer.reply(helloReply);
          else if (queries++ === 0 || always) await strikes(peer, queries - 1);
          else await pass(peer);
        }
      },
      async (client, server) => {
        await story(client, server);
        await answered(client);
        assert.deepEqual(await client.hello(), stubHello);
      },
      { connectTimeoutMs: 200, queryConnections: 1 },
    );
  });
}

test('a q that misbehaves: silent in every handshake', () =>
  against(
    async (peer) => {
      await peer.login();
      await peer.closed();
    },
    (client) => assert.rejects(client.query(spec), ConnectionFailed),
    { connectTimeoutMs: 50 },
  ));
