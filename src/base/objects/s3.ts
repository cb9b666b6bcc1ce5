import { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  paginateListObjectsV2,
  paginateListParts,
  S3Client,
  type S3ServiceException,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
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
import { attachment } from './links.ts';

interface S3StoreOptions {
  readonly region: string;
  readonly bucket: string;
  /** Of every key, without a slash at its end; may be empty. */
  readonly prefix: string;
  /** Undefined: AWS's own. */
  readonly endpoint: string | undefined;
}

interface S3Part extends UploadedPart {
  readonly etag: string;
}

export class S3Store implements ObjectStore {
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #prefix: string;

  constructor({ region, bucket, prefix, endpoint }: S3StoreOptions) {
    this.#client = new S3Client({
      region,
      // Repeated by withRetries, which also goes on with a download that breaks off.
      maxAttempts: 1,
      requestHandler: { connectionTimeout: 3_000, socketTimeout: 60_000 },
      ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
    });
    this.#bucket = bucket;
    this.#prefix = prefix === '' ? '' : `${prefix}/`;
  }

  async put(key: string, bytes: Uint8Array | string): Promise<void> {
    await guard(
      key,
      this.#client.send(
        new PutObjectCommand({ ...this.#at(key), Body: typeof bytes === 'string' ? Buffer.from(bytes) : bytes }),
      ),
    );
  }

  async get(key: string, { from, bytes }: ByteRange = { from: 0 }): Promise<Readable> {
    if (bytes !== undefined && bytes <= 0) return this.#emptyOf(key);
    const range =
      from === 0 && bytes === undefined
        ? {}
        : { Range: `bytes=${from}-${bytes === undefined ? '' : from + bytes - 1}` };
    try {
      const { Body } = await this.#client.send(new GetObjectCommand({ ...this.#at(key), ...range }));
      return Body as Readable;
    } catch (error) {
      if (statusOf(error) === 416) return this.#emptyOf(key);
      throw faultOf(key, error);
    }
  }

  async #emptyOf(key: string): Promise<Readable> {
    if (!(await this.head(key))) throw new ObjectNotFound(key);
    return Readable.from([]);
  }

  async head(key: string): Promise<{ bytes: number; at: Date } | undefined> {
    try {
      const { ContentLength, LastModified } = await this.#client.send(new HeadObjectCommand(this.#at(key)));
      return { bytes: ContentLength ?? 0, at: LastModified ?? new Date(0) };
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw faultOf(key, error);
    }
  }

  async *list(prefix: string): AsyncIterable<StoredObject> {
    const pages = paginateListObjectsV2(
      { client: this.#client },
      { Bucket: this.#bucket, Prefix: this.#prefix + prefix },
    );
    try {
      for await (const { Contents = [] } of pages) {
        for (const { Key, Size, LastModified } of Contents) {
          yield { key: Key!.slice(this.#prefix.length), bytes: Size ?? 0, at: LastModified ?? new Date(0) };
        }
      }
    } catch (error) {
      throw faultOf(prefix, error);
    }
  }

  async remove(key: string): Promise<void> {
    await guard(key, this.#client.send(new DeleteObjectCommand(this.#at(key))));
  }

  async startUpload(key: string): Promise<string> {
    const { UploadId } = await guard(key, this.#client.send(new CreateMultipartUploadCommand(this.#at(key))));
    return UploadId!;
  }

  async putPart(key: string, uploadId: string, number: number, bytes: Uint8Array): Promise<void> {
    const part = { ...this.#at(key), UploadId: uploadId, PartNumber: number, Body: bytes };
    await guard(key, this.#client.send(new UploadPartCommand(part)));
  }

  async listParts(key: string, uploadId: string): Promise<readonly S3Part[]> {
    const found: S3Part[] = [];
    try {
      const pages = paginateListParts({ client: this.#client }, { ...this.#at(key), UploadId: uploadId });
      for await (const { Parts = [] } of pages) {
        for (const { PartNumber, Size, ETag } of Parts)
          found.push({ number: PartNumber!, bytes: Size ?? 0, etag: ETag! });
      }
    } catch (error) {
      throw faultOf(key, error);
    }
    return found;
  }

  async finishUpload(key: string, uploadId: string): Promise<void> {
    try {
      const parts = await this.listParts(key, uploadId);
      if (parts.length === 0) throw new RangeError(`the upload of ${key} has no parts`);
      const MultipartUpload = { Parts: parts.map(({ number, etag }) => ({ PartNumber: number, ETag: etag })) };
      const whole = new CompleteMultipartUploadCommand({ ...this.#at(key), UploadId: uploadId, MultipartUpload });
      await guard(key, this.#client.send(whole));
    } catch (error) {
      if (!(error instanceof UploadNotFound && (await this.head(key)))) throw error;
    }
  }

  async abortUpload(key: string, uploadId: string): Promise<void> {
    try {
      await guard(key, this.#client.send(new AbortMultipartUploadCommand({ ...this.#at(key), UploadId: uploadId })));
    } catch (error) {
      if (!(error instanceof UploadNotFound)) throw error;
    }
  }

  link(key: string, { fileName, expiresS }: LinkOptions): Promise<string> {
    const command = new GetObjectCommand({ ...this.#at(key), ResponseContentDisposition: attachment(fileName) });
    return getSignedUrl(this.#client, command, { expiresIn: expiresS });
  }

  #at(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.#bucket, Key: this.#prefix + checkKey(key) };
  }
}

async function guard<T>(key: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw faultOf(key, error);
  }
}

function faultOf(key: string, error: unknown): Error {
  const { name } = error as Error;
  if (name === 'NoSuchKey') return new ObjectNotFound(key);
  if (name === 'NoSuchUpload') return new UploadNotFound(key);
  // Refused here, before any request.
  if (error instanceof RangeError) return error;
  return new ObjectStoreFault(error);
}

function statusOf(error: unknown): number | undefined {
  return (error as Partial<S3ServiceException>).$metadata?.httpStatusCode;
}
