// Downloads from a store that has no addresses of its own: anyone may, with a link that this region has signed.

import { pipeline } from 'node:stream/promises';
import { apiError } from '../base/errors.ts';
import { checkKey, ObjectNotFound, ObjectStoreFault } from '../base/object-store.ts';
import { attachment, isSigned } from '../base/objects/links.ts';
import { idHeaders } from './request-ids.ts';
import { readParameters, single } from './schema.ts';
import type { Context, Step } from './step.ts';

interface LinkParameters {
  readonly name: string;
  readonly expires: string;
  readonly signature: string;
}

interface Span {
  readonly from: number;
  readonly bytes: number;
}

export const downloadObject: Step[] = [
  readParameters({
    type: 'object',
    required: ['name', 'expires', 'signature'],
    additionalProperties: false,
    properties: { name: single, expires: single, signature: single },
  }),
  function checkLink(context: Context): void {
    const { objectStore } = context.services.config;
    const parameters = context.parameters as unknown as LinkParameters;
    if (objectStore.kind !== 'directory' || !isSigned({ key: keyOf(context), ...parameters }, objectStore.linkSecret))
      throw apiError('LinkInvalid');
    const untilMs = Number(parameters.expires) * 1000;
    if (Date.now() >= untilMs) throw apiError('LinkExpired', { until: new Date(untilMs).toISOString() });
  },
  async function downloadObject(context: Context): Promise<void> {
    const { request, response, services } = context;
    const key = checkKey(keyOf(context));
    const { name } = context.parameters as unknown as LinkParameters;
    const found = await fromStore(name, services.objects.head(key));
    if (!found) throw apiError('FileNotFound', { file: name });
    const span = spanOf(request.headers.range, found.bytes);
    if (span === null) {
      response.writeHead(416, {
        ...idHeaders(context),
        'Content-Range': `bytes */${found.bytes}`,
        'Content-Length': 0,
      });
      response.end();
      return;
    }
    const { from, bytes } = span ?? { from: 0, bytes: found.bytes };
    const stream = await fromStore(name, services.objects.get(key, { from, bytes }));
    response.writeHead(span ? 206 : 200, {
      ...idHeaders(context),
      'Content-Type': 'application/octet-stream',
      'Content-Disposition': attachment(name),
      'Content-Length': bytes,
      'Accept-Ranges': 'bytes',
      'Cache-Control': 'private',
      ...(span && { 'Content-Range': `bytes ${from}-${from + bytes - 1}/${found.bytes}` }),
    });
    await pipeline(stream, response).catch((error: unknown) => {
      // A client that hangs up in the middle is no fault of anybody.
      if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
    });
  },
];

function keyOf({ params }: Context): string {
  return params['*'] ?? '';
}

/** Undefined: the whole. Null: outside of it. Several ranges in one request are answered with the whole, as is allowed. */
function spanOf(header: string | undefined, size: number): Span | null | undefined {
  const [, first, last] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '') ?? [];
  if (first === undefined || (first === '' && last === '')) return undefined;
  const from = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size : Math.min(size, Number(last) + 1);
  return from < end ? { from, bytes: end - from } : null;
}

/** Waits for the store; what it says, as the API says it. */
export async function fromStore<T>(file: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof ObjectNotFound) throw apiError('FileNotFound', { file });
    if (error instanceof ObjectStoreFault) throw apiError('ObjectStoreUnavailable', {}, { cause: error });
    throw error;
  }
}
