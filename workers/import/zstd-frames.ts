// A zstd file may be several frames one after the other (pzstd, cat): Node's stream ends with the frame that does not end where a chunk of input does.

import { createZstdDecompress, type ZstdOptions } from 'node:zlib';

export async function* unpackZstd(packed: AsyncIterable<Buffer>, options: ZstdOptions): AsyncGenerator<Buffer> {
  const input = packed[Symbol.asyncIterator]();
  /** What follows the end of a frame in its chunk. */
  let rest: Buffer | undefined = await nextOf(input);
  try {
    while (rest !== undefined) {
      const frames = createZstdDecompress(options);
      const fed = feed(frames, rest, input);
      fed.catch((error: Error) => frames.destroy(error));
      yield* frames as AsyncIterable<Buffer>;
      rest = await fed;
    }
  } finally {
    await input.return?.();
  }
}

/** Gives what was not taken: there is another frame. */
async function feed(
  frames: ReturnType<typeof createZstdDecompress>,
  first: Buffer,
  input: AsyncIterator<Buffer>,
): Promise<Buffer | undefined> {
  for (let chunk: Buffer | undefined = first; chunk !== undefined; chunk = await nextOf(input)) {
    const before = frames.bytesWritten;
    await new Promise((resolve) => frames.write(chunk, resolve));
    if (frames.destroyed && frames.errored) return undefined;
    const taken = frames.bytesWritten - before;
    if (taken < chunk.length) return chunk.subarray(taken);
  }
  frames.end();
  return undefined;
}

async function nextOf(input: AsyncIterator<Buffer>): Promise<Buffer | undefined> {
  const { done, value } = await input.next();
  return done ? undefined : value;
}
