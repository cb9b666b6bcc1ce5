// Files come from a real TLS server, whose certificate and address are allowed by the kind's limits.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { UploadNotFound } from '../../../src/base/object-store.ts';
import { importPrefix } from '../../../src/ingest/import.ts';
import type { DownloadLimits, DownloadState } from '../../../workers/import/download.ts';
import { Permanent } from '../../../workers/kinds/kind.ts';
import { requireProgram } from '../../programs.ts';
import { temporaryFolder } from '../../servers.ts';
import { importBench } from './import-run.ts';

type Answer = (request: IncomingMessage, response: ServerResponse, earlier: number) => void;

interface FileServer {
  readonly url: (path: string) => string;
  readonly limits: DownloadLimits;
  /** Headers of the requests that came. */
  readonly asked: IncomingMessage['headers'][];
}

async function fileServer(t: TestContext, answer: Answer): Promise<FileServer | undefined> {
  if (!requireProgram(t, 'openssl', 'apt-get install openssl')) return undefined;
  const folder = temporaryFolder();
  t.after(folder.remove);
  mkdirSync(folder.path, { recursive: true });
  const [key, cert] = [join(folder.path, 'key.pem'), join(folder.path, 'cert.pem')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  execFileSync('openssl', ['req', ...kind, ...subject, '-keyout', key, '-out', cert], { stdio: 'ignore' });
  const asked: IncomingMessage['headers'][] = [];
  const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) => {
    asked.push(request.headers);
    answer(request, response, asked.length - 1);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close().closeAllConnections());
  const { port } = server.address() as AddressInfo;
  const ca = readFileSync(cert, 'utf8');
  return {
    url: (path) => `https://localhost:${port}${path}`,
    limits: { maxBytes: 64e6, ports: [port], isAllowed: () => true, ca },
    asked,
  };
}

test('a file is fetched, also after redirects', async (t) => {
  const server = await fileServer(t, (request, response) => {
    const step = Number(request.url!.slice(1));
    if (step < 5) response.writeHead(302, { location: `/${step + 1}` }).end();
    else response.end('cpu v=1 1\ncpu v=2 2\n');
  });
  if (!server) return;
  const { run, points } = await importBench(t);
  const { limits, url } = server;
  assert.equal((await run({ source: { url: url('/0') } }, { limits })).rows, 2);
  assert.deepEqual(await points('cpu'), [
    { time: 1n, v: 1 },
    { time: 2n, v: 2 },
  ]);
  await assert.rejects(run({ source: { url: url('/-1') } }, { limits }), /redirects more than 5 times/);
});

const refused: readonly (readonly [what: string, answer: Answer, message: RegExp])[] = [
  ['a redirect to http', (_, response) => response.writeHead(301, { location: 'http://a/' }).end(), /only https/],
  ['a redirect inside', (_, response) => response.writeHead(307, { location: 'https://10.0.0.1/' }).end(), /public/],
  ['a size that is too large', (_, response) => response.writeHead(200, { 'content-length': 1e6 }).end(), /more than/],
  ['more bytes than allowed', (_, response) => response.end('x'.repeat(300_000)), /more than 200000 bytes/],
  ['not there', (_, response) => response.writeHead(404).end(), /answers 404/],
];
for (const [what, answer, message] of refused) {
  test(`${what} is refused`, async (t) => {
    const server = await fileServer(t, answer);
    if (!server) return;
    const { run } = await importBench(t);
    const isAllowed = (address: string): boolean => !address.startsWith('10.');
    const limits = { ...server.limits, ports: [...server.limits.ports, 443], isAllowed, maxBytes: 200_000 };
    await assert.rejects(
      run({ source: { url: server.url('/') } }, { limits }),
      (error: Error) => error instanceof Permanent && message.test(error.message),
    );
  });
}

test('an unknown certificate is refused; a server that fails is asked again later', async (t) => {
  const server = await fileServer(t, (_, response) => response.writeHead(503).end());
  if (!server) return;
  const { run } = await importBench(t);
  const source = { url: server.url('/') };
  const { ca: _ca, ...others } = server.limits;
  await assert.rejects(run({ source }, { limits: others }), /certificate of the server is not trusted; upload/);
  await assert.rejects(
    run({ source }, { limits: server.limits }),
    (error: Error) => !(error instanceof Permanent) && /answers 503/.test(error.message),
  );
});

const rows = 400;
const text = (version: number): Buffer =>
  Buffer.from(
    Array.from({ length: rows }, (_, i) => `cpu n=${i + version}i,s="${'x'.repeat(50_000)}" ${i}\n`).join(''),
  );
/** The first part is stored when so much has come. */
const partBytes = 8 * 1024 * 1024;

for (const isChanged of [false, true]) {
  test(`a download that is cut goes on ${isChanged ? 'anew when the file has changed' : 'where it was'}`, async (t) => {
    const files = [text(0), text(isChanged ? 1_000 : 0)];
    const server = await fileServer(t, (request, response, earlier) => {
      const file = files[Math.min(earlier, 1)]!;
      const etag = isChanged ? `"${earlier}"` : '"same"';
      if (earlier === 0) {
        response.writeHead(200, { etag, 'content-length': file.length });
        response.write(file.subarray(0, 1.5 * partBytes), () => setTimeout(() => response.destroy(), 50));
        return;
      }
      const from = request.headers['if-range'] === etag ? Number(/\d+/.exec(request.headers.range!)![0]) : 0;
      const range = { 'content-range': `bytes ${from}-${file.length - 1}/${file.length}` };
      response.writeHead(from > 0 ? 206 : 200, { etag, ...(from > 0 && range), 'content-length': file.length - from });
      response.end(file.subarray(from));
    });
    if (!server) return;
    const { run, points, objects } = await importBench(t);
    const checkpoint: { value: { download?: DownloadState } | null } = { value: null };
    const again = { taskId: 'cut', checkpoint, limits: server.limits };
    await assert.rejects(run({ source: { url: server.url('/') } }, again), /^Error: the download (failed|broke off)$/);
    const { uploadId } = checkpoint.value!.download!;
    const key = `${importPrefix('db-1', 'cut')}/download`;
    assert.equal((await objects.listParts(key, uploadId)).length, 1);
    assert.equal((await run({ source: { url: server.url('/') } }, again)).rows, rows);
    await assert.rejects(objects.listParts(key, uploadId), UploadNotFound);
    const [first, second] = server.asked;
    assert.equal(first?.range, undefined);
    assert.ok(Number(/^bytes=(\d+)-$/.exec(second!.range!)![1]) >= partBytes, second?.range);
    assert.equal(second?.['if-range'], isChanged ? '"0"' : '"same"');
    const found = (await points('cpu')) as { n: bigint }[];
    assert.deepEqual([found.length, found[7]?.n], [rows, isChanged ? 1_007n : 7n]);
  });
}
