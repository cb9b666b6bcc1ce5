// Records of the journal, little endian: length u32 (of what follows the checksum) · crc32 u32 (of what follows it) · sequence u64 · group u64 · arrival f64 · kind u8 · body.
// Sequences ascend by one. The group is the sequence of the first record of the same write: a group is written only after the one before it was
// synced, so a damaged record followed by a later group was acknowledged, one followed only by its own group is a torn tail.
import { crc32 } from 'node:zlib';
import { decodeInsertFrame } from '../../../src/kdb/calls/insert.ts';
import type { InsertBatch } from '../../../src/kdb/engine.ts';

export const headerBytes = 33;
const kindAt = headerBytes - 1;
/** Above every frame that the server takes, so that a damaged length is seen as such. */
const maxRecordBytes = 2 ** 30;

/**
 * What a record says. `continued`: the next file was opened. Commands have a JSON body; insert: the number of requests u32, one byte each (1: applied),
 * the frame as received. `deleted`: points are gone as soon as the manifest begins with this file, of which it is the first record; `revoked`: of the files
 * named that did not come to be. Both are of interest only where older parts are brought forward again.
 */
export const recordKinds = { insert: 1, define: 2, drop: 3, closed: 4, continued: 5, deleted: 6, revoked: 7 } as const;
export type RecordKind = keyof typeof recordKinds;
const kindNames = Object.fromEntries(Object.entries(recordKinds).map(([name, code]) => [code, name])) as Record<
  number,
  RecordKind
>;

export interface JournalRecord {
  readonly kind: RecordKind;
  readonly sequence: number;
  /** When it was written, in milliseconds since 1970 by the clock of the time. */
  readonly arrivalMs: number;
  readonly body: Buffer;
  /** Where the record ends. */
  readonly end: number;
}

export function encodeRecord(
  kind: RecordKind,
  sequence: number,
  group: number,
  arrivalMs: number,
  body: readonly Uint8Array[],
): Uint8Array[] {
  const header = Buffer.alloc(headerBytes);
  const bodyBytes = body.reduce((sum, part) => sum + part.length, 0);
  header.writeUInt32LE(headerBytes - 8 + bodyBytes, 0);
  header.writeBigUInt64LE(BigInt(sequence), 8);
  header.writeBigUInt64LE(BigInt(group), 16);
  header.writeDoubleLE(arrivalMs, 24);
  header[kindAt] = recordKinds[kind];
  let sum = crc32(header.subarray(8));
  for (const part of body) sum = crc32(part, sum);
  header.writeUInt32LE(sum, 4);
  return [header, ...body];
}

/** The record at the offset, or null when there is no whole and sound one. */
export function decodeRecord(file: Buffer, at: number): (JournalRecord & { readonly group: number }) | null {
  if (at + headerBytes > file.length) return null;
  const length = file.readUInt32LE(at);
  const end = at + 8 + length;
  if (length < headerBytes - 8 || length > maxRecordBytes || end > file.length) return null;
  const kind = kindNames[file[at + kindAt]!];
  if (!kind || crc32(file.subarray(at + 8, end)) !== file.readUInt32LE(at + 4)) return null;
  return {
    kind,
    sequence: Number(file.readBigUInt64LE(at + 8)),
    group: Number(file.readBigUInt64LE(at + 16)),
    arrivalMs: file.readDoubleLE(at + 24),
    body: file.subarray(at + headerBytes, end),
    end,
  };
}

/** The requests of an insert record that were applied. */
export function acceptedBatches({ body }: JournalRecord): InsertBatch[] {
  const count = body.readUInt32LE(0);
  return decodeInsertFrame(body.subarray(4 + count)).filter((_, i) => body[4 + i] === 1);
}

/** A sound record after `from` that was written after the one missing at `from` had been synced: where it is, or -1. */
export function findLaterGroup(file: Buffer, from: number, missingSequence: number): number {
  // Preallocated files end in zeros: only bytes up to the last other one can hold a record.
  let last = file.length;
  while (last > from && file[last - 1] === 0) last--;
  for (let at = from + 1; at + headerBytes <= last; at++) {
    const sequence = file.readUInt32LE(at + 8) + file.readUInt32LE(at + 12) * 2 ** 32;
    if (sequence <= missingSequence || sequence > missingSequence + 2 ** 24) continue;
    const record = decodeRecord(file, at);
    if (record && record.group > missingSequence) return at;
  }
  return -1;
}
