// What every object store does: the directory and S3 in one table.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { ObjectNotFound, type ObjectStore, UploadNotFound } from '../../../src/base/object-store.ts';
import { DirectoryStore } from '../../../src/base/objects/directory.ts';
import { signedLinks } from '../../../src/base/objects/links.ts';
import { withRetries } from '../../../src/base/objects/retries.ts';
import { S3Store } from '../../../src/base/objects/s3.ts';
import { temporaryFolder } from '../../servers.ts';
import { faulty } from './faulty.ts';
import { startS3 } from './s3-server.ts';

/** S3's smallest part that is not the last. */
const minPartBytes = 5 * 1024 * 1024;

process.env['AWS_ACCESS_KEY_ID'] = 'test';
process.env['AWS_SECRET_ACCESS_KEY'] = 'test';

function directoryStore(t: TestContext): DirectoryStore {
  const folder = temporaryFolder();
  t.after(folder.remove);
  const link = signedLinks({ endpoint: 'http://api', secret: 'secret', nowMs: () => 0 });
  return new DirectoryStore({ path: folder.path, link });
}

async function s3Store(t: TestContext): Promise<S3Store> {
  const server = await startS3('bucket');
  t.after(server.stop);
  return new S3Store({ region: 'eu-west-1', bucket: 'bucket', prefix: 'a/prefix', endpoint: server.endpoint });
}

const stores: Readonly<Record<string, (t: TestContext) => ObjectStore | Promise<ObjectStore>>> = {
  directory: directoryStore,
  s3: s3Store,
  'directory that fails 1 request in 5': (t) => withRetries(faulty(directoryStore(t))),
  's3 that fails 1 request in 5': async (t) => withRetries(faulty(await s3Store(t))),
};

const noKeys = ['', '/a', 'a/', 'a//b', '../a', 'a/../b', 'a/./b', 'a\\b', 'a b', 'ä', 'a/\0', 'x'.repeat(201)];

async function read(store: ObjectStore, key: string, from = 0, bytes?: number): Promise<string> {
  return (await buffer(await store.get(key, { from, bytes }))).toString();
}

async function keys(store: ObjectStore, prefix: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of store.list(prefix)) found.push(key);
  return found;
}

for (const [name, open] of Object.entries(stores)) {
  test(`${name}: what is put is there, whole and in ranges, until it is removed`, async (t) => {
    const store = await open(t);
    await store.put('a/b', 'first');
    await store.put('a/b', Buffer.from('0123456789'));
    await store.put('a/empty', '');
    assert.equal(await read(store, 'a/b'), '0123456789');
    assert.equal(await read(store, 'a/b', 3), '3456789');
    assert.equal(await read(store, 'a/b', 3, 4), '3456');
    assert.equal(await read(store, 'a/b', 8, 40), '89');
    assert.equal(await read(store, 'a/b', 3, 0), '');
    assert.equal(await read(store, 'a/b', 10), '');
    assert.equal(await read(store, 'a/empty'), '');
    assert.equal((await store.head('a/b'))?.bytes, 10);
    assert.ok(Math.abs((await store.head('a/b'))!.at.getTime() - Date.now()) < 60_000);
    await store.remove('a/b');
    await store.remove('a/b');
    assert.equal(await store.head('a/b'), undefined);
    await assert.rejects(store.get('a/b'), ObjectNotFound);
    await assert.rejects(store.get('a/b', { from: 0, bytes: 0 }), ObjectNotFound);
    assert.deepEqual(await keys(store, ''), ['a/empty']);
  });

  test(`${name}: keys are listed by prefix, in their order`, async (t) => {
    const store = await open(t);
    const all = ['a-b', 'a/b-c/x', 'a/b/c', 'a/b0', 'ab', 'b/c'];
    for (const key of [...all].reverse()) await store.put(key, key);
    assert.deepEqual(await keys(store, ''), all);
    assert.deepEqual(await keys(store, 'a/b'), ['a/b-c/x', 'a/b/c', 'a/b0']);
    assert.deepEqual(await keys(store, 'a/b/'), ['a/b/c']);
    assert.deepEqual(await keys(store, 'nothing/'), []);
  });

  test(`${name}: an upload is seen when it is finished, with the last bytes of each part`, async (t) => {
    const store = await open(t);
    const parts = [randomBytes(minPartBytes), randomBytes(minPartBytes + 1), Buffer.from('end')];
    const upload = await store.startUpload('u/x');
    await store.putPart('u/x', upload, 2, randomBytes(7));
    await store.putPart('u/x', upload, 3, parts[2]!);
    await store.putPart('u/x', upload, 1, parts[0]!);
    await store.putPart('u/x', upload, 2, parts[1]!);
    const listed = (await store.listParts('u/x', upload)).map(({ number, bytes }) => [number, bytes]);
    assert.deepEqual(
      listed,
      [1, 2, 3].map((number) => [number, parts[number - 1]!.length]),
    );
    assert.deepEqual(await keys(store, ''), []);
    await store.finishUpload('u/x', upload);
    await store.finishUpload('u/x', upload);
    assert.ok((await buffer(await store.get('u/x'))).equals(Buffer.concat(parts)));
    await assert.rejects(store.listParts('u/x', upload), UploadNotFound);
  });

  test(`${name}: an aborted upload leaves nothing`, async (t) => {
    const store = await open(t);
    const upload = await store.startUpload('u/x');
    await store.putPart('u/x', upload, 1, Buffer.from('x'));
    await store.abortUpload('u/x', upload);
    await store.abortUpload('u/x', upload);
    await assert.rejects(store.putPart('u/x', upload, 1, Buffer.from('x')), UploadNotFound);
    await assert.rejects(store.finishUpload('u/x', upload), UploadNotFound);
    assert.deepEqual(await keys(store, ''), []);
  });

  test(`${name}: keys are paths of plain names`, async (t) => {
    const store = await open(t);
    for (const key of noKeys) {
      await assert.rejects(async () => store.put(key, ''), RangeError);
      await assert.rejects(async () => store.get(key), RangeError);
      await assert.rejects(async () => store.startUpload(key), RangeError);
    }
  });
}

test('s3: a link gives the object under its file name to anyone', async (t) => {
  const store = await s3Store(t);
  await store.put('a/b', 'bytes');
  const link = await store.link('a/b', { fileName: 'x.csv', expiresS: 60 });
  const reply = await fetch(link);
  assert.equal(await reply.text(), 'bytes');
  assert.equal(new URL(link).searchParams.get('response-content-disposition'), 'attachment; filename="x.csv"');
});
