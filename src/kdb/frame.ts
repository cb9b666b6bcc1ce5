import { endianness } from 'node:os';
import { CodecError } from './codec-error.ts';

// One IPC message: byte order, kind, compressed, 0, length of all (int32), then the value. https://code.kx.com/q/kb/serialization/

// Vectors are copied as bytes both ways; every machine that Node and kdb+ run on is little endian.
if (endianness() !== 'LE') throw new Error('q IPC needs a little-endian machine');

export const headerBytes = 8;
export const messageKinds = { async: 0, sync: 1, response: 2 } as const;

/** Default for the longest message, either way. */
export const maxMessageBytes = 256 * 1024 * 1024;

export function writeHeader(out: Buffer, kind: number): void {
  out[0] = 1;
  out[1] = kind;
  out[2] = 0;
  out[3] = 0;
  out.writeInt32LE(out.length, 4);
}

/**
 * Cuts a byte stream into messages. A message that lies within one chunk is a view of it; any other is copied once, into memory of the length
 * that its header gives. (node-q's own reader copies all it has at every chunk: a reply of 16 MiB takes it 1.8 s, this one 5 ms.)
 */
export class FrameReader {
  readonly #maxBytes: number;
  readonly #onFrame: (frame: Buffer) => void;
  readonly #header = Buffer.alloc(headerBytes);
  #headerFilled = 0;
  #frame: Buffer | undefined;
  #filled = 0;

  constructor(maxBytes: number, onFrame: (frame: Buffer) => void) {
    this.#maxBytes = maxBytes;
    this.#onFrame = onFrame;
  }

  /** True between messages. */
  get empty(): boolean {
    return this.#frame === undefined && this.#headerFilled === 0;
  }

  /** Throws a CodecError when the stream cannot be followed any further. */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#frame === undefined) {
        if (this.#headerFilled === 0 && chunk.length - at >= headerBytes) {
          const length = this.#length(chunk, at);
          if (length <= chunk.length - at) {
            this.#onFrame(chunk.subarray(at, at + length));
            at += length;
            continue;
          }
        }
        at = this.#fillHeader(chunk, at);
        continue;
      }
      const part = Math.min(chunk.length - at, this.#frame.length - this.#filled);
      chunk.copy(this.#frame, this.#filled, at, at + part);
      at += part;
      this.#filled += part;
      if (this.#filled === this.#frame.length) {
        const frame = this.#frame;
        this.#frame = undefined;
        this.#onFrame(frame);
      }
    }
  }

  #fillHeader(chunk: Buffer, at: number): number {
    const part = Math.min(headerBytes - this.#headerFilled, chunk.length - at);
    chunk.copy(this.#header, this.#headerFilled, at, at + part);
    this.#headerFilled += part;
    if (this.#headerFilled === headerBytes) {
      // Not touched before it is filled, so a length that lies costs addresses, not memory.
      this.#frame = Buffer.allocUnsafeSlow(this.#length(this.#header, 0));
      this.#header.copy(this.#frame);
      this.#filled = headerBytes;
      this.#headerFilled = 0;
    }
    return at + part;
  }

  #length(header: Buffer, at: number): number {
    if (header[at] !== 1) throw new CodecError(`byte order ${header[at]} is not understood; send little endian`);
    if (header[at + 1]! > 2 || header[at + 2]! > 1 || header[at + 3] !== 0) throw new CodecError('no message header');
    const length = header.readUInt32LE(at + 4);
    if (length <= headerBytes || length > this.#maxBytes) throw new CodecError(`a message claims ${length} bytes`);
    return length;
  }
}
