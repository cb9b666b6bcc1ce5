import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EngineError } from '../../../src/kdb/engine-error.ts';
import { call, message, q } from '../ipc-client.ts';
import { noRows } from '../stub-engine.ts';
import { helloReply, login, query, refusal, serve } from './serve.ts';

// Order, cancelling, deadlines, slow readers and closing.

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
