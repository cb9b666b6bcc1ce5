import { createHash } from 'node:crypto';
import type { ObjectStore } from '../object-store.ts';

/** At most 10,000 of them make an object: 80 GB. */
const partBytes = 8 * 1024 * 1024;

export interface UploadedStream {
  readonly bytes: number;
  readonly sha256: string;
}

/** Stores what comes, however much, in two buffers of 8 MiB: while one is sent the other is filled. Nothing is seen of it until all is there. */
export async function uploadStream(
  store: ObjectStore,
  key: string,
  source: AsyncIterable<Uint8Array>,
  signal?: AbortSignal,
): Promise<UploadedStream> {
  const upload = new Upload(store, key);
  try {
    for await (const chunk of source) {
      signal?.throwIfAborted();
      await upload.add(chunk);
    }
    return await upload.end();
  } catch (error) {
    await upload.abort();
    throw error;
  }
}

class Upload {
  readonly #store: ObjectStore;
  readonly #key: string;
  readonly #hash = createHash('sha256');
  #uploadId: string | undefined;
  #number = 0;
  #bytes = 0;
  #filling = Buffer.allocUnsafeSlow(partBytes);
  #filled = 0;
  #spare: Buffer<ArrayBuffer> | undefined;
  #sending: Promise<void> = Promise.resolve();

  constructor(store: ObjectStore, key: string) {
    this.#store = store;
    this.#key = key;
  }

  async add(chunk: Uint8Array): Promise<void> {
    this.#hash.update(chunk);
    this.#bytes += chunk.length;
    for (let done = 0; done < chunk.length; ) {
      const some = chunk.subarray(done, done + partBytes - this.#filled);
      this.#filling.set(some, this.#filled);
      this.#filled += some.length;
      done += some.length;
      if (this.#filled === partBytes) await this.#send();
    }
  }

  async end(): Promise<UploadedStream> {
    const last = this.#filling.subarray(0, this.#filled);
    if (this.#uploadId === undefined) {
      await this.#store.put(this.#key, last);
    } else {
      if (this.#filled > 0) await this.#send();
      await this.#sending;
      await this.#store.finishUpload(this.#key, this.#uploadId);
    }
    return { bytes: this.#bytes, sha256: this.#hash.digest('hex') };
  }

  async abort(): Promise<void> {
    await this.#sending.catch(() => {});
    // What cannot be aborted now is removed as a leftover.
    if (this.#uploadId !== undefined) await this.#store.abortUpload(this.#key, this.#uploadId).catch(() => {});
  }

  async #send(): Promise<void> {
    this.#uploadId ??= await this.#store.startUpload(this.#key);
    await this.#sending;
    const full = this.#filling;
    this.#sending = this.#store.putPart(this.#key, this.#uploadId, ++this.#number, full.subarray(0, this.#filled));
    // Its failure is thrown by whoever waits for it next.
    this.#sending.catch(() => {});
    this.#filling = this.#spare ?? Buffer.allocUnsafeSlow(partBytes);
    this.#spare = full;
    this.#filled = 0;
  }
}
