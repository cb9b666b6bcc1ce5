import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEngineClient } from '../../../src/kdb/client.ts';
import { ConnectionFailed } from '../../../src/kdb/engine-error.ts';
import { until } from '../../until.ts';
import { noRows } from '../stub-engine.ts';
import { against, batch, code, emptyResult, spec } from './against.ts';

// Calls that wait, are cancelled, refused or closed upon.

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
