import { endOfTimeNs, maxTimeNs, minTimeNs } from '../base/time.ts';
import type { Cursor } from '../kdb/engine.ts';
import { memberFault } from './fault.ts';
import type { TimeRange } from './time-range.ts';

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
  return memberFault('cursor', text, 'the text of `next` in the result before, unchanged');
}

/** Where a result of groups or buckets goes on: after this row. The range is that of the first page, whatever the time is by now. */
export interface RowCursor {
  readonly range: TimeRange;
  readonly group: readonly string[];
  /** Null without buckets. */
  readonly timeNs: bigint | null;
}

/** Its first letters are none that the other cursor's text can have. */
const rowPrefix = 'r.';

export function isRowCursor(text: string): boolean {
  return text.startsWith(rowPrefix);
}

export function encodeRowCursor({ range, group, timeNs }: RowCursor): string {
  const parts = [String(range.fromNs), String(range.toNs), timeNs === null ? null : String(timeNs), ...group];
  return rowPrefix + Buffer.from(JSON.stringify(parts)).toString('base64url');
}

export function decodeRowCursor(text: string): RowCursor {
  const parts = partsOf(text);
  const [from, to, time, ...group] = parts;
  const [fromNs, toNs, timeNs] = [from, to, time].map((part) => (isWhole(part) ? BigInt(part) : null));
  const isTime = time === null || (timeNs !== null && timeNs! > -(2n ** 63n) && timeNs! < maxTimeNs);
  if (fromNs == null || toNs == null || fromNs < minTimeNs || toNs > endOfTimeNs || fromNs >= toNs || !isTime)
    throw notACursor(text);
  if (!group.every((value) => typeof value === 'string')) throw notACursor(text);
  return { range: { fromNs, toNs }, group: group as string[], timeNs: timeNs ?? null };
}

function partsOf(text: string): unknown[] {
  try {
    const parts: unknown = JSON.parse(Buffer.from(text.slice(rowPrefix.length), 'base64url').toString('utf8'));
    if (Array.isArray(parts)) return parts;
  } catch {
    // Below.
  }
  throw notACursor(text);
}

function isWhole(part: unknown): part is string {
  return typeof part === 'string' && /^-?\d{1,19}$/.test(part);
}
