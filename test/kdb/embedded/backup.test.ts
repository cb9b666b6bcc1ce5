import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { type TestContext, test } from 'node:test';
import { crc32 } from 'node:zlib';
import type { Store } from '../../../kdb/embedded/store.ts';
import type { BackupFile } from '../../../src/kdb/engine.ts';
import { batchOf, point, queryOf, rowsOf } from '../../engines/points.ts';
import { openStore, volumesFor } from '../../engines/store-in-temp.ts';

const count = queryOf('m', { fromNs: 0n, toNs: 10n ** 18n, select: [{ op: 'count', field: 'f', as: 'n' }], limit: 1 });

test('a backup taken while writes go on opens as a database with all that was acknowledged before it', async (t) => {
  const volumes = volumesFor(t, 2);
  const store = await openStore(volumes);
  t.after(() => store.close());
  const insert = (i: number) => store.insert(batchOf([point('m', { host: `h${i % 7}` }, BigInt(i), { f: i })]));
  for (let i = 0; i < 100; i++) await insert(i);
  await store.checkpoint();
  for (let i = 100; i < 150; i++) await insert(i);
  const writing = Promise.all(Array.from({ length: 50 }, (_, i) => insert(150 + i)));
  const listed = await store.backup('daily-1');
  await writing;
  for (const { volume, path, bytes, sha256 } of listed) {
    const content = readFileSync(`${volumes[volume]}/${path}`);
    assert.equal(BigInt(content.length), bytes);
    assert.equal(createHash('sha256').update(content).digest('hex'), sha256);
  }
  // Later changes do not reach the copy.
  await store.drop('m');
  await store.checkpoint();
  const copy = await openStore(volumes.map((volume) => `${volume}/backup-daily-1`));
  t.after(() => copy.close());
  const rows = Number(rowsOf(await copy.query(count))[0]![0]);
  assert.ok(rows >= 150 && rows <= 200, String(rows));
});

test('a backup is not written outside its folder', async (t) => {
  const store = await openStore(volumesFor(t, 1));
  t.after(() => store.close());
  for (const name of ['', '..', '../x', 'a/b', '.hidden', 'x'.repeat(101)])
    await assert.rejects(store.backup(name), /BadCall/);
});

/** Parts and journals on volume index mod the new number, as a restore puts them. */
function copied(t: TestContext, files: readonly BackupFile[], from: readonly string[], count: number): string[] {
  const volumes = volumesFor(t, count);
  for (const { volume, path } of files)
    copyFileSync(`${from[volume]}/${path}`, `${volumes[volume % count]}/${basename(path)}`);
  return volumes;
}

for (const number of [1, 2, 3, 5])
  test(`the files of a backup of 3 volumes open on ${number}, again after a crash, and are written on`, async (t) => {
    const volumes = volumesFor(t, 3);
    const store = await openStore(volumes);
    t.after(() => store.close());
    const dayNs = 86_400_000_000_000n;
    const insert = (to: Store, i: number) =>
      to.insert(batchOf([point('m', { host: `h${i % 7}` }, BigInt(i % 5) * dayNs + BigInt(i), { f: i })]));
    for (let i = 0; i < 60; i++) await insert(store, i);
    await store.checkpoint();
    for (let i = 60; i < 70; i++) await insert(store, i);
    const there = copied(t, await store.backup('b'), volumes, number);
    const sum = queryOf('m', { fromNs: 0n, toNs: 10n ** 18n, select: [{ op: 'sum', field: 'f', as: 'n' }], limit: 1 });
    const expected = rowsOf(await store.query(sum));
    if (number < 3) await assert.rejects(openStore(there), /missing/);
    for (const restore of [{ untilMs: null }, { untilMs: null }, null]) {
      const copy = await openStore(there, { restore });
      try {
        assert.deepEqual(rowsOf(await copy.query(sum)), expected);
      } finally {
        await copy.close();
      }
    }
    const copy = await openStore(there);
    t.after(() => copy.close());
    for (let i = 70; i < 80; i++) {
      await insert(copy, i);
      await insert(store, i);
    }
    await copy.checkpoint();
    assert.deepEqual(rowsOf(await copy.query(sum)), rowsOf(await store.query(sum)));
  });

test('what a backup lacks is named', async (t) => {
  const volumes = volumesFor(t, 2);
  const store = await openStore(volumes);
  t.after(() => store.close());
  for (let i = 0; i < 50; i++) await store.insert(batchOf([point('m', { host: `h${i}` }, BigInt(i), { f: i })]));
  await store.checkpoint();
  const files = await store.backup('b');
  for (const { path } of files) {
    const name = basename(path);
    const there = copied(
      t,
      files.filter((file) => file.path !== path),
      volumes,
      1,
    );
    await assert.rejects(openStore(there, { restore: { untilMs: null } }), new RegExp(name.replace('.', '\\.')));
  }
});

test('a state of another version is refused by name', async (t) => {
  const volumes = volumesFor(t, 1);
  const store = await openStore(volumes);
  await store.insert(batchOf([point('m', {}, 1n, { f: 1 })]));
  await store.checkpoint();
  await store.close();
  const name = readdirSync(volumes[0]!).find((name) => name.startsWith('state-'))!;
  const path = `${volumes[0]}/${name}`;
  const bytes = readFileSync(path);
  bytes.write('TSGS0009', 'latin1');
  writeFileSync(path, bytes);
  const manifest = `${volumes[0]}/manifest.json`;
  const body = readFileSync(manifest, 'utf8')
    .slice(9)
    .replace(/"crc":\d+/, `"crc":${crc32(bytes)}`);
  writeFileSync(manifest, `${crc32(body).toString(16).padStart(8, '0')}\n${body}`);
  await assert.rejects(openStore(volumes), /TSGS0009.*another version/);
});
