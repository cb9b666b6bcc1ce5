import assert from 'node:assert/strict';
import {
  closeSync,
  copyFileSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import winston from 'winston';
import type { Store } from '../../../kdb/embedded/store.ts';
import { batchOf, type Cell, point, queryOf, rowsOf } from '../../engines/points.ts';
import { openStore, volumesFor } from '../../engines/store-in-temp.ts';
import { until } from '../../until.ts';
import { fault, faultyFiles, forgetfulFiles } from './faulty-files.ts';

const everything = queryOf('m', { fromNs: -(10n ** 18n), toNs: 10n ** 19n / 6n });

async function insert(store: Store, ...values: number[]): Promise<void> {
  await store.insert(
    batchOf(values.map((value) => point('m', { host: `h${value % 3}` }, BigInt(value) * 1_000_000_000n, { f: value }))),
  );
}

async function values(store: Store): Promise<Cell[]> {
  return rowsOf(await store.query(everything)).map((row) => row.at(-1)!);
}

const journals = (volumes: readonly string[]) =>
  volumes
    .flatMap((volume) =>
      readdirSync(volume)
        .filter((name) => name.startsWith('journal-'))
        .map((name) => `${volume}/${name}`),
    )
    .sort();
const partsOf = (volumes: readonly string[]) =>
  volumes.flatMap((volume) =>
    readdirSync(volume)
      .filter((name) => name.startsWith('part-'))
      .map((name) => `${volume}/${name}`),
  );

test('a full disk refuses writes, goes on reading, and takes writes again when there is room', async (t) => {
  let full = false;
  const volumes = volumesFor(t, 1);
  const files = faultyFiles((operation, path) =>
    full && operation === 'write' && path.includes('journal-') ? fault('ENOSPC') : null,
  );
  const store = await openStore(volumes, { files });
  t.after(() => store.close());
  await insert(store, 1);
  full = true;
  // What is preallocated is still there; a record beyond it is refused before any of it is written.
  const large = batchOf([point('m', { host: 'x' }, 5n, { s: 'x'.repeat(60_000) })]);
  const many = { ...large, parts: Array.from({ length: 40 }, () => large.parts[0]!) };
  await assert.rejects(store.insert(many), /StorageFull/);
  assert.deepEqual(await values(store), [1]);
  full = false;
  await until('writes are taken again', async () =>
    store.insert(batchOf([point('m', { host: 'h2' }, 2_000_000_000n, { f: 2 })])).then(
      () => true,
      () => false,
    ),
  );
  assert.deepEqual(await values(store), [1, 2]);
});

test('a start on a full disk reads, refuses writes, and takes them again when there is room', async (t) => {
  const volumes = volumesFor(t, 2);
  const before = await openStore(volumes);
  await insert(before, 1, 2);
  await before.close();
  let full = true;
  const files = faultyFiles((operation, path) =>
    full && operation === 'write' && path.includes('journal-') ? fault('ENOSPC') : null,
  );
  let store = await openStore(volumes, { files });
  t.after(() => store.close());
  assert.deepEqual(await values(store), [1, 2]);
  await assert.rejects(insert(store, 3), /StorageFull/);
  await store.close();
  store = await openStore(volumes, { files });
  assert.deepEqual(await values(store), [1, 2]);
  full = false;
  await until('writes are taken again', () =>
    insert(store, 3).then(
      () => true,
      () => false,
    ),
  );
  await store.close();
  store = await openStore(volumes);
  assert.deepEqual(await values(store), [1, 2, 3]);
});

for (const [what, matches] of [
  ['a part', (path: string) => path.includes('part-')],
  ['the state', (path: string) => path.includes('state-')],
  ['the manifest', (path: string) => path.includes('manifest')],
] as const) {
  for (const operation of ['write', 'datasync', 'rename'] as const) {
    if (operation === 'rename' && what === 'a part') continue;
    test(`a checkpoint that fails to ${operation} ${what} loses nothing`, async (t) => {
      let failing = false;
      const volumes = volumesFor(t, 2);
      const files = faultyFiles((done, path) =>
        failing && done === operation && matches(path) ? fault('ENOSPC') : null,
      );
      let store = await openStore(volumes, { files });
      t.after(() => store.close());
      await insert(store, 1, 2, 3);
      await store.checkpoint();
      await insert(store, 4, 5, 2);
      failing = true;
      await assert.rejects(store.checkpoint(), /StorageFull/);
      assert.deepEqual(await values(store), [1, 2, 3, 4, 5]);
      await insert(store, 6);
      failing = false;
      await store.checkpoint();
      assert.deepEqual(await values(store), [1, 2, 3, 4, 5, 6]);
      await store.close();
      store = await openStore(volumes);
      assert.deepEqual(await values(store), [1, 2, 3, 4, 5, 6]);
      assert.equal((await store.stats()).hotRows, 0n);
    });
  }
}

test('after a failed fdatasync nothing is acknowledged until memory is safe in parts and a new journal file', async (t) => {
  let failing = false;
  const volumes = volumesFor(t, 1);
  const files = faultyFiles((operation, path) =>
    failing && operation === 'datasync' && path.includes('journal-') ? fault('EIO') : null,
  );
  let store = await openStore(volumes, { files });
  t.after(() => store.close());
  await insert(store, 1);
  failing = true;
  await assert.rejects(insert(store, 2), /StorageFailed/);
  failing = false;
  await until('writes are taken again', async () =>
    insert(store, 3).then(
      () => true,
      () => false,
    ),
  );
  assert.deepEqual(await values(store), [1, 3]);
  await store.close();
  store = await openStore(volumes);
  assert.deepEqual(await values(store), [1, 3]);
});

test('a disk that forgets what was not synced forgets nothing that was acknowledged', async (t) => {
  const volumes = volumesFor(t, 2);
  const acknowledged: number[] = [];
  for (let round = 0; round < 6; round++) {
    const { files, crash } = forgetfulFiles(volumes);
    const store = await openStore(volumes, { files });
    if (round > 0) assert.deepEqual(await values(store), acknowledged);
    for (let i = 0; i < 8; i++) {
      const value = acknowledged.length;
      await insert(store, value);
      acknowledged.push(value);
      if (i === round) await store.checkpoint();
    }
    // The process is gone in the middle of a checkpoint; its files are what was synced.
    const dying = round % 2 === 0 ? store.checkpoint().catch(() => undefined) : null;
    if (round === 2) await dying;
    const copies = crashed(volumes, crash);
    await dying;
    await store.close();
    copies();
  }
});

/** Applies the crash now and puts its result back in place once the old process has ended. */
function crashed(volumes: readonly string[], crash: () => void): () => void {
  const before = snapshot(volumes);
  crash();
  const after = snapshot(volumes);
  restore(volumes, before);
  return () => restore(volumes, after);
}

function snapshot(volumes: readonly string[]): Map<string, Buffer> {
  return new Map(
    volumes.flatMap((volume) =>
      readdirSync(volume)
        .filter((name) => name !== 'lock')
        .map((name): [string, Buffer] => [`${volume}/${name}`, readFileSync(`${volume}/${name}`)]),
    ),
  );
}

function restore(volumes: readonly string[], contents: ReadonlyMap<string, Buffer>): void {
  for (const volume of volumes)
    for (const name of readdirSync(volume))
      if (name !== 'lock' && !contents.has(`${volume}/${name}`)) rmSync(`${volume}/${name}`);
  for (const [path, bytes] of contents) writeFileSync(path, bytes);
}

test('a torn record at the end of the journal is cut and reported', async (t) => {
  const volumes = volumesFor(t, 1);
  const store = await openStore(volumes);
  await insert(store, 1);
  await insert(store, 2);
  const [journal] = journals(volumes);
  copyFileSync(journal!, `${journal}.copy`);
  await store.close();
  copyFileSync(`${journal}.copy`, journal!);
  rmSync(`${journal}.copy`);
  const end = lastByte(journal!);
  overwrite(journal!, end - 10, Buffer.alloc(10));
  const lines: string[] = [];
  const log = winston.createLogger({ transports: [new winston.transports.Stream({ stream: collect(lines) })] });
  const reopened = await openStore(volumes, { log });
  t.after(() => reopened.close());
  assert.deepEqual(await values(reopened), [1]);
  assert.match(lines.join(''), /torn record.*"bytes":\d+|"bytes":\d+.*torn record/);
});

test('a bit flipped inside the journal refuses the start and names file and offset', async (t) => {
  const volumes = volumesFor(t, 1);
  const store = await openStore(volumes);
  for (let i = 0; i < 5; i++) await insert(store, i);
  await store.close();
  const [journal] = journals(volumes);
  const bytes = readFileSync(journal!);
  overwrite(journal!, 100, Buffer.of(bytes[100]! ^ 4));
  await assert.rejects(
    openStore(volumes),
    (error: Error) =>
      error.message.includes(journal!) && /offset \d+/.test(error.message) && /backup/.test(error.message),
  );
});

test('a bit flipped in a part fails the queries that read it, and names the file', async (t) => {
  const volumes = volumesFor(t, 1);
  let store = await openStore(volumes);
  await insert(store, ...Array.from({ length: 100 }, (_, i) => i));
  await store.checkpoint();
  await store.close();
  const [part] = partsOf(volumes);
  const sound = readFileSync(part!);
  for (let at = 0; at < sound.length; at += 37) {
    overwrite(part!, at, Buffer.of(sound[at]! ^ 1));
    const outcome = await openStore(volumes)
      .then(async (opened) => {
        store = opened;
        return values(opened).finally(() => opened.close());
      })
      .catch((error: Error) => error);
    // The magic at the very beginning is not needed to read.
    if (outcome instanceof Error) assert.ok(outcome.message.includes(part!), outcome.message);
    else assert.equal(outcome.length, 100, `offset ${at}`);
    overwrite(part!, at, Buffer.of(sound[at]!));
  }
});

test('a start is refused: a missing volume, a missing part, a damaged manifest, a lost journal, a second process', async (t) => {
  const volumes = volumesFor(t, 2);
  await assert.rejects(openStore([...volumes, `${volumes[0]}-none`]), /-none is missing/);
  let store = await openStore(volumes);
  await assert.rejects(openStore(volumes), /in use/);
  await insert(store, 1, 2, 3);
  await store.checkpoint();
  await store.close();
  const refuses = async (path: string, change: () => void, message: RegExp) => {
    const sound = readFileSync(path);
    change();
    await assert.rejects(openStore(volumes), message);
    writeFileSync(path, sound);
  };
  const [part] = partsOf(volumes);
  await refuses(part!, () => rmSync(part!), /part-\d+\.tsg is missing/);
  const manifest = `${volumes[0]}/manifest.json`;
  await refuses(manifest, () => overwrite(manifest, 40, Buffer.from('x')), /manifest\.json is damaged/);
  const all = journals(volumes);
  await refuses(all[0]!, () => rmSync(all[0]!), /journal-\d+\.log is missing/);
  store = await openStore(volumes);
  assert.deepEqual(await values(store), [1, 2, 3]);
  await store.close();
});

test('queries see every row once while parts are written and replaced under them', async (t) => {
  const store = await openStore(volumesFor(t, 2));
  t.after(() => store.close());
  const rows = 3000;
  const all = Array.from({ length: rows }, (_, i) => i);
  await insert(store, ...all);
  let isWriting = true;
  const counts: Cell[] = [];
  const reading = (async () => {
    while (isWriting) {
      counts.push((await values(store)).length);
      const select = [{ op: 'count', field: 'f', as: 'n' }] as const;
      counts.push(Number(rowsOf(await store.query({ ...everything, select }))[0]![0]));
      // What is in memory is answered without a turn for anything else.
      await setImmediate();
    }
  })();
  for (let round = 0; round < 8; round++) {
    await store.checkpoint();
    // Late rows: the parts of the day are written anew.
    await insert(store, ...all.filter((value) => value % 8 === round));
  }
  isWriting = false;
  await reading;
  assert.deepEqual(new Set(counts), new Set([rows]));
});

function overwrite(path: string, at: number, bytes: Uint8Array): void {
  const file = openSync(path, 'r+');
  writeSync(file, bytes, 0, bytes.length, at);
  closeSync(file);
}

function lastByte(path: string): number {
  const bytes = readFileSync(path);
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return end;
}

function collect(lines: string[]): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
}
