import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
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
