// Files that are lost, cut, emptied or altered behind the database's back: it says so, or answers as if nothing had happened; never anything else.
import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { journalName } from '../../../kdb/embedded/storage/journal-file.ts';
import type { Store } from '../../../kdb/embedded/store.ts';
import type { QuerySpec } from '../../../src/kdb/engine.ts';
import { batchOf, type Cell, point, queryOf, rowsOf } from '../../engines/points.ts';
import { openStore, volumesFor } from '../../engines/store-in-temp.ts';
import { until } from '../../until.ts';
import { fault, faultyFiles } from './faulty-files.ts';

const secondNs = 1_000_000_000n;
const dayNs = 86_400n * secondNs;
const spec = queryOf('m', { fromNs: 0n, toNs: 1000n * dayNs, fields: ['f'] });

const give = (store: Store, ...values: number[]) =>
  store.insert(batchOf(values.map((f) => point('m', { host: `h${f % 3}` }, BigInt(f) * secondNs, { f }))));
const giveOnDay = (store: Store, day: number, f: number) =>
  store.insert(batchOf([point('m', { host: 'h' }, BigInt(day) * dayNs + BigInt(f) * secondNs, { f })]));
const values = async (store: Store, range: Partial<QuerySpec> = {}): Promise<Cell[]> =>
  rowsOf(await store.query({ ...spec, ...range })).map((row) => row.at(-1)!);
const filesOf = (volumes: readonly string[], pattern: RegExp) =>
  volumes.flatMap((volume) =>
    readdirSync(volume)
      .filter((name) => pattern.test(name))
      .map((name) => `${volume}/${name}`),
  );
const isAccepted = (inserting: Promise<unknown>) =>
  inserting.then(
    () => true,
    () => false,
  );

/** What a killed process leaves. */
function crashCopy(volumes: readonly string[]): string[] {
  const copies = volumes.map((volume) => `${volume}-copy`);
  for (const [i, volume] of volumes.entries()) {
    rmSync(copies[i]!, { recursive: true, force: true });
    cpSync(volume, copies[i]!, { recursive: true, filter: (path) => !path.endsWith('/lock') });
  }
  return copies;
}

async function opened<T>(volumes: readonly string[], look: (store: Store) => Promise<T>): Promise<T> {
  const store = await openStore(volumes);
  try {
    return await look(store);
  } finally {
    await store.close();
  }
}

test('a manifest that may not be there after a crash: the files of both are kept', async (t) => {
  const volumes = volumesFor(t, 2);
  const manifest = `${volumes[0]}/manifest.json`;
  let isFailing = false;
  let isRenamed = false;
  const files = faultyFiles((operation, path) => {
    isRenamed ||= operation === 'rename' && path === manifest;
    return isFailing && isRenamed && operation === 'syncDirectory' ? fault('EIO') : null;
  });
  const store = await openStore(volumes, { files });
  t.after(() => store.close());
  await give(store, 1, 2, 3);
  await store.checkpoint();
  const old = readFileSync(manifest);
  await give(store, 4, 5);
  isRenamed = false;
  isFailing = true;
  await assert.rejects(store.checkpoint(), /StorageFailed/);
  isFailing = false;
  assert.deepEqual(await values(store), [1, 2, 3, 4, 5]);
  for (const left of [old, readFileSync(manifest)]) {
    const copies = crashCopy(volumes);
    writeFileSync(`${copies[0]}/manifest.json`, left);
    assert.deepEqual(await opened(copies, values), [1, 2, 3, 4, 5]);
  }
  await give(store, 6);
  await store.checkpoint();
  assert.deepEqual(await values(store), [1, 2, 3, 4, 5, 6]);
  await until('only what the manifest names to be there', async () => {
    const { parts } = await store.stats();
    return filesOf(volumes, /^part-/).length === Number(parts) && filesOf(volumes, /^state-/).length === 1;
  });
});

test('volumes in another order, or without the manifest: the start refuses, and removes nothing', async (t) => {
  const volumes = volumesFor(t, 3);
  await opened(volumes, async (store) => {
    await give(store, 1, 2, 3);
    await store.checkpoint();
  });
  const [a, b, c] = volumes as [string, string, string];
  const before = filesOf(volumes, /^(part|state|journal|manifest)/);
  for (const wrong of [
    [b, a, c],
    [a, c, b],
    [c, b, a],
    [a, b],
    [b, c],
  ])
    await assert.rejects(openStore(wrong), /is missing|are there|add the missing directories/, wrong.join(' '));
  const manifest = readFileSync(`${a}/manifest.json`);
  rmSync(`${a}/manifest.json`);
  await assert.rejects(openStore(volumes), /manifest\.json is missing, but .* is there/);
  writeFileSync(`${a}/manifest.json`, manifest);
  assert.deepEqual(filesOf(volumes, /^(part|state|journal|manifest)/), before);
  assert.deepEqual(await opened(volumes, values), [1, 2, 3]);
});

test('two processes that share any one of their volumes: the second refuses', async (t) => {
  const volumes = volumesFor(t, 3);
  await opened(volumes.slice(0, 2), () => assert.rejects(openStore(volumes.slice(1)), /is in use/));
});

test('the newest journal file is lost: the start refuses', async (t) => {
  const volumes = volumesFor(t, 2);
  for (const value of [1, 2, 3]) await opened(volumes, (store) => give(store, value));
  const newest = filesOf(volumes, /^journal-/).find((path) => path.endsWith(journalName(3)))!;
  const content = readFileSync(newest);
  rmSync(newest);
  await assert.rejects(openStore(volumes), /journal-0000000003\.log is missing/);
  writeFileSync(newest, content);
  assert.deepEqual(await opened(volumes, values), [1, 2, 3]);
});

test('a journal file that was only just made when the process died is taken for what it is', async (t) => {
  const volumes = volumesFor(t, 1);
  await opened(volumes, (store) => give(store, 1));
  for (const [i, content] of [Buffer.alloc(0), Buffer.alloc(4096), Buffer.alloc(1 << 20)].entries()) {
    const last = filesOf(volumes, /^journal-/).length;
    writeFileSync(`${volumes[0]}/${journalName(last + 1)}`, content);
    await opened(volumes, (store) => give(store, 2 + i));
  }
  assert.deepEqual(await opened(volumes, values), [1, 2, 3, 4]);
});

test('a write that fails half-way, and the process dies before memory is in parts: the start goes on behind it', async (t) => {
  const volumes = volumesFor(t, 1);
  let isFailing = false;
  const files = faultyFiles((operation, path) =>
    isFailing && operation === 'datasync' && path.includes('journal-') ? fault('EIO') : null,
  );
  const store = await openStore(volumes, { files });
  t.after(() => store.close());
  await give(store, 1);
  isFailing = true;
  await assert.rejects(give(store, 2), /StorageFailed/);
  isFailing = false;
  const failed = crashCopy(volumes);
  // What could be written of the record is its first half.
  const journal = `${failed[0]}/${journalName(1)}`;
  const bytes = readFileSync(journal);
  const end = bytes.findLastIndex((byte) => byte !== 0) + 1;
  bytes.fill(0, end - 40, end);
  writeFileSync(journal, bytes);
  for (let start = 0; start < 3; start++) assert.deepEqual(await opened(failed, values), [1]);
});

test('a byte altered anywhere in journal, manifest or state: the start refuses, or nothing is wrong', async (t) => {
  const volumes = volumesFor(t, 1);
  await opened(volumes, async (store) => {
    await give(store, 1, 2, 3);
    await store.checkpoint();
    await give(store, 4);
    await give(store, 5);
  });
  const all = filesOf(volumes, /^(journal|manifest|state)/);
  let refused = 0;
  for (const path of all) {
    const sound = readFileSync(path);
    const step = Math.max(1, Math.floor(sound.length / 60));
    for (let at = 0; at < sound.length; at += at < 40 ? 1 : step) {
      const copies = crashCopy(volumes);
      const bytes = Buffer.from(sound);
      bytes[at]! ^= 1 << (at % 8);
      const copy = path.replace(volumes[0]!, copies[0]!);
      writeFileSync(copy, bytes);
      const outcome = await opened(copies, values).catch((error: Error) => error);
      if (outcome instanceof Error) {
        refused++;
        assert.ok(outcome.message.includes(copies[0]!), `${path} ${at}: ${outcome.message}`);
      } else assert.deepEqual(outcome, [1, 2, 3, 4, 5], `${path} at ${at}`);
    }
    // The last journal file cut further back looks like one whose last write was torn.
    for (const length of path.includes('/journal-') ? [0, 1] : [0, 1, Math.floor(sound.length / 2)]) {
      const copies = crashCopy(volumes);
      truncateSync(path.replace(volumes[0]!, copies[0]!), length);
      await assert.rejects(openStore(copies), /is damaged|is missing|is not journal|ends before/, `${path} ${length}`);
    }
  }
  assert.ok(refused > 100, String(refused));
});

test('a part is damaged while the database runs: other days are answered, new rows are written into new parts', async (t) => {
  const volumes = volumesFor(t, 1);
  const store = await openStore(volumes);
  t.after(() => store.close());
  for (const day of [0, 1]) await giveOnDay(store, day, 1);
  await store.checkpoint();
  const sound = filesOf(volumes, /^part-/).map((path): [string, Buffer] => [path, readFileSync(path)]);
  const [path, content] = sound.find(([path]) => path.endsWith('0000000002.tsg'))!;
  const second = { fromNs: dayNs };
  const refusals: [string, () => void, RegExp][] = [
    [
      'altered',
      () => writeFileSync(path, Buffer.from(content).fill(7, 8, 60)),
      /StorageDamaged .* is damaged at offset/,
    ],
    ['cut', () => truncateSync(path, 20), /StorageDamaged/],
    ['empty', () => truncateSync(path, 0), /StorageDamaged/],
    ['gone', () => rmSync(path), /StorageFailed .*ENOENT/],
  ];
  for (const [what, damage, refusal] of refusals) {
    damage();
    await assert.rejects(values(store, second), refusal, what);
    await assert.rejects(values(store), refusal, what);
    writeFileSync(path, content);
  }
  assert.deepEqual(await values(store, { toNs: dayNs }), [1]);
  writeFileSync(path, Buffer.from(content).fill(7, 8, 60));
  await assert.rejects(values(store, second), /StorageDamaged/);
  await giveOnDay(store, 1, 2);
  await store.checkpoint();
  assert.equal((await store.stats()).hotRows, 0n);
  await assert.rejects(values(store, second), /StorageDamaged/);
  assert.deepEqual(await values(store, { toNs: dayNs }), [1]);
  writeFileSync(path, content);
  assert.deepEqual(await values(store), [1, 1, 2]);
});

test('a volume that becomes read-only while the database runs: reads go on, writes wait for it', async (t) => {
  const volumes = volumesFor(t, 2);
  let isReadOnly = false;
  const files = faultyFiles((operation) => (isReadOnly && operation !== 'open' ? fault('EROFS') : null));
  let store = await openStore(volumes, { files });
  t.after(() => store.close());
  await give(store, 1);
  isReadOnly = true;
  await assert.rejects(give(store, 2), /StorageFailed .*EROFS/);
  await assert.rejects(give(store, 2), /StorageFailed/);
  await assert.rejects(store.checkpoint(), /StorageFailed/);
  assert.deepEqual(await values(store), [1]);
  isReadOnly = false;
  await until('writes to be taken again', () => isAccepted(give(store, 3)));
  assert.deepEqual(await values(store), [1, 3]);
  await store.close();
  store = await openStore(volumes);
  assert.deepEqual(await values(store), [1, 3]);
});

test('memory that cannot be written into parts: writes are refused for that reason', async (t) => {
  const volumes = volumesFor(t, 1);
  let isFull = true;
  const files = faultyFiles((operation, path) =>
    isFull && operation === 'write' && path.includes('part-') ? fault('ENOSPC') : null,
  );
  const store = await openStore(volumes, { files, budgetBytes: 2 << 20 });
  t.after(() => store.close());
  let next = 0;
  const more = () => give(store, ...Array.from({ length: 2000 }, () => next++));
  const refusals: string[] = [];
  await until('memory to be full', async () => {
    await more().catch((error: Error) => refusals.push(error.message));
    return refusals.includes('StorageFull');
  });
  // Until the first attempt has failed there is no other reason to give.
  assert.ok(refusals.every((refusal) => ['EngineBusy', 'StorageFull'].includes(refusal)));
  isFull = false;
  await until('writes to be taken again', () => isAccepted(more()));
});

test('a volume is added to a database: nothing moves, new parts and journals use it too, and it stays needed', async (t) => {
  const all = volumesFor(t, 3);
  const two = all.slice(0, 2);
  await opened(two, async (store) => {
    for (let day = 0; day < 6; day++) await giveOnDay(store, day, 1);
    await store.checkpoint();
    await giveOnDay(store, 6, 1);
  });
  const before = filesOf(two, /^part-/);
  await opened(all, async (store) => {
    assert.equal((await values(store)).length, 7);
    // Of parts that were there and of days that were.
    for (let day = 0; day < 12; day++) await giveOnDay(store, day, 2);
    await store.checkpoint();
    assert.deepEqual(
      before.filter((path) => filesOf(two, /^part-/).includes(path)),
      [],
    );
    assert.equal((await values(store)).length, 19);
    const { bytesPerVolume } = await store.stats();
    assert.ok(bytesPerVolume.every((bytes) => bytes > 0n));
    for (let i = 0; i < 3; i++) {
      await giveOnDay(store, 20 + i, 1);
      await store.checkpoint();
    }
  });
  assert.ok(filesOf(all.slice(2), /^part-/).length > 0);
  await opened(all, async (store) => assert.equal((await values(store)).length, 22));
  await assert.rejects(openStore(two), /volume 2, and the configuration names 2: add the missing directories/);
  await opened(all, async (store) => assert.equal((await values(store)).length, 22));
});
