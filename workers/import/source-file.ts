// The file of an import: one object, or the parts of an upload one after the other, unpacked where it is packed.

import { Readable } from 'node:stream';
import { constants, createGunzip, type ZstdOptions } from 'node:zlib';
import type { ByteRange } from '../../src/base/object-store.ts';
import type { Compression } from '../../src/ingest/import.ts';
import { Permanent } from '../kinds/kind.ts';
import { unpackZstd } from './zstd-frames.ts';

/** No file is worth more. */
const maxUnpackedBytes = 1e12;

export interface Piece {
  readonly key: string;
  readonly bytes: number;
}

/** What packed text may become: gzip makes 1,000 times as much at most, zstd more; nothing that holds points comes near. */
const maxRatio = 1_000;
/** The ratio is not looked at before. */
const unpackedFreelyBytes = 8 * 1024 * 1024;
const chunkSize = 256 * 1024;
/** The window: zstd's own default, 128 MB. More is refused. */
const zstdOptions: ZstdOptions = { chunkSize, params: { [constants.ZSTD_d_windowLogMax]: 27 } };

export function compressionOf(start: Buffer): Compression {
  if (start[0] === 0x1f && start[1] === 0x8b) return 'gzip';
  return start.length >= 4 && start.readUInt32LE(0) === 0xfd2fb528 ? 'zstd' : 'none';
}

/** A store, or what stands for it in a thread. */
export interface Stored {
  get(key: string, range?: ByteRange): AsyncIterable<unknown> | Promise<AsyncIterable<unknown>>;
}

export class SourceFile {
  readonly bytes: number;
  /** Of the file as it is stored: how many were read so far. */
  consumed = 0;
  readonly #objects: Stored;
  readonly #pieces: readonly Piece[];

  constructor(objects: Stored, pieces: readonly Piece[]) {
    this.#objects = objects;
    this.#pieces = pieces;
    this.bytes = pieces.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** As stored, in [from, until). */
  async *read(from = 0, until = this.bytes): AsyncGenerator<Buffer> {
    let start = 0;
    this.consumed = from;
    for (const { key, bytes } of this.#pieces) {
      const first = Math.max(from - start, 0);
      const count = Math.min(until - start, bytes) - first;
      if (count > 0) {
        const whole = first === 0 && count === bytes;
        for await (const chunk of await this.#objects.get(key, whole ? undefined : { from: first, bytes: count })) {
          this.consumed += (chunk as Buffer).length;
          yield chunk as Buffer;
        }
      }
      start += bytes;
    }
  }

  async readAll(from: number, until: number): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for await (const chunk of this.read(from, until)) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  /** Unpacked, from an offset in what is unpacked: packed text is unpacked from its beginning and passed over. */
  async *text(compression: Compression, from = 0): AsyncGenerator<Buffer> {
    if (compression === 'none') {
      yield* this.read(from);
      return;
    }
    let passed = 0;
    try {
      for await (const chunk of compression === 'gzip' ? gunzip(this.read()) : unpackZstd(this.read(), zstdOptions)) {
        const start = Math.max(from - passed, 0);
        passed += chunk.length;
        this.#checkSize(passed);
        if (start < chunk.length) yield start === 0 ? chunk : chunk.subarray(start);
      }
    } catch (error) {
      const { code = '' } = error as { code?: string };
      if (!/^(Z_|ERR_ZSTD|ZSTD_|ERR_Z)/.test(code)) throw error;
      throw new Permanent(
        `the file is damaged: it cannot be unpacked as ${compression}; pack it anew, or send it as it is`,
        { cause: error },
      );
    }
  }

  #checkSize(unpackedBytes: number): void {
    if (unpackedBytes > maxUnpackedBytes)
      throw new Permanent(`the file has more than ${maxUnpackedBytes} bytes when it is unpacked; split it`);
    if (unpackedBytes > unpackedFreelyBytes && unpackedBytes > this.consumed * maxRatio)
      throw new Permanent(
        `the file becomes more than ${maxRatio} times as large when it is unpacked; send it as it is`,
      );
  }
}

async function* gunzip(read: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const unpacking = createGunzip({ chunkSize });
  const packed = Readable.from(read);
  packed.on('error', (error) => unpacking.destroy(error));
  packed.pipe(unpacking);
  try {
    yield* unpacking as AsyncIterable<Buffer>;
  } finally {
    packed.destroy();
    unpacking.destroy();
  }
}
