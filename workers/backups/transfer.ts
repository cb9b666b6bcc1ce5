// Bytes on their way to and from the object store: in constant memory, and never unchecked.

import { createHash, type Hash } from 'node:crypto';
import { ObjectNotFound, type ObjectStore, type UploadedPart, UploadNotFound } from '../../src/base/object-store.ts';

/** Half as many times two files that are under way are what a worker holds. */
const partBytes = 8 * 1024 * 1024;

export interface Contents {
  readonly bytes: number;
  readonly sha256: string;
}

export interface UploadOptions {
  readonly signal: AbortSignal;
  /** Of an attempt that was broken off: its parts are not sent again. */
  readonly uploadId?: string | undefined;
  /** Called before the first part of a new upload. */
  readonly started?: (uploadId: string) => void;
  readonly onBytes?: (bytes: number) => void;
  /** What the contents must be; others are never finished. */
  readonly expected?: Contents;
}

/** What is small goes as a whole, the rest in parts. */
export async function uploadContents(
  store: ObjectStore,
  key: string,
  source: AsyncIterable<Uint8Array>,
  { signal, uploadId: before, started, onBytes, expected }: UploadOptions,
): Promise<Contents> {
  const hash = createHash('sha256');
  let bytes = 0;
  let number = 0;
  let upload: { readonly id: string; readonly parts: readonly UploadedPart[] } | undefined;
  let waiting: Buffer | undefined;
  for await (const part of partsOf(source)) {
    signal.throwIfAborted();
    hash.update(part);
    bytes += part.length;
    if (waiting) {
      upload ??= await openUpload(store, key, before, started);
      await sendPart(store, key, upload, ++number, waiting);
    }
    waiting = part;
    onBytes?.(part.length);
  }
  const last = waiting ?? Buffer.alloc(0);
  const contents = { bytes, sha256: hash.digest('hex') };
  if (expected && expected.sha256 !== contents.sha256) {
    if (upload) await store.abortUpload(key, upload.id);
    throw new Error('a file of the database is not what its checksum says', { cause: new Error(key) });
  }
  if (upload) {
    await sendPart(store, key, upload, ++number, last);
    await store.finishUpload(key, upload.id);
  } else await store.put(key, last);
  return contents;
}

async function openUpload(
  store: ObjectStore,
  key: string,
  before: string | undefined,
  started: ((uploadId: string) => void) | undefined,
): Promise<{ id: string; parts: readonly UploadedPart[] }> {
  if (before !== undefined) {
    try {
      return { id: before, parts: await store.listParts(key, before) };
    } catch (error) {
      if (!(error instanceof UploadNotFound)) throw error;
    }
  }
  const id = await store.startUpload(key);
  started?.(id);
  return { id, parts: [] };
}

/** The same part of the same contents was checked by its length; all of it is read back in the end. */
async function sendPart(
  store: ObjectStore,
  key: string,
  { id, parts }: { readonly id: string; readonly parts: readonly UploadedPart[] },
  number: number,
  part: Buffer,
): Promise<void> {
  if (parts.some((each) => each.number === number && each.bytes === part.length)) return;
  await store.putPart(key, id, number, part);
}

async function* partsOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let part = Buffer.allocUnsafe(partBytes);
  let length = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; ) {
      const taken = Math.min(chunk.length - at, partBytes - length);
      part.set(chunk.subarray(at, at + taken), length);
      length += taken;
      at += taken;
      if (length < partBytes) continue;
      yield part;
      part = Buffer.allocUnsafe(partBytes);
      length = 0;
    }
  }
  if (length > 0) yield part.subarray(0, length);
}

/** Reads an object to its end: false when it is not there or holds something else. */
export async function holds(store: ObjectStore, key: string, sha256: string, signal: AbortSignal): Promise<boolean> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of (await store.get(key)) as AsyncIterable<Uint8Array>) {
      signal.throwIfAborted();
      hash.update(chunk);
    }
  } catch (error) {
    if (error instanceof ObjectNotFound) return false;
    throw error;
  }
  return hash.digest('hex') === sha256;
}

/** The same bytes; they count towards the hash as they pass. */
export async function* hashed(source: AsyncIterable<Uint8Array>, hash: Hash): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    hash.update(chunk);
    yield chunk;
  }
}

/** Runs the work for 0 … count - 1, so many at once; `done` hears up to where everything is done. The first failure ends it. */
export async function inLanes(
  { from, count, lanes }: { readonly from: number; readonly count: number; readonly lanes: number },
  work: (index: number) => Promise<void>,
  done: (upTo: number) => Promise<void>,
): Promise<void> {
  let next = from;
  let upTo = from;
  let failed = false;
  const finished = new Set<number>();
  const lane = async (): Promise<void> => {
    while (next < count && !failed) {
      const index = next++;
      try {
        await work(index);
        finished.add(index);
        while (finished.delete(upTo)) upTo++;
        await done(upTo);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const results = await Promise.allSettled(Array.from({ length: lanes }, lane));
  const fault = results.find((result) => result.status === 'rejected');
  if (fault) throw fault.reason;
}
