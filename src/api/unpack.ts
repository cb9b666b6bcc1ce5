// Bodies by Content-Encoding. What they become is bounded while they are unpacked, as is the memory that it takes.

import { constants, gunzip, type InputType, inflate, inflateRaw, type ZlibOptions, zstdDecompress } from 'node:zlib';
import { ApiError, apiError } from '../base/errors.ts';
import { unpackSnappy } from '../base/snappy.ts';

type Unpack = (packed: Buffer, maxBytes: number) => Promise<Buffer>;

/** `engine.bytesWritten`: how much of the input was read. */
interface Unpacked {
  readonly buffer: Buffer;
  readonly engine: { readonly bytesWritten: number };
}
type Call = (packed: InputType, options: ZlibOptions, done: (error: Error | null, result: Buffer) => void) => void;

/** zstd's window, which it allocates: 32 MB. `zstd --ultra` alone asks for more. */
const maxZstdWindowLog = 25;

const encodings: Readonly<Record<string, Unpack>> = {
  identity: async (body) => body,
  gzip: async (packed, maxBytes) => (await call(gunzip, packed, { maxOutputLength: maxBytes })).buffer,
  deflate: unpackDeflate,
  zstd: unpackZstd,
  snappy: async (packed, maxBytes) => unpackSnappy(packed, maxBytes),
};

/** The one that a Content-Encoding names; none when there is none. */
export function encodingOf(header: string | undefined): string {
  const name = (header ?? 'identity').trim().toLowerCase();
  const encoding = name === 'x-gzip' ? 'gzip' : name;
  if (!Object.hasOwn(encodings, encoding)) throw apiError('UnsupportedEncoding', { encoding: name });
  return encoding;
}

export async function unpack(packed: Buffer, encoding: string, maxBytes: number): Promise<Buffer> {
  try {
    return await encodings[encoding]!(packed, maxBytes);
  } catch (error) {
    if (error instanceof ApiError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ERR_BUFFER_TOO_LARGE' || error instanceof RangeError)
      throw apiError('BodyTooLarge', { limitBytes: maxBytes });
    throw apiError('InvalidEncoding', { encoding, reason: message });
  }
}

/** RFC 9110 means zlib by it; some clients send it bare. */
async function unpackDeflate(packed: Buffer, maxBytes: number): Promise<Buffer> {
  const isZlib = packed.length >= 2 && (packed[0]! & 15) === 8 && packed.readUInt16BE(0) % 31 === 0;
  const { buffer, engine } = await call(isZlib ? inflate : inflateRaw, packed, { maxOutputLength: maxBytes });
  if (engine.bytesWritten < packed.length) throw new Error('something follows its end');
  return buffer;
}

/** Node stops after a frame, and there may be several. */
async function unpackZstd(packed: Buffer, maxBytes: number): Promise<Buffer> {
  const frames: Buffer[] = [];
  let bytes = 0;
  for (let at = 0; at < packed.length || at === 0; ) {
    const params = { [constants.ZSTD_d_windowLogMax]: maxZstdWindowLog };
    // A limit of 0 is none that it takes: what one byte more than allowed comes to is looked at here.
    const options = { maxOutputLength: maxBytes - bytes + 1, params };
    const { buffer, engine } = await call(zstdDecompress as Call, packed.subarray(at), options);
    bytes += buffer.length;
    if (bytes > maxBytes) throw apiError('BodyTooLarge', { limitBytes: maxBytes });
    frames.push(buffer);
    if (engine.bytesWritten === 0) throw new Error('it is empty');
    at += engine.bytesWritten;
  }
  return frames.length === 1 ? frames[0]! : Buffer.concat(frames, bytes);
}

function call(run: Call, packed: Buffer, options: ZlibOptions): Promise<Unpacked> {
  return new Promise((resolve, reject) => {
    // With `info` the result is an object.
    run(packed, { ...options, info: true }, (error, result) =>
      error ? reject(error) : resolve(result as unknown as Unpacked),
    );
  });
}
