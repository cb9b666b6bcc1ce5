import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import tls from 'node:tls';
import winston from 'winston';
import { createEngineServer, type ServerOptions } from '../../../kdb/embedded/wire/server.ts';
import { createEngineClient, type EngineClient, type EngineClientOptions } from '../../../src/kdb/client.ts';
import type { Engine, InsertBatch, QuerySpec } from '../../../src/kdb/engine.ts';
import { ConnectionFailed, EngineError } from '../../../src/kdb/engine-error.ts';
import { requireProgram } from '../../programs.ts';
import { noRows, stubEngine, stubHello } from '../stub-engine.ts';

// Client and server together: what the engine is asked is what the caller said, and the other way round.

async function between(
  engine: Parameters<typeof stubEngine>[0],
  story: (client: EngineClient, port: number) => Promise<void>,
  options: Partial<EngineClientOptions> & Partial<ServerOptions> = {},
): Promise<void> {
  const shared = { host: '127.0.0.1', user: 'db', password: 'pa:ss', ...options };
  const log = winston.createLogger({ silent: true });
  const server = await createEngineServer(stubEngine(engine), { port: 0, log, ...shared });
  const client = createEngineClient({ port: server.port, ...shared });
  try {
    await story(client, server.port);
  } finally {
    await client.close();
    await server.close();
  }
}

const spec: QuerySpec = {
  series: 'cpu',
  fromNs: -1n,
  toNs: 2n ** 62n,
  where: {
    op: 'and',
    of: [
      { op: 'in', tag: 'host', values: ['a', '', 'ü `x'] },
      { op: 'not', of: { op: 'null', field: 'usage' } },
      { op: 'ge', field: 'count', value: 2n ** 60n + 1n },
    ],
  },
  by: ['host'],
  bucket: { kind: 'edges', edgesNs: BigInt64Array.of(0n, 10n, 15n) },
  select: [{ op: 'avg', field: 'usage', as: 'mean usage' }],
  fields: [],
  order: 'desc',
  limit: 1_000,
  cut: true,
  after: { timeNs: 5n, id: 7 },
};

function batch(series: string, value: number): InsertBatch {
  return {
    batchId: crypto.getRandomValues(new Uint8Array(16)),
    parts: [
      {
        series,
        tagNames: ['host'],
        keys: [['a']],
        keyCount: 1,
        row: Int32Array.of(0),
        timeNs: BigInt64Array.of(1_700_000_000_123_456_789n),
        fields: [{ name: 'v', validity: null, data: { type: 'float', values: Float64Array.of(value) } }],
      },
    ],
  };
}

test('every call arrives as it was made', async () => {
  const asked: Record<string, unknown> = {};
  const note =
    <Reply>(name: keyof Engine, reply: Reply) =>
    async (given?: unknown): Promise<Reply> => {
      asked[name] = given;
      return reply;
    };
  const info = {
    series: 'cpu',
    tags: ['host'],
    fields: [{ name: 'v', type: 'float' as const }],
    tagSets: 3n,
    firstNs: -5n,
    lastNs: null,
    rows: 2n ** 60n + 1n,
  };
  const result = {
    columns: [
      { kind: 'time' as const, name: 'time', values: BigInt64Array.of(1_700_000_000_123_456_789n, -1n) },
      { kind: 'tag' as const, name: 'host', dictionary: ['a', ''], index: Int32Array.of(1, 0) },
      { kind: 'float' as const, name: 'mean usage', values: Float64Array.of(Number.NaN, -0) },
    ],
    rows: 2,
    next: { timeNs: -1n, id: 3 },
  };
  const part = batch('cpu', 1.5).parts[0]!;
  const deletion = { series: 'cpu', fromNs: 1n, toNs: 2n, where: spec.where, dryRun: true };
  const tagValues = [{ tag: 'host', values: ['a', 'b'], tagSets: Int32Array.of(1, 2) }];
  const stats = {
    bytesPerVolume: BigInt64Array.of(5n, 6n),
    journalBytes: 1n,
    hotRows: 2n,
    lateRows: 3n,
    parts: 4n,
    journalEnd: { generation: 5n, offset: 2n ** 53n + 1n },
    checkpointNs: null,
  };
  const page = { series: [info], next: 'cpu' };
  const files = [{ volume: 1, path: 'día/x', bytes: 2n ** 40n, sha256: 'abc' }];
  const tail = { points: [part], generation: 2n, offset: 99n };
  const compaction = { parts: 9n, into: 2n, bytesBefore: 2n ** 40n, bytesAfter: 7n, left: 1n };
  await between(
    {
      define: note('define', info),
      drop: note('drop', undefined),
      describe: note('describe', info),
      query: note('query', result),
      latest: note('latest', result),
      tags: note('tags', tagValues),
      series: note('series', page),
      stats: note('stats', stats),
      delete: note('delete', 12n),
      retain: note('retain', 13n),
      compact: note('compact', compaction),
      checkpoint: note('checkpoint', undefined),
      backup: note('backup', files),
      tail: note('tail', tail),
    },
    async (client) => {
      const definition = { series: 'cpu', tags: info.tags, fields: info.fields };
      const latest = { series: 'cpu', where: null, fields: ['v'] };
      const tailSpec = { series: 'cpu', generation: 1n, offset: 5n, maxRows: 100 };
      assert.deepEqual(await client.hello(), stubHello);
      assert.deepEqual(await client.define(definition), info);
      assert.equal(await client.drop('cpu'), undefined);
      assert.deepEqual(await client.describe('cpu'), info);
      assert.deepEqual(await client.query(spec), result);
      assert.deepEqual(await client.latest(latest), result);
      assert.deepEqual(await client.tags('cpu'), tagValues);
      assert.deepEqual(await client.series({ after: 'a', limit: 7 }), page);
      assert.deepEqual(await client.stats(), stats);
      assert.equal(await client.delete(deletion), 12n);
      assert.equal(await client.retain(-7n), 13n);
      assert.deepEqual(await client.compact(), compaction);
      assert.equal(await client.checkpoint(), undefined);
      assert.deepEqual(await client.backup('b1'), files);
      assert.deepEqual(await client.tail(tailSpec), tail);
      assert.deepEqual(asked, {
        define: definition,
        drop: 'cpu',
        describe: 'cpu',
        query: spec,
        latest,
        tags: 'cpu',
        series: { after: 'a', limit: 7 },
        stats: undefined,
        delete: deletion,
        retain: -7n,
        compact: undefined,
        checkpoint: undefined,
        backup: 'b1',
        tail: tailSpec,
      });
    },
  );
});

test('400 calls one after the other and 64 at once: none is lost', () =>
  between({ retain: async (beforeNs) => beforeNs, query: async () => noRows }, async (client) => {
    for (let i = 0n; i < 400n; i++) assert.equal(await client.retain(i), i);
    const rounds = Array.from({ length: 64 }, async (_, i) => {
      for (let round = 0; round < 10; round++) {
        assert.equal(await client.retain(BigInt(i * 100 + round)), BigInt(i * 100 + round));
        assert.deepEqual(await client.query(spec), noRows);
        assert.equal((await client.insert(batch('cpu', i))).rows, 1n);
      }
      assert.deepEqual(await client.hello(), stubHello);
    });
    await Promise.all(rounds);
  }));

test('inserts joined on the way have their own receipts and errors', () => {
  let widest = 0;
  return between(
    {
      async insertFrame(batches) {
        widest = Math.max(widest, batches.length);
        await new Promise(setImmediate);
        return batches.map(({ parts }) => {
          const { series, fields } = parts[0]!;
          const [value] = fields[0]!.data.values as Float64Array;
          return series === 'bad'
            ? new EngineError('TooManyTagSets', series, String(value))
            : { rows: BigInt(value!), late: 0n, catalogueVersion: 0n, generation: 0n, offset: 0n };
        });
      },
    },
    async (client) => {
      const inserts = Array.from({ length: 500 }, (_, i) => client.insert(batch(i % 3 === 0 ? 'bad' : 'cpu', i)));
      for (const [i, result] of (await Promise.allSettled(inserts)).entries()) {
        if (i % 3 === 0) assert.deepEqual(result.status === 'rejected' && result.reason.subjects, ['bad', String(i)]);
        else assert.equal(result.status === 'fulfilled' && result.value.rows, BigInt(i));
      }
      assert(widest > 100, `joined ${widest}`);
    },
  );
});

test('cancelling a query aborts it in the engine', () => {
  const started = Promise.withResolvers<AbortSignal>();
  return between(
    {
      query: (_, signal) => {
        started.resolve(signal!);
        return new Promise(() => {});
      },
    },
    async (client) => {
      const controller = new AbortController();
      const query = client.query(spec, controller.signal);
      const inEngine = await started.promise;
      controller.abort();
      await assert.rejects(query, (error) => error instanceof EngineError && error.code === 'Cancelled');
      if (!inEngine.aborted) await new Promise((resolve) => inEngine.addEventListener('abort', resolve));
    },
  );
});

test('a query past the deadline fails with DeadlineExceeded and its connection goes on', () =>
  between(
    { query: () => new Promise(() => {}), tags: async () => [] },
    async (client) => {
      await assert.rejects(client.query(spec), (e) => e instanceof EngineError && e.code === 'DeadlineExceeded');
      assert.deepEqual(await client.tags('cpu'), []);
    },
    { queryTimeoutMs: 30, queryConnections: 1 },
  ));

test('a result past the message limit is an error, not a torn connection', () => {
  // Three vectors of the same 100 MB: 300 MB in one message.
  const values = new Float64Array(12_500_000);
  const columns = ['a', 'b', 'c'].map((name) => ({ kind: 'float' as const, name, values }));
  return between({ query: async () => ({ columns, rows: values.length, next: null }) }, async (client) => {
    await assert.rejects(client.query(spec), (e) => e instanceof EngineError && e.code === 'ResultTooLarge');
    assert.deepEqual(await client.tags('cpu'), []);
  });
});

test('TLS: node-q does it, our frames go through it', async (t) => {
  if (!requireProgram(t, 'openssl', 'apt-get install openssl')) return;
  const folder = mkdtempSync(join(tmpdir(), 'tsg-tls-'));
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const files = ['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject, ...files], {
    stdio: 'ignore',
  });
  const key = readFileSync(join(folder, 'key.pem'));
  const cert = readFileSync(join(folder, 'cert.pem'));
  rmSync(folder, { recursive: true });
  await between({}, async (_, port) => {
    const front = tls.createServer({ key, cert }, (socket) => {
      const inner = connect(port, '127.0.0.1');
      socket.on('error', () => inner.destroy());
      inner.on('error', () => socket.destroy());
      socket.pipe(inner).pipe(socket);
    });
    await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
    const endpoint = {
      host: '127.0.0.1',
      port: (front.address() as { port: number }).port,
      user: 'db',
      password: 'pa:ss',
    };
    const trusting = createEngineClient({ ...endpoint, tls: { ca: cert } });
    const wary = createEngineClient({ ...endpoint, tls: {} });
    try {
      assert.deepEqual(await trusting.hello(), stubHello);
      const inserts = await Promise.all(Array.from({ length: 50 }, (_, i) => trusting.insert(batch('cpu', i))));
      assert.equal(inserts.length, 50);
      await assert.rejects(wary.tags('cpu'), /self-signed/);
    } finally {
      await trusting.close();
      await wary.close();
      await new Promise((resolve) => front.close(resolve));
    }
  });
});

test('a port where something else listens', async () => {
  const other = createServer((socket) =>
    socket
      .on('error', () => {})
      .resume()
      .end('SSH-2.0-x\r\n'),
  );
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const port = (other.address() as { port: number }).port;
  const client = createEngineClient({ host: '127.0.0.1', port, user: 'u', password: 'p' });
  try {
    await assert.rejects(client.hello(), ConnectionFailed);
    await assert.rejects(client.tags('cpu'), ConnectionFailed);
  } finally {
    await client.close();
    await new Promise((resolve) => other.close(resolve));
  }
});
