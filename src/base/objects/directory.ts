import { randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm, rmdir, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  type ByteRange,
  checkKey,
  type LinkOptions,
  ObjectNotFound,
  type ObjectStore,
  ObjectStoreFault,
  type StoredObject,
  type UploadedPart,
  UploadNotFound,
} from '../object-store.ts';

/** At once: a stream of Node reads 64 KB. */
const readBytes = 512 * 1024;
const leftoverAfterMs = 24 * 60 * 60_000;
/** An object removed at the same time may take an emptied directory with it. */
const renameAttempts = 5;

interface DirectoryStoreOptions {
  readonly path: string;
  readonly link: (key: string, options: LinkOptions) => string;
}

/**
 * `objects/` has the objects, `uploads/` what is not whole yet: a file per put, a directory per upload. Several processes may use
 * the same directory: an object appears by a rename, after its bytes are on the disk.
 */
export class DirectoryStore implements ObjectStore {
  readonly #objects: string;
  readonly #uploads: string;
  readonly #link: DirectoryStoreOptions['link'];

  constructor({ path, link }: DirectoryStoreOptions) {
    this.#objects = join(path, 'objects');
    this.#uploads = join(path, 'uploads');
    this.#link = link;
  }

  put(key: string, bytes: Uint8Array | string): Promise<void> {
    return this.#guard(async () => {
      await mkdir(this.#uploads, { recursive: true });
      const temporary = join(this.#uploads, randomUUID());
      await writeWhole(temporary, bytes);
      await this.#publish(temporary, key);
    });
  }

  get(key: string, { from, bytes }: ByteRange = { from: 0 }): Promise<Readable> {
    return this.#guard(async () => {
      const file = await open(this.#pathOf(key)).catch((error) => {
        throw isMissing(error) ? new ObjectNotFound(key) : error;
      });
      if (bytes !== undefined && bytes <= 0) {
        await file.close();
        return Readable.from([]);
      }
      const end = bytes === undefined ? Infinity : from + bytes - 1;
      return createReadStream('', { fd: file, start: from, end, highWaterMark: readBytes });
    });
  }

  head(key: string): Promise<{ bytes: number; at: Date } | undefined> {
    return this.#guard(async () => {
      const found = await orNothing(stat(this.#pathOf(key)));
      return found?.isFile() ? { bytes: found.size, at: found.mtime } : undefined;
    });
  }

  list(prefix: string): AsyncIterable<StoredObject> {
    return this.#walk('', prefix);
  }

  async *#walk(directory: string, prefix: string): AsyncGenerator<StoredObject> {
    const entries = await this.#guard(() =>
      orNothing(readdir(join(this.#objects, directory), { withFileTypes: true })),
    );
    // A directory's name counts with its slash: that is the order of keys.
    const names = (entries ?? []).map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort(byBytes);
    for (const name of names) {
      const key = directory + name;
      if (!key.startsWith(prefix) && !prefix.startsWith(key)) continue;
      if (name.endsWith('/')) {
        yield* this.#walk(key, prefix);
        continue;
      }
      const found = key.startsWith(prefix) ? await this.head(key) : undefined;
      if (found) yield { key, ...found };
    }
  }

  remove(key: string): Promise<void> {
    return this.#guard(async () => {
      const path = this.#pathOf(key);
      await orNothing(unlink(path));
      // Emptied directories go with it, up to the first that is not empty.
      for (let parent = dirname(path); parent !== this.#objects; parent = dirname(parent)) {
        const isEmpty = await rmdir(parent).then(
          () => true,
          () => false,
        );
        if (!isEmpty) return;
      }
    });
  }

  startUpload(key: string): Promise<string> {
    return this.#guard(async () => {
      checkKey(key);
      const uploadId = randomUUID();
      await mkdir(join(this.#uploads, uploadId), { recursive: true });
      return uploadId;
    });
  }

  putPart(key: string, uploadId: string, number: number, bytes: Uint8Array): Promise<void> {
    return this.#guard(async () => {
      const directory = this.#uploadOf(key, uploadId);
      const temporary = join(directory, randomUUID());
      try {
        await writeWhole(temporary, bytes);
        await rename(temporary, join(directory, String(number)));
        await syncDirectory(directory);
      } catch (error) {
        throw isMissing(error) ? new UploadNotFound(key) : error;
      }
    });
  }

  listParts(key: string, uploadId: string): Promise<readonly UploadedPart[]> {
    return this.#guard(async () => {
      const directory = this.#uploadOf(key, uploadId);
      const names = await orNothing(readdir(directory));
      if (!names) throw new UploadNotFound(key);
      const numbers = names.filter((name) => /^\d+$/.test(name)).map(Number);
      return Promise.all(
        numbers
          .sort((a, b) => a - b)
          .map(async (number) => ({ number, bytes: (await stat(join(directory, String(number)))).size })),
      );
    });
  }

  finishUpload(key: string, uploadId: string): Promise<void> {
    return this.#guard(async () => {
      const directory = this.#uploadOf(key, uploadId);
      const parts = await this.listParts(key, uploadId).catch(async (error) => {
        if (error instanceof UploadNotFound && (await this.head(key))) return undefined;
        throw error;
      });
      if (!parts) return;
      if (parts.length === 0) throw new RangeError(`the upload of ${key} has no parts`);
      const whole = join(directory, 'whole');
      await concatenate(
        parts.map(({ number }) => join(directory, String(number))),
        whole,
      );
      await this.#publish(whole, key);
      await rm(directory, { recursive: true, force: true });
    });
  }

  abortUpload(key: string, uploadId: string): Promise<void> {
    return this.#guard(() => rm(this.#uploadOf(key, uploadId), { recursive: true, force: true }));
  }

  async link(key: string, options: LinkOptions): Promise<string> {
    return this.#link(checkKey(key), options);
  }

  /** Of uploads and puts that nobody has gone on with for a day. */
  async removeLeftovers(nowMs: number): Promise<void> {
    for (const name of (await orNothing(readdir(this.#uploads))) ?? []) {
      const path = join(this.#uploads, name);
      const found = await orNothing(stat(path));
      if (found && found.mtimeMs < nowMs - leftoverAfterMs) await rm(path, { recursive: true, force: true });
    }
  }

  async #publish(temporary: string, key: string): Promise<void> {
    const path = this.#pathOf(key);
    for (let attempt = 1; ; attempt++) {
      const made = await mkdir(dirname(path), { recursive: true });
      try {
        await rename(temporary, path);
      } catch (error) {
        if (isMissing(error) && attempt < renameAttempts) continue;
        throw error;
      }
      await syncDirectory(dirname(path));
      if (made === undefined) return;
      for (let child = dirname(path); child.length >= made.length; child = dirname(child))
        await syncDirectory(dirname(child));
      return;
    }
  }

  #pathOf(key: string): string {
    return join(this.#objects, checkKey(key));
  }

  #uploadOf(key: string, uploadId: string): string {
    checkKey(key);
    if (!/^[0-9a-f-]{36}$/.test(uploadId)) throw new UploadNotFound(key);
    return join(this.#uploads, uploadId);
  }

  async #guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === undefined || code.startsWith('ERR_')) throw error;
      throw new ObjectStoreFault(error, { full: code === 'ENOSPC' || code === 'EDQUOT' });
    }
  }
}

async function writeWhole(path: string, bytes: Uint8Array | string): Promise<void> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'w', 0o600);
    await file.writeFile(bytes);
    await file.sync();
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file?.close();
  }
}

async function concatenate(paths: readonly string[], whole: string): Promise<void> {
  if (paths.length === 1) return rename(paths[0]!, whole);
  await rm(whole, { force: true });
  try {
    for (const path of paths)
      await pipeline(createReadStream(path), createWriteStream(whole, { flags: 'a', mode: 0o600 }));
    await using file = await open(whole, 'r+');
    await file.sync();
  } catch (error) {
    await rm(whole, { force: true });
    throw error;
  }
}

async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, 'r');
  await directory.sync();
}

async function orNothing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

function byBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
