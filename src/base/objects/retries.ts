import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { type ByteRange, type ObjectStore, ObjectStoreFault, type StoredObject } from '../object-store.ts';

const attempts = 6;
const firstDelayMs = 100;

/** The same store; a request that fails is made again, up to six times in about 3 s, and a download goes on where it broke off. */
export function withRetries(store: ObjectStore): ObjectStore {
  return {
    put: (key, bytes) => retried(() => store.put(key, bytes)),
    get: async (key, range = { from: 0 }) => {
      const first = await retried(() => store.get(key, range));
      return Readable.from(whole(store, key, range, first), { objectMode: false });
    },
    head: (key) => retried(() => store.head(key)),
    list: (prefix) => listed(store, prefix),
    remove: (key) => retried(() => store.remove(key)),
    startUpload: (key) => retried(() => store.startUpload(key)),
    putPart: (key, uploadId, number, bytes) => retried(() => store.putPart(key, uploadId, number, bytes)),
    listParts: (key, uploadId) => retried(() => store.listParts(key, uploadId)),
    finishUpload: (key, uploadId) => retried(() => store.finishUpload(key, uploadId)),
    abortUpload: (key, uploadId) => retried(() => store.abortUpload(key, uploadId)),
    link: (key, options) => retried(() => store.link(key, options)),
  };
}

async function retried<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof ObjectStoreFault) || error.full || attempt === attempts) throw error;
      await delay(backoffMs(attempt));
    }
  }
}

async function* whole(store: ObjectStore, key: string, range: ByteRange, first: Readable): AsyncGenerator<Buffer> {
  let stream = first;
  let done = 0;
  for (let failed = 0; ; ) {
    try {
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        yield chunk;
        done += chunk.length;
        failed = 0;
      }
      return;
    } catch (error) {
      failed++;
      if (failed === attempts) throw new ObjectStoreFault(error);
    } finally {
      stream.destroy();
    }
    await delay(backoffMs(failed));
    const left = range.bytes === undefined ? {} : { bytes: range.bytes - done };
    stream = await retried(() => store.get(key, { from: range.from + done, ...left }));
  }
}

async function* listed(store: ObjectStore, prefix: string): AsyncGenerator<StoredObject> {
  let last = '';
  for (let failed = 0; ; ) {
    try {
      for await (const each of store.list(prefix)) {
        if (each.key <= last) continue;
        yield each;
        last = each.key;
        failed = 0;
      }
      return;
    } catch (error) {
      failed++;
      if (!(error instanceof ObjectStoreFault) || failed === attempts) throw error;
      await delay(backoffMs(failed));
    }
  }
}

/** 0.1, 0.2, 0.4 … s, less up to a half, so that many that failed together do not come again together. */
function backoffMs(failed: number): number {
  return firstDelayMs * 2 ** (failed - 1) * (0.5 + Math.random() / 2);
}
