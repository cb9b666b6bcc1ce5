import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { crc32 } from 'node:zlib';
import { realFiles } from '../../../kdb/embedded/storage/files.ts';
import type { Store } from '../../../kdb/embedded/store.ts';
import { batchOf, point, queryOf, rowsOf } from '../../engines/points.ts';
import { openStore, volumesFor } from '../../engines/store-in-temp.ts';
import { until } from '../../until.ts';
import { faultyFiles, forgetfulFiles } from './faulty-files.ts';

const dayNs = 86_400_000_000_000n;
const dayMs = 86_400_000;
/** The first day of a block. */
const first = 31 * 600;
const later = { now: () => (first + 100) * dayMs };

const on = (day: number, host: string, f: number, second = 0) =>
  point('m', { host }, BigInt(first + day) * dayNs + BigInt(second) * 1_000_000_000n, { f, g: f / 7, s: `text ${f}` });

async function give(store: Store, days: number, from = 0): Promise<void> {
  await store.insert(
    batchOf(Array.from({ length: days * 6 }, (_, i) => on(from + Math.floor(i / 6), `h${i % 3}`, i, i % 6))),
  );
  await store.checkpoint();
}

async function compactAll(store: Store): Promise<{ parts: bigint; into: bigint }> {
  const all = { parts: 0n, into: 0n };
  for (let left = 1n; left > 0n; ) {
    const done = await store.compact();
    all.parts += done.parts;
    all.into += done.into;
    left = done.left;
  }
  return all;
}

async function byDay(store: Store): Promise<unknown[]> {
  const spec = queryOf('m', {
    by: ['host'],
    bucket: { kind: 'width', widthNs: dayNs, originNs: 0n },
    select: [
      { op: 'sum', field: 'f', as: 'f' },
      { op: 'count', field: 'f', as: 'n' },
    ],
  });
  return rowsOf(await store.query(spec));
}

async function contents(store: Store): Promise<unknown[]> {
  return [rowsOf(await store.query(queryOf('m'))), await byDay(store)];
}

const partsOf = async (store: Store) => Number((await store.stats()).parts);

const filesOf = (volumes: readonly string[]) =>
  volumes.flatMap((volume) => readdirSync(volume).filter((name) => name.startsWith('part-'))).toSorted();

async function filled(t: TestContext, days = 62): Promise<{ volumes: string[]; store: Store; before: unknown[] }> {
  const volumes = volumesFor(t, 2);
  const store = await openStore(volumes, later);
  t.after(() => store.close().catch(() => undefined));
  await give(store, days);
  return { volumes, store, before: await contents(store) };
}

test('days that have little become one part for a month and slice; once they are, nothing is written anew', async (t) => {
  const { volumes, store, before } = await filled(t);
  assert.equal(filesOf(volumes).length, 124);
  assert.deepEqual(await compactAll(store), { parts: 124n, into: 4n });
  await until('the small ones to go', () => filesOf(volumes).length === 4);
  const files = filesOf(volumes);
  assert.deepEqual(await contents(store), before);
  assert.deepEqual(await compactAll(store), { parts: 0n, into: 0n });
  assert.deepEqual(filesOf(volumes), files);
  await store.close();
  const again = await openStore(volumes, later);
  t.after(() => again.close());
  assert.deepEqual(await contents(again), before);
});

test('days that are not over, and few of a month that goes on, are left alone', async (t) => {
  const volumes = volumesFor(t, 1);
  let day = first + 7;
  const store = await openStore(volumes, { now: () => day * dayMs });
  t.after(() => store.close());
  await give(store, 20);
  assert.deepEqual(await compactAll(store), { parts: 0n, into: 0n });
  day = first + 9;
  assert.deepEqual(await compactAll(store), { parts: 8n, into: 1n });
  day = first + 15;
  assert.deepEqual(await compactAll(store), { parts: 0n, into: 0n });
  day = first + 16;
  assert.deepEqual(await compactAll(store), { parts: 8n, into: 1n });
  day = first + 32;
  assert.deepEqual(await compactAll(store), { parts: 6n, into: 1n });
  assert.equal(await partsOf(store), 1);
});

test('of a day that has much only its small parts are merged', async (t) => {
  const volumes = volumesFor(t, 1);
  const store = await openStore(volumes, later);
  t.after(() => store.close());
  const write = async (rows: number, from: number) => {
    const points = Array.from({ length: rows }, (_, i) =>
      point('m', { host: 'h' }, BigInt(first) * dayNs + BigInt(from + i), { f: i }),
    );
    await store.insert(batchOf(points));
    await store.checkpoint();
  };
  // 70,000 rows of time and three fields are more than a merged part has.
  await store.define({ series: 'm', tags: ['host'], fields: ['f', 'g', 'h'].map((name) => ({ name, type: 'float' })) });
  await write(70_000, 0);
  await write(900, 70_000);
  await write(200, 80_000);
  const [large] = filesOf(volumes);
  const before = await byDay(store);
  assert.deepEqual(await compactAll(store), { parts: 2n, into: 1n });
  await until('the small ones to go', () => filesOf(volumes).length === 2);
  assert.equal(filesOf(volumes)[0], large);
  assert.deepEqual(await byDay(store), before);
});

test('merged days take late points, and go apart again when they get much', async (t) => {
  const { store } = await filled(t, 31);
  await compactAll(store);
  await store.insert(batchOf([on(3, 'h0', -1), on(3, 'new', -2, 7)]));
  await store.checkpoint();
  assert.ok((await partsOf(store)) <= 4);
  const many = Array.from({ length: 70_000 }, (_, i) =>
    point('m', { host: '' }, BigInt(first + (i % 31)) * dayNs + BigInt(i), { f: i }),
  );
  for (let host = 0; host < 4; host++)
    await store.insert(batchOf(many.map((one) => ({ ...one, tags: { host: `n${host}` } }))));
  const before = await byDay(store);
  await store.checkpoint();
  assert.equal(await partsOf(store), 62);
  assert.deepEqual(await byDay(store), before);
});

test('cut short anywhere, everything is there, once', async (t) => {
  const { volumes, store, before } = await filled(t, 33);
  await store.close();
  for (const operation of ['open', 'write', 'datasync', 'rename', 'syncDirectory'] as const) {
    for (const place of ['part-', 'manifest']) {
      let armed = false;
      const files = faultyFiles((asked, path) =>
        armed && asked === operation && path.includes(place) ? Object.assign(new Error('EIO'), { code: 'EIO' }) : null,
      );
      const faulty = await openStore(volumes, { ...later, files });
      armed = true;
      const failure = await faulty.compact().then(
        () => null,
        (error: Error) => error.message,
      );
      assert.deepEqual(await contents(faulty), before, `${operation} ${place}: ${failure}`);
      armed = false;
      await faulty.close();
      const after = await openStore(volumes, later);
      assert.deepEqual(await contents(after), before, `${operation} ${place}`);
      await after.close();
    }
  }
  const { files, crash } = forgetfulFiles(volumes);
  const forgetful = await openStore(volumes, { ...later, files: { ...files, remove: async () => undefined } });
  await forgetful.compact();
  await forgetful.close();
  crash();
  const after = await openStore(volumes, later);
  t.after(() => after.close());
  assert.deepEqual(await contents(after), before);
});

test('a damaged part keeps nothing else from being merged', async (t) => {
  const { volumes, store } = await filled(t);
  await store.close();
  const [name] = filesOf([volumes[0]!]);
  const bytes = readFileSync(`${volumes[0]}/${name}`);
  bytes[20]! ^= 1;
  writeFileSync(`${volumes[0]}/${name}`, bytes);
  const damaged = await openStore(volumes, later);
  t.after(() => damaged.close());
  await assert.rejects(damaged.compact(), /StorageDamaged/);
  assert.ok((await compactAll(damaged)).parts > 100n);
});

test('while writes are held nothing is merged', async (t) => {
  const { store } = await filled(t);
  await store.hold(true);
  await assert.rejects(store.compact(), /DatabaseHeld/);
});

test('a manifest from before days were merged is read', async (t) => {
  const { volumes, store, before } = await filled(t);
  await store.close();
  const path = `${volumes[0]}/manifest.json`;
  const manifest = JSON.parse((await realFiles.read(path)).toString('utf8', 9)) as { parts: object[] };
  const parts = manifest.parts.map((part) => ({ ...part, days: undefined }));
  const body = JSON.stringify({ ...manifest, format: 2, parts });
  writeFileSync(path, `${crc32(body).toString(16).padStart(8, '0')}\n${body}`);
  const opened = await openStore(volumes, later);
  t.after(() => opened.close());
  assert.deepEqual(await contents(opened), before);
  assert.deepEqual(await compactAll(opened), { parts: 124n, into: 4n });
  assert.deepEqual(await contents(opened), before);
});
