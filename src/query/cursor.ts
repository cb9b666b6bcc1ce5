import { maxTimeNs, minTimeNs } from '../base/time.ts';
import type { Cursor } from '../kdb/engine.ts';
import { parameterFault } from './fault.ts';

/** As clients see it: opaque text, here 8 bytes of time and 4 of tag-set id, big endian, as base64url. */
export function encodeCursor(cursor: Cursor): string {
  const bytes = Buffer.alloc(12);
  bytes.writeBigInt64BE(cursor.timeNs, 0);
  bytes.writeUInt32BE(cursor.id, 8);
  return bytes.toString('base64url');
}

export function decodeCursor(text: string): Cursor {
  const bytes = Buffer.from(text, 'base64url');
  // Buffer skips what is not base64url; only the text that it would write itself is a cursor.
  if (bytes.length !== 12 || bytes.toString('base64url') !== text) throw notACursor(text);
  const cursor = { timeNs: bytes.readBigInt64BE(0), id: bytes.readUInt32BE(8) };
  if (cursor.timeNs < minTimeNs || cursor.timeNs > maxTimeNs || cursor.id > 2 ** 31 - 1) throw notACursor(text);
  return cursor;
}

function notACursor(text: string): Error {
  return parameterFault('cursor', text, 'the text of `next` in the result before, unchanged');
}
