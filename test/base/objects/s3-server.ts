// S3, in this process: fauxqs with the one call that it does not have, ListParts.

import { createHash } from 'node:crypto';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { buildApp } from 'fauxqs';
import type { TestServer } from '../../servers.ts';

interface PartRequest {
  readonly uploadId?: string;
  readonly partNumber?: string;
}

export interface S3Request {
  readonly method: string;
  readonly key: string;
}

/** What becomes of a request. Refused: nothing is done; lost: it is done, and nobody hears of it. */
export type Fate = 'answered' | 'refused' | 'lost';

/** With a bucket of that name. */
export async function startS3(
  bucket: string,
  fateOf: (request: S3Request) => Fate = () => 'answered',
): Promise<TestServer> {
  const app = buildApp({ logger: false, defaultRegion: 'eu-west-1' });
  const uploads = new Map<string, Map<number, { bytes: number; etag: string }>>();
  const lost = new WeakSet<object>();
  app.addHook('onRequest', async (request, reply) => {
    const key = decodeURIComponent(request.url.split('?', 1)[0]!).slice(`/${bucket}/`.length);
    const fate = fateOf({ method: request.method, key });
    if (fate === 'refused') return reply.code(503).send('');
    if (fate === 'lost') lost.add(request);
  });
  app.addHook('onSend', async (request) => {
    if (lost.has(request)) request.raw.destroy();
  });
  app.addHook('preHandler', async ({ method, query, body }, reply) => {
    const { uploadId, partNumber } = query as PartRequest;
    if (uploadId === undefined) return;
    if (method === 'PUT') {
      const bytes = body as Buffer;
      const parts = uploads.get(uploadId) ?? new Map();
      uploads.set(uploadId, parts.set(Number(partNumber), { bytes: bytes.length, etag: md5(bytes) }));
    }
    if (method === 'GET') {
      const parts = uploads.get(uploadId);
      reply.code(parts ? 200 : 404).type('application/xml');
      return reply.send(parts ? partList(parts) : '<Error><Code>NoSuchUpload</Code></Error>');
    }
  });
  app.addHook('onResponse', async ({ method, query }) => {
    const { uploadId, partNumber } = query as PartRequest;
    if (uploadId !== undefined && partNumber === undefined && method !== 'GET') uploads.delete(uploadId);
  });
  const endpoint = await app.listen({ port: 0, host: '127.0.0.1' });
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  const client = new S3Client({ region: 'eu-west-1', endpoint, forcePathStyle: true, credentials });
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  client.destroy();
  return { endpoint, stop: () => app.close() };
}

function partList(parts: ReadonlyMap<number, { bytes: number; etag: string }>): string {
  const items = [...parts]
    .sort(([a], [b]) => a - b)
    .map(
      ([number, { bytes, etag }]) =>
        `<Part><PartNumber>${number}</PartNumber><ETag>${etag}</ETag><Size>${bytes}</Size></Part>`,
    );
  return `<ListPartsResult><IsTruncated>false</IsTruncated>${items.join('')}</ListPartsResult>`;
}

function md5(bytes: Buffer): string {
  return createHash('md5').update(bytes).digest('hex');
}
