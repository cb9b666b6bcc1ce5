// What kdb/q keeps when a process of it ends at a bad moment, or its disk is full; run by our interpreter of q.
import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createEngineClient, type EngineClient } from '../../src/kdb/client.ts';
import { mounted, unmount } from '../system/durability/mounted.ts';
import { until } from '../until.ts';
import type { DatabaseProcess } from './database-process.ts';
import { batchOf, type Cell, point, queryOf, rowsOf } from './points.ts';
import { clientOf, freePort, interpreter, pidsOf, scriptsWith, startQ } from './q-process.ts';
import { volumesFor } from './store-in-temp.ts';

interface Running {
  readonly process: DatabaseProcess;
  readonly client: EngineClient;
}

async function started(t: TestContext, volumes: readonly string[], main?: string): Promise<Running> {
  const process = await startQ(interpreter, volumes, main === undefined ? {} : { main });
  t.after(() => process.stop('SIGKILL'));
  const client = clientOf(process);
  t.after(() => client.close());
  return { process, client };
}

const insert = (client: EngineClient, i: number) =>
  client.insert(batchOf([point('m', { host: `h${i % 3}` }, BigInt(i), { f: i, s: `text ${i}`, b: i % 2 === 0 })]));

async function values(client: EngineClient): Promise<Cell[]> {
  const rows = rowsOf(await client.query(queryOf('m', { fields: ['f'] })));
  return rows.map((row) => row.at(-1)!).sort((a, b) => Number(a) - Number(b));
}
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

test('a writer that is killed has every acknowledged request after its restart, whole', async (t) => {
  const volumes = volumesFor(t, 2);
  let next = 0;
  const acknowledged = new Set<number>();
  for (let round = 0; round < 2; round++) {
    const { process, client } = await started(t, volumes);
    const writers = Array.from({ length: 3 }, async () => {
      for (;;) {
        const i = next++;
        const points = ['m', 'n'].map((series) => point(series, { host: `h${i % 3}` }, BigInt(i), { f: i }));
        await client.insert(batchOf(points));
        acknowledged.add(i);
      }
    });
    const failed = Promise.allSettled(writers);
    await until('some are acknowledged', () => acknowledged.size > 20 * (round + 1));
    if (round === 0) await client.checkpoint();
    await process.stop('SIGKILL');
    await failed;
    await client.close();
  }
  const { client } = await started(t, volumes);
  const found = new Set(await values(client));
  assert.deepEqual(
    [...acknowledged].filter((i) => !found.has(i)),
    [],
  );
  const others = rowsOf(await client.query(queryOf('n', { fields: ['f'] })));
  assert.deepEqual(new Set(others.map((row) => row.at(-1))), found);
});

/** The last journal file of the database. */
function journalOf(volumes: readonly string[]): string {
  const files = volumes.flatMap((volume) =>
    readdirSync(volume)
      .filter((name) => name.startsWith('journal-'))
      .map((name) => join(volume, name)),
  );
  return files.sort((a, b) => Number(a.split('-').at(-1)) - Number(b.split('-').at(-1))).at(-1)!;
}

test('a torn tail is cut, said, and written over', async (t) => {
  const volumes = volumesFor(t, 2);
  let { process, client } = await started(t, volumes);
  for (const i of upTo(5)) await insert(client, i);
  const whole = statSync(journalOf(volumes)).size;
  await insert(client, 5);
  await process.stop('SIGKILL');
  const last = statSync(journalOf(volumes)).size - whole;
  // The whole record but a byte; its first byte alone.
  for (const bytes of [last - 1, 1]) {
    truncateSync(journalOf(volumes), whole + bytes);
    ({ process, client } = await started(t, volumes));
    assert.ok(process.log.includes(`journal 0: torn tail cut, ${bytes} bytes`), process.log.join('\n'));
    assert.deepEqual(await values(client), upTo(5));
    await insert(client, 5);
    assert.deepEqual(await values(client), upTo(6));
    await process.stop('SIGKILL');
  }
  ({ client } = await started(t, volumes));
  assert.deepEqual(await values(client), upTo(6));
});

test('a closed journal file that is damaged, or gone, stops the start with its number', async (t) => {
  const volumes = volumesFor(t, 1);
  const main = scriptsWith(t, { inlineRows: '-1' });
  const { process, client } = await started(t, volumes, main);
  await insert(client, 0);
  // The merge of another process is under way, and journal-0 still there, when the writer is killed.
  const merged = assert.rejects(client.checkpoint());
  await until('journal-1', () => readdirSync(volumes[0]!).includes('journal-1'));
  await process.stop('SIGKILL');
  await merged;
  await endMerges(process.config);
  rmSync(join(volumes[0]!, 'manifest.ready'), { force: true });
  const closed = join(volumes[0]!, 'journal-0');
  const sound = readFileSync(closed);
  truncateSync(closed, sound.length - 1);
  await assert.rejects(startQ(interpreter, volumes), /cannot start: .*(badtail|journal-0|journal 0)/);
  rmSync(closed);
  await assert.rejects(startQ(interpreter, volumes), /cannot start: .*journal/);
  writeFileSync(closed, sound);
  assert.deepEqual(await values((await started(t, volumes)).client), [0]);
});

async function endMerges(config: string): Promise<void> {
  await until('no merge', () => {
    const pids = pidsOf(config, 'merge');
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    return pids.length === 0;
  });
}

test('a merge that is killed is started again, and what it wrote is written over', async (t) => {
  const volumes = volumesFor(t, 2);
  const main = scriptsWith(t, { inlineRows: '-1', mergePatienceNs: '500000000' });
  const { process: writer, client } = await started(t, volumes, main);
  for (const i of upTo(6)) await insert(client, i);
  const merged = client.checkpoint();
  const [pid] = await until('a merge', () => {
    const found = pidsOf(writer.config, 'merge');
    return found.length > 0 && found;
  });
  process.kill(pid!, 'SIGKILL');
  await insert(client, 6);
  await merged;
  assert.deepEqual(await values(client), upTo(7));
  const { parts, hotRows, lateRows } = await client.stats();
  assert.ok(parts > 0n);
  assert.equal(hotRows + lateRows, 1n);
  await writer.stop('SIGKILL');
  const again = await started(t, volumes, main);
  assert.deepEqual(await values(again.client), upTo(7));
  // What has the name of an old journal file and cannot be removed: the merge is done all the same.
  mkdirSync(join(volumes[0]!, 'journal-0/held'), { recursive: true });
  await again.client.checkpoint();
  assert.deepEqual(await values(again.client), upTo(7));
  assert.equal((await again.client.stats()).hotRows, 0n);
});

test('a reader has what the writer has, also over a merge, and ends with it', async (t) => {
  const volumes = volumesFor(t, 2);
  const port = await freePort();
  const writer = await startQ(interpreter, volumes, { port });
  t.after(() => writer.stop('SIGKILL'));
  const direct = clientOf(writer);
  t.after(() => direct.close());
  await insert(direct, 0);
  const reader = await startQ(interpreter, volumes, { port, role: ['reader', '-listen', '0'] });
  t.after(() => reader.stop('SIGKILL'));
  const { user, password } = writer;
  const client = createEngineClient({ host: '127.0.0.1', port, user, password, readerPorts: [reader.port] });
  t.after(() => client.close());
  const own = clientOf(reader);
  t.after(() => own.close());
  await assert.rejects(insert(own, 1), /BadCall/);

  const both = async (count: number, what: string) => {
    await until(what, async () => (await values(own)).length === count);
    for (const asked of [own, client, direct]) assert.deepEqual(await values(asked), upTo(count), what);
    const latest = { series: 'm', where: null, fields: [] };
    assert.deepEqual(rowsOf(await own.latest(latest)), rowsOf(await direct.latest(latest)), what);
    assert.deepEqual(await own.tags('m'), await direct.tags('m'), what);
    assert.deepEqual(
      (await own.series({ after: '', limit: 10 })).series,
      (await direct.series({ after: '', limit: 10 })).series,
    );
  };
  await both(1, 'what was there');
  for (const i of [1, 2, 3]) await insert(client, i);
  await both(4, 'inserts');
  await client.checkpoint();
  await both(4, 'parts');
  await insert(client, 4);
  await both(5, 'parts and rows');
  await client.delete({ series: 'm', fromNs: 4n, toNs: 5n, where: null, dryRun: false });
  await both(4, 'a deletion');
  await client.checkpoint();
  await client.checkpoint();
  await both(4, 'parts that were written again');

  // One that is in the middle of a query does not hear of switches, and may still read what they took out.
  const parts = () => volumes.flatMap((volume) => readdirSync(volume)).filter((name) => name.startsWith('part-'));
  await until('only parts that the manifest names', async () => {
    await direct.checkpoint();
    return parts().length === Number((await direct.stats()).parts);
  });
  const before = parts();
  reader.child.kill('SIGSTOP');
  for (const i of [4, 5, 6]) {
    await insert(direct, i);
    await direct.checkpoint();
  }
  assert.deepEqual(
    before.filter((name) => !parts().includes(name)),
    [],
  );
  reader.child.kill('SIGCONT');
  await both(7, 'three switches');
  let count = 7;
  await until('they go', async () => {
    await insert(direct, count++);
    await direct.checkpoint();
    return before.every((name) => !parts().includes(name));
  });

  // One that begins now has the manifest and the journal behind it.
  await insert(direct, count++);
  const later = await startQ(interpreter, volumes, { port, role: ['reader', '-listen', '0'] });
  t.after(() => later.stop('SIGKILL'));
  const ofLater = clientOf(later);
  t.after(() => ofLater.close());
  assert.deepEqual(await values(ofLater), upTo(count));
  await insert(direct, count++);
  await until('it hears what comes', async () => (await values(ofLater)).length === count);

  await writer.stop('SIGKILL');
  await until('the reader ends', () => reader.child.exitCode !== null);
  assert.ok(reader.log.includes('the writer is gone'));
});

test('a full disk: StorageFull, reads go on, writes are taken again when there is room', async (t) => {
  const volume = mkdtempSync(join(tmpdir(), 'tsg-full-'));
  t.after(() => {
    unmount(volume);
    rmSync(volume, { recursive: true });
  });
  if (!mounted(t, ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', volume])) return;
  const { process, client } = await started(t, [volume]);
  let count = 0;
  for (; count < 3; count++) await insert(client, count);
  const ballast = join(volume, 'ballast');
  const { bavail, bsize } = statfsSync(volume);
  writeFileSync(ballast, Buffer.alloc((bavail - 4) * bsize));
  const large = (i: number) =>
    client.insert(batchOf([point('m', { host: 'h0' }, BigInt(i), { f: i, s: 'x'.repeat(6_000) })]));
  for (;;) {
    const refused = await large(count).then(
      () => undefined,
      (error: Error) => error,
    );
    if (refused) {
      assert.match(refused.message, /^StorageFull/);
      break;
    }
    count++;
  }
  assert.deepEqual(await values(client), upTo(count));
  await assert.rejects(client.checkpoint(), /StorageFull/);
  assert.deepEqual(await values(client), upTo(count));
  rmSync(ballast);
  await insert(client, count++);
  await client.checkpoint();
  assert.deepEqual(await values(client), upTo(count));
  await process.stop('SIGKILL');
  assert.deepEqual(await values((await started(t, [volume])).client), upTo(count));
});
