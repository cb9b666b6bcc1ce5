// A file from an HTTPS address into the object store, part by part. It is stored first and imported then: what is imported stays the same however
// often the import has to go on, and Parquet is read from its end. A download that broke off goes on by Range where the server takes that.

import type { IncomingMessage } from 'node:http';
import { Agent, get, type RequestOptions } from 'node:https';
import { isIP } from 'node:net';
import type { ObjectStore } from '../../src/base/object-store.ts';
import { Permanent } from '../kinds/kind.ts';
import { checkedLookup, ForbiddenAddress, isPublic } from './address.ts';

const maxRedirects = 5;
/** Without a byte for so long, the server is gone. */
const idleMs = 30_000;
/** At most 10,000 parts make an object. */
const partBytes = 8 * 1024 * 1024;

export interface DownloadLimits {
  readonly maxBytes: number;
  /** Besides 443, and addresses that are not public: for tests, and for networks where files lie on machines of one's own. */
  readonly ports: readonly number[];
  readonly isAllowed: (address: string) => boolean;
  /** Certificates beside those that Node trusts. */
  readonly ca?: string;
}

export const publicDownloads: DownloadLimits = { maxBytes: 80e9, ports: [443], isAllowed: isPublic };

/** Where a download is: parts that are there are in the object store. */
export interface DownloadState {
  readonly uploadId: string;
  /** Of the version that the parts are of; null: the server does not say, so it begins anew. */
  readonly etag: string | null;
}

export interface DownloadOptions {
  readonly objects: ObjectStore;
  readonly key: string;
  readonly limits: DownloadLimits;
  readonly signal: AbortSignal;
  readonly progress: (done: number, total: number | null) => void;
  readonly save: (state: DownloadState) => Promise<void>;
}

export async function download(url: string, state: DownloadState | null, options: DownloadOptions): Promise<void> {
  const { objects, key, limits, signal, progress, save } = options;
  const known = state?.etag ? await objects.listParts(key, state.uploadId).catch(() => []) : [];
  const from = known.reduce((sum, { bytes }) => sum + bytes, 0);
  const response = await follow(new URL(url), rangeHeaders(from, state?.etag ?? null), limits, signal);
  try {
    const resumed = response.statusCode === 206;
    if (resumed && !response.headers['content-range']?.startsWith(`bytes ${from}-`))
      throw new Permanent('the server sends another part of the file than it was asked for; upload the file instead');
    const etag = strongTag(response);
    // Nobody would know of it any more: its parts would stay, and cost.
    if (state && !resumed) await objects.abortUpload(key, state.uploadId);
    const uploadId = resumed && state ? state.uploadId : await objects.startUpload(key);
    if (!resumed) await save({ uploadId, etag });
    let done = resumed ? from : 0;
    const length = Number(response.headers['content-length'] ?? Number.NaN);
    const total = Number.isFinite(length) ? done + length : null;
    if ((total ?? 0) > limits.maxBytes) throw tooLarge(limits);
    let number = resumed ? known.length : 0;
    let waiting: Buffer[] = [];
    let waitingBytes = 0;
    const store = async (): Promise<void> => {
      await objects.putPart(key, uploadId, ++number, Buffer.concat(waiting));
      waiting = [];
      waitingBytes = 0;
    };
    for await (const chunk of response) {
      signal.throwIfAborted();
      waiting.push(chunk as Buffer);
      waitingBytes += (chunk as Buffer).length;
      done += (chunk as Buffer).length;
      if (done > limits.maxBytes) throw tooLarge(limits);
      if (waitingBytes >= partBytes) await store();
      progress(done, total);
    }
    if (total !== null && done !== total) throw new Error('the download broke off');
    if (waitingBytes > 0 || number === 0) await store();
    await objects.finishUpload(key, uploadId);
  } catch (error) {
    throw shown(error);
  } finally {
    response.destroy();
  }
}

/** If-Range: when the file has changed, all of it comes. */
function rangeHeaders(from: number, etag: string | null): Record<string, string> {
  return from > 0 && etag !== null ? { range: `bytes=${from}-`, 'if-range': etag } : {};
}

function strongTag({ headers }: IncomingMessage): string | null {
  const { etag } = headers;
  return etag === undefined || etag.startsWith('W/') || headers['accept-ranges'] === 'none' ? null : etag;
}

/** The answer that has the file, or the rest of it. */
async function follow(
  first: URL,
  headers: Record<string, string>,
  limits: DownloadLimits,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  let url = first;
  for (let redirects = 0; redirects <= maxRedirects; redirects++) {
    const response = await request(url, headers, limits, signal);
    const { statusCode = 0, headers: answered } = response;
    if (statusCode === 200 || (statusCode === 206 && headers['range'] !== undefined)) return response;
    response.destroy();
    if ([301, 302, 303, 307, 308].includes(statusCode) && answered.location !== undefined) {
      if (!URL.canParse(answered.location, url.href))
        throw new Permanent('the server redirects to what is no address; give the address of the file itself');
      url = new URL(answered.location, url.href);
      continue;
    }
    const message = `the server answers ${statusCode}`;
    throw statusCode >= 500 || statusCode === 429 || statusCode === 408
      ? new Error(message)
      : new Permanent(`${message}; correct the address, or sign it anew`);
  }
  throw new Permanent(`the address redirects more than ${maxRedirects} times; give the address of the file itself`);
}

function request(
  url: URL,
  headers: Record<string, string>,
  { ports, isAllowed, ca }: DownloadLimits,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const port = url.port === '' ? 443 : Number(url.port);
  if (url.protocol !== 'https:') throw new Permanent('only https addresses are fetched; give one, or upload the file');
  if (!ports.includes(port))
    throw new Permanent(`port ${port} is not fetched from; give an address on port 443, or upload the file`);
  if (url.username !== '' || url.password !== '')
    throw new Permanent('the address must not hold a password; give a signed one, or upload the file');
  // A host that is an address is not looked up.
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(host) !== 0 && !isAllowed(host)) throw forbidden();
  const options: RequestOptions = {
    headers: { 'accept-encoding': 'identity', 'user-agent': 'tsg-import', ...headers },
    lookup: checkedLookup(isAllowed),
    agent: new Agent({ keepAlive: false, ...(ca !== undefined && { ca }) }),
    timeout: idleMs,
    signal,
  };
  return new Promise((resolve, reject) => {
    const sent = get(url, options, resolve);
    sent.on('timeout', () => sent.destroy(new Error('the server does not answer')));
    sent.on('error', (error) => reject(shown(error)));
  });
}

function forbidden(): Error {
  return new Permanent('the address is not one of the public internet; upload the file instead');
}

function tooLarge({ maxBytes }: DownloadLimits): Error {
  return new Permanent(`the file has more than ${maxBytes} bytes; split it`);
}

/** What the owner of the task is told: nothing of who answered where. */
function shown(error: unknown): unknown {
  if (error instanceof ForbiddenAddress) return forbidden();
  if (error instanceof Permanent || (error as Error).name === 'AbortError') return error;
  const { code } = error as { code?: unknown };
  if (typeof code !== 'string') return error;
  if (code === 'ENOTFOUND') return new Permanent('the host of the address is unknown; correct the address');
  // OpenSSL's names: CERT_HAS_EXPIRED, DEPTH_ZERO_SELF_SIGNED_CERT, UNABLE_TO_VERIFY_LEAF_SIGNATURE, …
  if (/CERT|^UNABLE_TO_/.test(code))
    return new Permanent('the certificate of the server is not trusted; upload the file instead');
  return new Error('the download failed', { cause: error });
}
