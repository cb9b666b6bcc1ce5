import { Readable } from 'node:stream';
import { type ObjectStore, ObjectStoreFault } from '../../../src/base/object-store.ts';

/** Every fifth request fails: one half of them before, one half after it was done; a download breaks off in its middle. */
export function faulty(store: ObjectStore, every = 5): ObjectStore {
  let requests = 0;

  async function sometimes<T>(work: () => Promise<T>): Promise<T> {
    requests++;
    if (requests % every !== 0) return work();
    if (requests % (2 * every) === 0) await work();
    throw new ObjectStoreFault(new Error('a fault of this test'));
  }
  return {
    put: (key, bytes) => sometimes(() => store.put(key, bytes)),
    get: async (key, range) => {
      const breaks = (requests + 1) % every === 0;
      if (!breaks) return sometimes(() => store.get(key, range));
      requests++;
      return Readable.from(brokenOff(await store.get(key, range)), { objectMode: false });
    },
    head: (key) => sometimes(() => store.head(key)),
    async *list(prefix) {
      const breaks = ++requests % every === 0;
      for await (const each of store.list(prefix)) {
        yield each;
        if (breaks) break;
      }
      if (breaks) throw new ObjectStoreFault(new Error('the connection was lost'));
    },
    remove: (key) => sometimes(() => store.remove(key)),
    startUpload: (key) => sometimes(() => store.startUpload(key)),
    putPart: (key, uploadId, number, bytes) => sometimes(() => store.putPart(key, uploadId, number, bytes)),
    listParts: (key, uploadId) => sometimes(() => store.listParts(key, uploadId)),
    finishUpload: (key, uploadId) => sometimes(() => store.finishUpload(key, uploadId)),
    abortUpload: (key, uploadId) => sometimes(() => store.abortUpload(key, uploadId)),
    link: (key, options) => store.link(key, options),
  };
}

async function* brokenOff(stream: Readable): AsyncGenerator<Buffer> {
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    yield chunk.subarray(0, chunk.length >> 1);
    throw new Error('the connection was lost');
  }
}
