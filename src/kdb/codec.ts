import { CodecError, MessageTooLong } from './codec-error.ts';
import { decompress } from './compression.ts';
import { decode } from './decode.ts';
import { sizeOf, write } from './encode.ts';
import { headerBytes, maxMessageBytes, messageKinds, writeHeader } from './frame.ts';
import { QError, type QValue } from './qvalue.ts';

export interface Message {
  readonly kind: number;
  readonly value: QValue | QError;
}

/** A whole message in one buffer. */
export function encodeMessage(kind: number, value: QValue): Buffer {
  const length = headerBytes + sizeOf(value);
  if (length > maxMessageBytes) throw new MessageTooLong(length, maxMessageBytes);
  const out = Buffer.allocUnsafe(length);
  writeHeader(out, kind);
  write(value, out, headerBytes);
  return out;
}

/** The error reply: type -128 and a text that ends at its first NUL. */
export function encodeError(text: string): Buffer {
  const bytes = Buffer.from(text.replaceAll('\0', ' '), 'utf8');
  const out = Buffer.alloc(headerBytes + 1 + bytes.length + 1);
  writeHeader(out, messageKinds.response);
  out.writeInt8(-128, headerBytes);
  bytes.copy(out, headerBytes + 1);
  return out;
}

/** The message without compression; the same buffer when there is none. */
export function plainFrame(frame: Buffer, maxBytes: number): Buffer {
  return frame[2] === 1 ? decompress(frame, maxBytes) : frame;
}

/** Reads a message that FrameReader cut out (or one that was kept). Every fault is a CodecError. */
export function decodeMessage(frame: Buffer, maxBytes = maxMessageBytes): Message {
  if (frame.length <= headerBytes || frame[0] !== 1 || frame.readUInt32LE(4) !== frame.length)
    throw new CodecError('no whole message');
  const plain = plainFrame(frame, maxBytes);
  const kind = plain[1]!;
  if (plain.length > headerBytes && plain.readInt8(headerBytes) === -128) return { kind, value: errorOf(plain) };
  return { kind, value: decode(plain, headerBytes) };
}

function errorOf(message: Buffer): QError {
  const end = message.indexOf(0, headerBytes + 1);
  if (end !== message.length - 1) throw new CodecError('an error text does not end where its message ends');
  return new QError(message.toString('utf8', headerBytes + 1, end));
}
