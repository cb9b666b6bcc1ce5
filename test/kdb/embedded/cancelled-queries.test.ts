// A query that its caller has given up, or whose time is over, ends in the engine too, and holds nothing up meanwhile.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import winston from 'winston';
import { realFiles } from '../../../kdb/embedded/storage/files.ts';
import { createEngineServer } from '../../../kdb/embedded/wire/server.ts';
import { createEngineClient, type EngineClient } from '../../../src/kdb/client.ts';
import type { QuerySpec } from '../../../src/kdb/engine.ts';
import { EngineError } from '../../../src/kdb/engine-error.ts';
import { batchOf, point, queryOf } from '../../engines/points.ts';
import { openStore, volumesFor } from '../../engines/store-in-temp.ts';
import { until } from '../../until.ts';

const days = 40;
const pointsPerDay = 500;
const dayNs = 86_400_000_000_000n;

const raw = queryOf('m', { fromNs: 0n, toNs: BigInt(days) * dayNs, fields: ['f'] });
const queries: Record<string, QuerySpec> = {
  'raw points': raw,
  'an aggregation': { ...raw, fields: [], select: [{ op: 'sum', field: 'f', as: 's' }] },
};

interface Scene {
  readonly client: EngineClient;
  /** Resolves when the disk is asked for a part; it does not answer before `release`. */
  readonly reading: Promise<void>;
  readonly release: () => void;
  /** How the queries ended in the engine. */
  readonly ends: string[];
  /** What tells them to stop. */
  readonly signals: AbortSignal[];
}

/** A database whose parts are on a disk that hangs. */
async function hangingDisk(t: TestContext, queryTimeoutMs: number): Promise<Scene> {
  const reading = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const files: typeof realFiles = {
    ...realFiles,
    async readAt(path, ranges) {
      if (path.includes('/part-')) {
        reading.resolve();
        await gate.promise;
      }
      return realFiles.readAt(path, ranges);
    },
  };
  const store = await openStore(volumesFor(t, 1), { files });
  t.after(() => store.close());
  for (let day = 0; day < days; day++) {
    const at = (i: number) => BigInt(day) * dayNs + BigInt(i) * 1_000_000_000n;
    await store.insert(
      batchOf(Array.from({ length: pointsPerDay }, (_, i) => point('m', { host: `h${i % 3}` }, at(i), { f: 1 }))),
    );
  }
  await store.checkpoint();
  const ends: string[] = [];
  const signals: AbortSignal[] = [];
  const query = store.query.bind(store);
  store.query = async (spec, signal) => {
    signals.push(signal!);
    try {
      const result = await query(spec, signal);
      ends.push('answered');
      return result;
    } catch (error) {
      ends.push(error instanceof EngineError ? error.code : String(error));
      throw error;
    }
  };
  const login = { host: '127.0.0.1', user: 'u', password: 'p' };
  const log = winston.createLogger({ silent: true });
  const server = await createEngineServer(store, { ...login, port: 0, log, queryTimeoutMs });
  const client = createEngineClient({ ...login, port: server.port });
  t.after(async () => {
    gate.resolve();
    await client.close();
    await server.close();
  });
  return { client, reading: reading.promise, release: gate.resolve, ends, signals };
}

for (const [name, spec] of Object.entries(queries)) {
  test(`${name}: past its deadline it is answered at once and ends in the engine; others go on`, async (t) => {
    const { client, reading, release, ends } = await hangingDisk(t, 500);
    const late = client.query(spec);
    late.catch(() => {});
    await reading;
    await client.insert(batchOf([point('other', {}, 1n, { f: 1 })]));
    assert.equal((await client.query({ ...raw, series: 'other' })).rows, 1);
    await assert.rejects(late, (error) => error instanceof EngineError && error.code === 'DeadlineExceeded');
    release();
    await until('it to end in the engine', () => ends.length === 2);
    assert.deepEqual(ends, ['answered', 'DeadlineExceeded']);
  });

  test(`${name}: given up by its caller it ends in the engine`, async (t) => {
    const { client, reading, release, ends, signals } = await hangingDisk(t, 60_000);
    const caller = new AbortController();
    const query = client.query(spec, caller.signal);
    query.catch(() => {});
    await reading;
    caller.abort();
    await assert.rejects(query, (error) => error instanceof EngineError && error.code === 'Cancelled');
    await until('the engine to hear of it', () => signals[0]!.aborted);
    release();
    await until('it to end in the engine', () => ends.length === 1);
    assert.deepEqual(ends, ['Cancelled']);
    assert.equal((await client.query(spec)).rows, spec.select.length > 0 ? 1 : days * pointsPerDay);
  });
}
