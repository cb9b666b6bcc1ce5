import assert from 'node:assert/strict';
import { readdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { ObjectStoreFault } from '../../../src/base/object-store.ts';
import { DirectoryStore } from '../../../src/base/objects/directory.ts';
import { uploadStream } from '../../../src/base/objects/upload-stream.ts';
import { temporaryFolder } from '../../servers.ts';
import { mounted, unmount } from '../../system/durability/mounted.ts';

function storeIn(path: string): DirectoryStore {
  return new DirectoryStore({ path, link: () => '' });
}

test('an upload whose process was killed between parts is gone on with by another', async (t) => {
  const folder = temporaryFolder();
  t.after(folder.remove);
  const upload = await storeIn(folder.path).startUpload('a/b');
  await storeIn(folder.path).putPart('a/b', upload, 1, Buffer.from('one '));
  const next = storeIn(folder.path);
  assert.deepEqual(await next.listParts('a/b', upload), [{ number: 1, bytes: 4 }]);
  await next.putPart('a/b', upload, 2, Buffer.from('two'));
  await next.finishUpload('a/b', upload);
  assert.equal(await text(await next.get('a/b')), 'one two');
  assert.deepEqual(readdirSync(join(folder.path, 'uploads')), []);
});

test('uploads that nobody went on with for a day are removed, younger ones stay', async (t) => {
  const folder = temporaryFolder();
  t.after(folder.remove);
  const store = storeIn(folder.path);
  const [old, young] = [await store.startUpload('a'), await store.startUpload('b')];
  await store.putPart('a', old, 1, Buffer.from('x'));
  await store.put('c', 'stays');
  const dayAgoS = Date.now() / 1000 - 86_401;
  utimesSync(join(folder.path, 'uploads', old), dayAgoS, dayAgoS);
  await store.removeLeftovers(Date.now());
  assert.deepEqual(readdirSync(join(folder.path, 'uploads')), [young]);
  assert.equal(await text(await store.get('c')), 'stays');
});

test('a stream that breaks leaves no object and no parts', async (t) => {
  const folder = temporaryFolder();
  t.after(folder.remove);
  const store = storeIn(folder.path);
  async function* broken(): AsyncGenerator<Uint8Array> {
    for (let i = 0; i < 3; i++) yield Buffer.alloc(6 * 1024 * 1024);
    throw new Error('broken');
  }
  await assert.rejects(uploadStream(store, 'a', broken()), /broken/);
  assert.equal(await store.head('a'), undefined);
  assert.deepEqual(readdirSync(join(folder.path, 'uploads')), []);
});

test('a full disk refuses with a fault that says so, keeps what is there, and leaves nothing half', async (t) => {
  const folder = temporaryFolder();
  t.after(() => {
    unmount(folder.path);
    folder.remove();
  });
  if (!mounted(t, ['-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', folder.path])) return;
  const store = storeIn(folder.path);
  await store.put('kept', 'x');
  const isFull = (error: unknown): boolean =>
    error instanceof ObjectStoreFault && error.full && error.message === 'the object store is full';
  await assert.rejects(store.put('a', Buffer.alloc(13 * 1024 * 1024)), isFull);
  async function* large(): AsyncGenerator<Uint8Array> {
    for (let i = 0; i < 20; i++) yield Buffer.alloc(1024 * 1024);
  }
  await assert.rejects(uploadStream(store, 'a', large()), isFull);
  assert.deepEqual(readdirSync(join(folder.path, 'uploads')), []);
  assert.equal(await store.head('a'), undefined);
  await store.put('b', Buffer.alloc(10 * 1024 * 1024));
  assert.equal(await text(await store.get('kept')), 'x');
});
