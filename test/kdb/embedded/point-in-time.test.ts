import assert from 'node:assert/strict';
import { copyFileSync, existsSync, readdirSync, rmSync } from 'node:fs';
import { basename } from 'node:path';
import { type TestContext, test } from 'node:test';
import { shippingFolder } from '../../../kdb/embedded/storage/journal.ts';
import type { BackupFile } from '../../../src/kdb/engine.ts';
import { batchOf, point } from '../../engines/points.ts';
import { openStore, volumesFor } from '../../engines/store-in-temp.ts';
import { until } from '../../until.ts';
import { fault, faultyFiles } from './faulty-files.ts';
import { contentsOf, Past } from './past.ts';

interface Shipped {
  readonly from: readonly string[];
  readonly backup: readonly BackupFile[];
}

/** The files of the backup, and over its journal what was shipped. */
function restored(t: TestContext, { from, backup }: Shipped, count: number): string[] {
  const volumes = volumesFor(t, count);
  for (const { volume, path } of backup)
    copyFileSync(`${from[volume]}/${path}`, `${volumes[volume % count]}/${basename(path)}`);
  const first = backup
    .map(({ path }) => basename(path))
    .filter((name) => name.startsWith('journal'))
    .sort()[0]!;
  for (const volume of from)
    for (const name of readdirSync(`${volume}/${shippingFolder}`))
      if (name >= first) copyFileSync(`${volume}/${shippingFolder}/${name}`, `${volumes[0]}/${name}`);
  return volumes;
}

async function live(t: TestContext, seed: number): Promise<{ past: Past; shipped: Shipped }> {
  const from = volumesFor(t, 2);
  const past = new Past(seed);
  const open = () => openStore(from, { ships: true, now: () => past.nowMs });
  let store = await open();
  try {
    for (let i = 0; i < 12; i++) await past.change(store);
    const backup = await store.backup('b');
    past.moments.length = 0;
    for (let i = 0; i < 36; i++) {
      await past.change(store);
      if (i !== 18) continue;
      await store.close();
      store = await open();
    }
    assert.deepEqual(await contentsOf(store), past.moments.at(-1)!.contents);
    past.nowMs += 1_000;
    await store.checkpoint();
    return { past, shipped: { from, backup } };
  } finally {
    await store.close();
  }
}

for (const seed of [1, 3])
  test(`a database is what it was at any moment since the backup (seed ${seed})`, async (t) => {
    const { past, shipped } = await live(t, seed);
    const kinds = new Set(past.moments.map(({ what }) => what.split(' ')[0]));
    assert.ok(kinds.has('delete') && kinds.has('insert'), [...kinds].join());
    for (const [i, { untilMs, contents, what }] of past.moments.entries()) {
      if (i % 9 !== 0 && (what.startsWith('insert') || i % 2 === 0)) continue;
      const volumes = restored(t, shipped, 1 + (i % 3));
      const restore = { untilMs };
      let store = await openStore(volumes, { restore });
      assert.deepEqual(await contentsOf(store), contents, `${i} ${what}`);
      assert.equal(store.recovered?.untilMs, untilMs);
      await store.insert(batchOf([point('later', {}, 1n, { f: 1 })]));
      await store.close();
      // The configuration may name the moment still.
      store = await openStore(volumes, { restore });
      assert.deepEqual(await contentsOf(store), [...contents, 'later  1 1 '].sort());
      await store.close();
      for (const volume of volumes) rmSync(volume, { recursive: true });
    }
  });

test('a recovery that is cut short anywhere is done again', async (t) => {
  const { past, shipped } = await live(t, 4);
  const { untilMs, contents } = past.moments[25]!;
  const volumes = restored(t, shipped, 2);
  const restore = { untilMs };
  for (let allowed = 0, isDone = false; !isDone; allowed += 3) {
    let left = allowed;
    // Each attempt gets further than the one before, which may have left anything behind.
    const files = faultyFiles((operation) => (operation !== 'write' && left-- <= 0 ? fault('EIO') : null));
    try {
      const store = await openStore(volumes, { restore, files });
      isDone = true;
      await store.close();
    } catch (error) {
      assert.match(String(error), /EIO|StorageFailed/);
    }
    assert.ok(allowed < 2_000);
  }
  const store = await openStore(volumes, { restore });
  t.after(() => store.close());
  assert.deepEqual(await contentsOf(store), contents);
});

test('what cannot be had is refused, what was not shipped is left out', async (t) => {
  const { past, shipped } = await live(t, 5);
  const { untilMs, contents } = past.moments[25]!;
  await assert.rejects(openStore(restored(t, shipped, 1), { restore: { untilMs: 1_600_000_000_000 } }), /older backup/);
  const gap = restored(t, shipped, 1);
  const names = readdirSync(gap[0]!)
    .filter((name) => name.startsWith('journal'))
    .sort();
  rmSync(`${gap[0]}/${names[2]}`);
  await assert.rejects(openStore(gap, { restore: { untilMs } }), new RegExp(`${names[2]} is missing`));
  const short = restored(t, shipped, 1);
  for (const name of names.slice(-3)) rmSync(`${short[0]}/${name}`);
  const store = await openStore(short, { restore: { untilMs: 9_999_999_999_999 } });
  t.after(() => store.close());
  const { lastArrivalMs } = store.recovered!;
  const last = past.moments.findLast(
    (moment) => moment.untilMs >= lastArrivalMs! && moment.untilMs - 999 <= lastArrivalMs!,
  );
  assert.deepEqual(await contentsOf(store), last?.contents);
  assert.ok(contents.length > 0);
});

test('points whose deletion failed are there afterwards', async (t) => {
  const from = volumesFor(t, 1);
  let nowMs = 1_700_000_000_000;
  let isFailing = false;
  const files = faultyFiles((operation, path) =>
    isFailing && operation === 'open' && path.includes('part-') ? fault('EIO') : null,
  );
  const open = () => openStore(from, { ships: true, now: () => nowMs, files });
  let store = await open();
  for (const f of [1, 2, 3]) await store.insert(batchOf([point('m', { host: `h${f}` }, 1n, { f })]));
  await store.checkpoint();
  const backup = await store.backup('b');
  const where = (host: string) => ({ op: 'in', tag: 'host', values: [host] }) as const;
  const remove = (host: string) =>
    store.delete({ series: 'm', fromNs: 0n, toNs: 9n, where: where(host), dryRun: false });
  const tryToRemove = async (host: string) => {
    isFailing = true;
    await assert.rejects(remove(host), /EIO/);
    isFailing = false;
    nowMs += 1_000;
  };
  await tryToRemove('h1');
  assert.equal(await remove('h2'), 1n);
  nowMs += 1_000;
  // The start finds out what the process had no time to say.
  await tryToRemove('h3');
  await store.close();
  store = await open();
  const contents = await contentsOf(store);
  assert.equal(contents.length, 2);
  nowMs += 1_000;
  await store.checkpoint();
  await store.checkpoint();
  await store.close();
  const copy = await openStore(restored(t, { from, backup }, 1), { restore: { untilMs: nowMs } });
  t.after(() => copy.close());
  assert.deepEqual(await contentsOf(copy), contents);
});

test('a file of the journal is complete a minute after its first record, and kept for shipping; without shipping nothing is', async (t) => {
  for (const ships of [true, false]) {
    const volumes = volumesFor(t, 1);
    let elapsedMs = 0;
    const store = await openStore(volumes, { ships, elapsedMs: () => elapsedMs });
    t.after(() => store.close());
    const insert = (f: number) => store.insert(batchOf([point('m', {}, BigInt(f), { f })]));
    const { generation } = await insert(1);
    elapsedMs = 40_000;
    assert.equal((await insert(2)).generation, generation);
    elapsedMs = 60_000;
    const folder = `${volumes[0]}/${shippingFolder}`;
    if (ships) {
      await until('it is kept', () => existsSync(folder) && readdirSync(folder).length === 1);
      assert.equal((await insert(3)).generation, generation + 1n);
    }
    await store.checkpoint();
    assert.equal(existsSync(folder) ? readdirSync(folder).length : 0, ships ? 2 : 0);
  }
});
