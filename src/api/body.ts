import { gunzip } from 'node:zlib';
import { apiError } from '../base/errors.ts';
import type { Context } from './step.ts';

/** Step: the whole body, decompressed. The limit holds before and after decompression. */
export async function readBody(context: Context): Promise<void> {
  const limitBytes = context.services.config.maxBodyBytes;
  const encoding = context.request.headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity' && encoding !== 'gzip') throw apiError('UnsupportedEncoding', { encoding });
  const received = await receive(context, limitBytes);
  context.body = encoding === 'gzip' ? await decompress(received, limitBytes) : received;
}

function receive({ request, response }: Context, limitBytes: number): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > limitBytes) throw apiError('BodyTooLarge', { limitBytes });
  // Only now is the body wanted: what is refused by its headers is not sent at all by a client that asks first.
  if (request.headers.expect !== undefined && request.httpVersion !== '1.0') response.writeContinue();
  const chunks: Buffer[] = [];
  let bytes = 0;
  return new Promise((resolve, reject) => {
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= limitBytes) chunks.push(chunk);
      else {
        request.removeAllListeners('data').pause();
        reject(apiError('BodyTooLarge', { limitBytes }));
      }
    });
    request.once('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, bytes)));
    // A body that is whole ends before its request closes.
    const gone = (): void => {
      if (!request.complete)
        reject(apiError('InvalidRequest', { reason: 'the connection closed before the body was whole' }));
    };
    request.once('close', gone).once('error', gone);
  });
}

function decompress(packed: Buffer, limitBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    gunzip(packed, { maxOutputLength: limitBytes }, (error, body) => {
      if (!error) resolve(body);
      else if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
        reject(apiError('BodyTooLarge', { limitBytes }));
      else reject(apiError('InvalidEncoding', { encoding: 'gzip', reason: error.message }));
    });
  });
}
