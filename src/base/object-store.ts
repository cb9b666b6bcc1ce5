// Bytes that are no points: backups, imports, exports, journals. S3 on AWS, a directory on one machine.

import type { Readable } from 'node:stream';

export interface StoredObject {
  readonly key: string;
  readonly bytes: number;
  /** Of the last change. */
  readonly at: Date;
}

export interface ByteRange {
  readonly from: number;
  /** Undefined: to the end. */
  readonly bytes?: number | undefined;
}

export interface UploadedPart {
  readonly number: number;
  readonly bytes: number;
}

export interface ObjectStore {
  /** Small, whole; replaces what is there. */
  put(key: string, bytes: Uint8Array | string): Promise<void>;
  /** Empty when the range begins behind the end. Throws ObjectNotFound. */
  get(key: string, range?: ByteRange): Promise<Readable>;
  head(key: string): Promise<{ readonly bytes: number; readonly at: Date } | undefined>;
  /** In the order of keys. */
  list(prefix: string): AsyncIterable<StoredObject>;
  /** Nothing happens when there is none. */
  remove(key: string): Promise<void>;
  /** In parts, each of 5 MiB or more but the last; there must be one. What is uploaded can be seen under its key once it is finished. */
  startUpload(key: string): Promise<string>;
  /** Numbers begin with 1; a number given again replaces its part. Throws UploadNotFound. */
  putPart(key: string, uploadId: string, number: number, bytes: Uint8Array): Promise<void>;
  /** In the order of numbers. Throws UploadNotFound. */
  listParts(key: string, uploadId: string): Promise<readonly UploadedPart[]>;
  /** Nothing happens when it is finished already; throws UploadNotFound when neither the upload nor the object is there. */
  finishUpload(key: string, uploadId: string): Promise<void>;
  abortUpload(key: string, uploadId: string): Promise<void>;
  /** An address from which anyone can download it for a while. */
  link(key: string, options: LinkOptions): Promise<string>;
}

export interface LinkOptions {
  /** That the browser saves it under. */
  readonly fileName: string;
  /** At most 7 days: S3 signs for no longer. */
  readonly expiresS: number;
}

export class ObjectNotFound extends Error {
  constructor(key: string) {
    super(`there is no object ${key}`);
  }
}

/** Finished, aborted, or left over for so long that it was removed. */
export class UploadNotFound extends Error {
  constructor(key: string) {
    super(`the upload of ${key} is gone`);
  }
}

/** The store does not answer or cannot keep more. The message names neither addresses nor paths: these are in the cause. */
export class ObjectStoreFault extends Error {
  readonly full: boolean;

  constructor(cause: unknown, { full = false } = {}) {
    super(full ? 'the object store is full' : 'the object store does not answer', { cause });
    this.full = full;
  }
}

/** Keys are paths of plain names, so that they mean the same to every store, to an address and to a shell. */
export function checkKey(key: string): string {
  const plain =
    key.length <= 900 && key.split('/').every((name) => /^[\w.=-]{1,200}$/.test(name) && !/^\.+$/.test(name));
  if (!plain) throw new RangeError(`${JSON.stringify(key.slice(0, 100))} cannot be the key of an object`);
  return key;
}
