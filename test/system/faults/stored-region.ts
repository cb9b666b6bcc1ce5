// A region whose object store is in the hands of the test: it sees every request, and decides what becomes of it.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { type Fate, type S3Request, startS3 } from '../../base/objects/s3-server.ts';
import type { TestServer } from '../../servers.ts';
import { until } from '../../until.ts';
import { type LocalRegion, startRegion } from '../region.ts';
import { Service } from '../service.ts';

const bucket = 'kept';
const taskTimeoutMs = 120_000;
const ends = ['succeeded', 'failed', 'cancelled'];

/** As the API shows it. */
export interface ShownTask {
  readonly id: string;
  readonly state: string;
  readonly attempts: number;
  readonly error: string | null;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into results of every kind
  readonly result: any;
  readonly history: readonly { readonly outcome: string }[];
}

export class StoredRegion {
  readonly #s3: TestServer;
  readonly #client: S3Client;
  readonly #watch: { fateOf: (request: S3Request) => Fate };
  readonly region: LocalRegion;

  static async start(): Promise<StoredRegion> {
    const watch = { fateOf: (_request: S3Request): Fate => 'answered' };
    const s3 = await startS3(bucket, (request) => watch.fateOf(request));
    try {
      const env = { TSG_OBJECT_STORE: `s3://${bucket}`, TSG_S3_ENDPOINT: s3.endpoint };
      return new StoredRegion(s3, watch, await startRegion({ env }));
    } catch (error) {
      await s3.stop();
      throw error;
    }
  }

  private constructor(s3: TestServer, watch: { fateOf: (request: S3Request) => Fate }, region: LocalRegion) {
    this.#s3 = s3;
    this.#watch = watch;
    this.region = region;
    const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
    this.#client = new S3Client({ region: 'eu-west-1', endpoint: s3.endpoint, forcePathStyle: true, credentials });
  }

  async stop(): Promise<void> {
    this.watch(() => 'answered');
    try {
      await this.region.stop();
    } finally {
      this.#client.destroy();
      await this.#s3.stop();
    }
  }

  get service(): Service {
    return new Service(this.region.url, this.region.adminToken);
  }

  /** Until the next call, every request of the region is asked for here. */
  watch(fateOf: (request: S3Request) => Fate): void {
    this.#watch.fateOf = fateOf;
  }

  async keys(pattern: RegExp): Promise<string[]> {
    const { Contents = [] } = await this.#client.send(new ListObjectsV2Command({ Bucket: bucket }));
    return Contents.map(({ Key }) => Key!).filter((key) => pattern.test(key));
  }

  async object(key: string): Promise<Buffer> {
    const { Body } = await this.#client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    return Buffer.from(await Body!.transformToByteArray());
  }

  async putObject(key: string, bytes: Buffer): Promise<void> {
    await this.#client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: bytes }));
  }

  /** Asks for something that becomes a task; its id. The parts of the region may be on their way back from a fault. */
  async begin(path: string, body?: object, method = 'POST'): Promise<string> {
    return until(
      `${path} to be taken`,
      async () => {
        const reply = await this.service.ask(path, { method, ...(body && { body }) }).catch(() => undefined);
        assert.ok(!reply || reply.status === 202 || reply.status === 503, reply?.text);
        return reply?.status === 202 && reply.json.task.id;
      },
      30_000,
    );
  }

  async ended(id: string): Promise<ShownTask> {
    return until(
      `task ${id} to end`,
      async () => {
        const reply = await this.service.ask(`/v1/tasks/${id}`).catch(() => undefined);
        return ends.includes(reply?.json?.task?.state) && reply!.json.task;
      },
      taskTimeoutMs,
    );
  }

  async succeeded(id: string): Promise<ShownTask> {
    const task = await this.ended(id);
    assert.equal(task.state, 'succeeded', task.error ?? '');
    return task;
  }

  /** Parts of an upload, in the order of the file; the import's task. */
  async upload(database: string, bytes: Buffer, parts: number): Promise<string> {
    const path = `/v1/databases/${database}/imports`;
    const id = await this.begin(path, { source: { upload: true }, format: 'line-protocol' });
    const packed = gzipSync(bytes, { level: 1 });
    const partBytes = Math.ceil(packed.length / parts);
    for (let n = 0; n < parts; n++) {
      const part = packed.subarray(n * partBytes, (n + 1) * partBytes);
      const reply = await this.service.ask(`${path}/${id}/parts/${n + 1}`, { method: 'PUT', body: part });
      assert.ok(reply.status < 300, reply.text);
    }
    return id;
  }

  async startImport(database: string, id: string): Promise<void> {
    await this.begin(`/v1/databases/${database}/imports/${id}/start`);
  }

  /** What an export of the series `m` has written, its checksums compared. */
  async exported(database: string, id: string): Promise<Buffer> {
    await this.succeeded(id);
    const { json, text } = await this.service.ask(`/v1/databases/${database}/exports/${id}`);
    const parts: Buffer[] = [];
    assert.ok(json?.files, text);
    for (const { url, bytes, sha256 } of json.files) {
      const content = Buffer.from(await (await fetch(url)).arrayBuffer());
      assert.deepEqual([content.length, createHash('sha256').update(content).digest('hex')], [bytes, sha256]);
      parts.push(gunzipSync(content));
    }
    return Buffer.concat(parts);
  }

  async beginExport(database: string, splitRows: number): Promise<string> {
    const asked = { series: 'm', format: 'line-protocol', compression: 'gzip', splitRows };
    return this.begin(`/v1/databases/${database}/exports`, asked);
  }

  /** Every point of a database, as lines in the order of their times. */
  async contents(database: string): Promise<Buffer> {
    return this.exported(database, await this.beginExport(database, 10_000_000));
  }

  async sameContents(database: string, expected: Buffer): Promise<void> {
    const found = await this.contents(database);
    assert.ok(found.equals(expected), `${database} has ${found.length} bytes of lines, not ${expected.length}`);
  }
}
