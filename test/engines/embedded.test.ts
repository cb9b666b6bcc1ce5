// The behaviour suite through the whole way: client, q IPC, a database process.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { createEngineClient, type EngineClient } from '../../src/kdb/client.ts';
import type { SchemaMode } from '../../src/kdb/engine.ts';
import { engineBehaves } from './behaviour.ts';
import { type DatabaseProcess, startDatabase } from './database-process.ts';
import { batchOf, point, queryOf, rowsOf } from './points.ts';
import { volumesFor } from './store-in-temp.ts';

const clientOf = ({ port, user, password }: DatabaseProcess): EngineClient =>
  createEngineClient({ host: '127.0.0.1', port, user, password });

const cleanups: (() => unknown)[] = [];
after(async () => {
  for (const clean of cleanups.reverse()) await clean();
});
const shared = new Map<SchemaMode, Promise<EngineClient>>();

/** One process per mode for the whole suite: starting one takes longer than most tests. */
async function start(schema: SchemaMode): Promise<EngineClient> {
  const running = await startDatabase(
    volumesFor({ after: (clean) => cleanups.push(clean as () => unknown) }, 2),
    schema,
  );
  cleanups.push(() => running.stop());
  const client = clientOf(running);
  cleanups.push(() => client.close());
  return client;
}

engineBehaves('embedded', (_t, schema) => {
  if (!shared.has(schema)) shared.set(schema, start(schema));
  return shared.get(schema)!;
});

test('a database process that is killed has every acknowledged point after its restart', async (t) => {
  const volumes = volumesFor(t, 2);
  let next = 0;
  const acknowledged = new Set<number>();
  for (let round = 0; round < 3; round++) {
    const running = await startDatabase(volumes, 'flexible');
    t.after(() => running.stop('SIGKILL'));
    const client = clientOf(running);
    t.after(() => client.close());
    const writers = Array.from({ length: 4 }, async () => {
      for (;;) {
        const value = next++;
        // One request, two series: both or none.
        await client.insert(
          batchOf([
            point('m', { host: `h${value % 5}` }, BigInt(value), { f: value }),
            point('n', {}, BigInt(value), { f: value }),
          ]),
        );
        acknowledged.add(value);
      }
    });
    const failed = Promise.allSettled(writers);
    const enough = acknowledged.size + 150;
    while (acknowledged.size < enough) {
      if (acknowledged.size % 50 === 49) await client.checkpoint();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await running.stop('SIGKILL');
    await client.close();
    await failed;
  }
  const running = await startDatabase(volumes, 'flexible');
  t.after(() => running.stop());
  const client = clientOf(running);
  t.after(() => client.close());
  const read = async (series: string) => {
    const spec = queryOf(series, { fromNs: 0n, toNs: 10n ** 15n, fields: ['f'] });
    return rowsOf(await client.query(spec)).map((row) => row.at(-1) as number);
  };
  const [m, n] = [await read('m'), await read('n')];
  assert.deepEqual(
    m.toSorted((a, b) => a - b),
    n,
  );
  assert.equal(new Set(m).size, m.length, 'no point twice');
  assert.deepEqual(
    [...acknowledged].filter((value) => !new Set(m).has(value)),
    [],
  );
});

test('a second process on the same directory, and one without a volume, end with code 1 and one clear line', async (t) => {
  const volumes = volumesFor(t, 1);
  const running = await startDatabase(volumes, 'flexible');
  t.after(() => running.stop());
  await assert.rejects(startDatabase(volumes, 'flexible'), /exit code 1: .*in use by another database process/);
  await assert.rejects(startDatabase([`${volumes[0]}-none`], 'flexible'), /exit code 1: .*-none is missing/);
});

test('a database process stops when its parent is gone', async (t) => {
  const running = await startDatabase(volumesFor(t, 1), 'flexible');
  t.after(() => running.stop('SIGKILL'));
  const ended = once(running.child, 'exit');
  running.child.stdin!.end();
  assert.deepEqual((await ended)[0], 0);
});
