// Deletions and retentions of kdb/q that a process of their own finds, and what happens meanwhile; run by our interpreter of q.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import type { EngineClient } from '../../src/kdb/client.ts';
import type { DeleteSpec } from '../../src/kdb/engine.ts';
import { until } from '../until.ts';
import type { DatabaseProcess } from './database-process.ts';
import { batchOf, type Cell, point, queryOf, rowsOf } from './points.ts';
import { clientOf, interpreter, pidsOf, scriptsWith, startQ } from './q-process.ts';
import { volumesFor } from './store-in-temp.ts';

interface Running {
  readonly writer: DatabaseProcess;
  readonly client: EngineClient;
}

async function started(t: TestContext, volumes: readonly string[], main: string): Promise<Running> {
  const writer = await startQ(interpreter, volumes, { main });
  t.after(() => writer.stop('SIGKILL'));
  const client = clientOf(writer);
  t.after(() => client.close());
  return { writer, client };
}

const insert = (client: EngineClient, i: number, fields: Record<string, number | string> = { f: i, s: `text ${i}` }) =>
  client.insert(batchOf([point('m', { host: `h${i % 3}` }, BigInt(i), fields)]));
const deletionOf = (asked: Partial<DeleteSpec> = {}): DeleteSpec => ({
  series: 'm',
  fromNs: 0n,
  toNs: 100n,
  where: null,
  dryRun: false,
  ...asked,
});
const all = async (client: EngineClient): Promise<Cell[][]> => rowsOf(await client.query(queryOf('m')));
const latest = async (client: EngineClient): Promise<Cell[][]> =>
  rowsOf(await client.latest({ series: 'm', where: null, fields: [] })).sort();

/** The process of a role, which stands still until it is let go. */
async function held({ config }: DatabaseProcess, role: 'merge' | 'search', besides: readonly number[] = []) {
  const [pid] = await until(`a ${role}`, () => {
    const found = pidsOf(config, role).filter((each) => !besides.includes(each));
    return found.length > 0 && found;
  });
  process.kill(pid!, 'SIGSTOP');
  return { pid: pid!, goOn: () => process.kill(pid!, 'SIGCONT') };
}
const leftovers = (volumes: readonly string[]): string[] =>
  volumes.flatMap((volume) => readdirSync(volume)).filter((name) => name.startsWith('search-'));

test('a deletion is about what was there when its search began; what comes meanwhile stays', async (t) => {
  const volumes = volumesFor(t, 2);
  const main = scriptsWith(t, { inlineSearchRows: '-1', deletePoints: '1' });
  const { writer, client } = await started(t, volumes, main);
  for (const i of [0, 1, 2, 3, 4, 5]) await insert(client, i);
  await client.checkpoint();
  for (const i of [6, 7, 8]) await insert(client, i);
  await insert(client, 1, { f: 100 });

  const ofValues = client.delete(deletionOf({ where: { op: 'ge', field: 'f', value: 4 } }));
  const search = await held(writer, 'search');
  await insert(client, 9);
  await insert(client, 5, { s: 'again' });
  await insert(client, 0, { f: 50 });
  const others = [clientOf(writer), clientOf(writer), clientOf(writer)];
  t.after(() => Promise.all(others.map((each) => each.close())));
  const checkpoint = others[0]!.checkpoint();
  const ofTime = others[1]!.delete(deletionOf({ fromNs: 2n, toNs: 3n }));
  search.goOn();
  assert.equal(await ofValues, 6n);
  await checkpoint;
  assert.equal(await ofTime, 1n);
  const dryRun = deletionOf({ where: { op: 'ge', field: 'f', value: 9 }, dryRun: true });
  assert.equal(await others[2]!.delete(dryRun), 2n);

  const expected = [
    [0n, 'h0', 50, 'text 0'],
    [3n, 'h0', 3, 'text 3'],
    [5n, 'h2', null, 'again'],
    [9n, 'h0', 9, 'text 9'],
  ];
  const check = async (engine: EngineClient, what: string) => {
    assert.deepEqual(await all(engine), expected, what);
    assert.deepEqual(await latest(engine), [expected[2], expected[3]], what);
  };
  await check(client, 'at once');
  assert.deepEqual(leftovers(volumes), []);
  await writer.stop('SIGKILL');
  const again = await started(t, volumes, main);
  await check(again.client, 'after a restart');
  await again.client.checkpoint();
  await check(again.client, 'in parts');

  // Cut off between two records of one deletion.
  const cut = again.client.delete(deletionOf()).catch(() => undefined);
  await until('some of it is done', async () => (await all(again.client)).length < expected.length);
  await again.writer.stop('SIGKILL');
  await cut;
  const { client: last } = await started(t, volumes, main);
  const left = await all(last);
  const hosts = new Map(left.map((row) => [row[1], row]));
  assert.deepEqual(await latest(last), [...hosts.values()].sort());
  assert.equal(await last.delete(deletionOf()), BigInt(left.length));
  assert.deepEqual(await all(last), []);
  assert.deepEqual(await latest(last), []);
});

test('a search that is killed, is left alone, or loses its writer or its series deletes nothing, and is repeated', async (t) => {
  const volumes = volumesFor(t, 2);
  const main = scriptsWith(t, { inlineSearchRows: '-1', inlineRows: '-1', lookNs: '100000000' });
  let { writer, client } = await started(t, volumes, main);
  for (const i of [0, 1, 2]) await insert(client, i);

  const killed = assert.rejects(client.delete(deletionOf()), /StorageFailed.*killed/);
  process.kill((await held(writer, 'search')).pid, 'SIGKILL');
  await killed;

  const leaver = clientOf(writer);
  const left = assert.rejects(leaver.delete(deletionOf({ toNs: 2n })));
  const orphan = await held(writer, 'search');
  await leaver.close();
  await left;
  // The next one does not wait for it, and it ends without a trace.
  assert.equal(await client.delete(deletionOf({ toNs: 1n, dryRun: true })), 1n);
  orphan.goOn();
  await until('it ends', () => pidsOf(writer.config, 'search').length === 0);
  assert.deepEqual(leftovers(volumes), []);

  // Not beside a merge.
  const merged = client.checkpoint();
  const merge = await held(writer, 'merge');
  const behind = clientOf(writer);
  t.after(() => behind.close());
  const afterwards = behind.delete(deletionOf({ fromNs: 2n }));
  merge.goOn();
  await merged;
  assert.equal(await afterwards, 1n);
  assert.deepEqual(
    (await all(client)).map(([time]) => time),
    [0n, 1n],
  );

  const lost = assert.rejects(client.delete(deletionOf()));
  const outlives = await held(writer, 'search');
  await writer.stop('SIGKILL');
  await lost;
  ({ writer, client } = await started(t, volumes, main));
  outlives.goOn();
  assert.equal((await all(client)).length, 2);

  const dropped = assert.rejects(client.delete(deletionOf()), /SeriesNotFound/);
  const vain = await held(writer, 'search');
  const other = clientOf(writer);
  t.after(() => other.close());
  await other.drop('m');
  await insert(other, 7);
  vain.goOn();
  await dropped;
  assert.equal((await all(client)).length, 1);
});

test('a retention counts points of parts and of memory once', async (t) => {
  const main = scriptsWith(t, { inlineSearchRows: '-1' });
  const { client } = await started(t, volumesFor(t, 2), main);
  const dayNs = 86_400_000_000_000;
  for (const i of [0, 1, dayNs, 2 * dayNs]) await insert(client, i);
  await client.checkpoint();
  for (const i of [0, 2, dayNs]) await insert(client, i, { f: 7 });
  await client.delete(deletionOf({ fromNs: 1n, toNs: 2n }));
  assert.equal(await client.retain(BigInt(2 * dayNs)), 3n);
  assert.deepEqual(await all(client), [[BigInt(2 * dayNs), `h${(2 * dayNs) % 3}`, 2 * dayNs, `text ${2 * dayNs}`]]);
  assert.equal(await client.retain(BigInt(2 * dayNs)), 0n);
});
