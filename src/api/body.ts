import { apiError } from '../base/errors.ts';
import type { Context } from './step.ts';
import { encodingOf, unpack } from './unpack.ts';

/** Step: the whole body, unpacked. The limit holds before and after that. */
export async function readBody(context: Context): Promise<void> {
  const limitBytes = context.services.config.maxBodyBytes;
  const encoding = encodingOf(context.request.headers['content-encoding']);
  context.body = await unpack(await receive(context, limitBytes), encoding, limitBytes);
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
