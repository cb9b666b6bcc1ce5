// S3, in this process: fauxqs with the one call that it does not have, ListParts.

import { createHash } from 'node:crypto';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { buildApp } from 'fauxqs';
import type { TestServer } from '../../servers.ts';

interface PartRequest {
  readonly uploadId?: string;
  readonly partNumber?: string;
}

/** With a bucket of that name. */
export async function startS3(bucket: string): Promise<TestServer> {
  const app = buildApp({ logger: false, defaultRegion: 'eu-west-1' });
  const uploads = new Map<string, Map<number, { bytes: number; etag: string }>>();
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
  const client = new S3Client({ region: 'eu-west-1', endpoint, forcePathStyle: true });
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
