// A stored batch: requests of one database as they will be sent to its process. `tsgb`, the version, a CRC-32 of all that follows; then the length of
// the head and the head (JSON); the messages of the requests, one behind the other; the line numbers of their points.

import { crc32 } from 'node:zlib';
import { decodeInsertFrame, insert } from '../kdb/calls/insert.ts';
import { requestFrame } from '../kdb/calls/request.ts';
import type { InsertBatch } from '../kdb/engine.ts';
import type { Batch } from './batch.ts';
import { type Lag, lagOf } from './lag.ts';

const magic = Buffer.from('tsgb\x01', 'latin1');
const lengthsAt = magic.length + 4;
const headAt = lengthsAt + 4;

/** Whose points they are. */
export interface BatchOwner {
  readonly id: string;
  readonly accountId: string;
  readonly name: string;
}

interface RequestHead {
  readonly arrivedNs: string;
  readonly points: number;
  /** Good points stay beside those that the database process refuses. */
  readonly isPartial: boolean;
  readonly traceparent: string;
  readonly lagS: Lag;
  readonly frameBytes: number;
}

interface Head {
  readonly database: BatchOwner;
  readonly requests: readonly RequestHead[];
}

/** One request, ready to be sent. */
export interface StoredRequest {
  readonly arrivedNs: bigint;
  readonly points: number;
  readonly isPartial: boolean;
  /** W3C trace context of the request. */
  readonly traceparent: string;
  readonly lagS: Lag;
  /** An `.tsg.insert` message. */
  readonly frame: Buffer;
  /** Of all its points, part by part. */
  readonly lineNumbers: Int32Array;
}

export interface StoredBatch {
  readonly database: BatchOwner;
  readonly requests: readonly StoredRequest[];
}

/** What the marker of a batch says that is replayed; any other is empty. */
export interface ReplayMarker {
  /** Key of the batch, which may be another database's. */
  readonly batch: string;
  readonly database: BatchOwner;
}

/** What is stored is not what was. */
export class BatchDamaged extends Error {}

export interface NewRequest {
  readonly batch: Pick<Batch, 'parts' | 'lineNumbers' | 'points' | 'span'>;
  readonly batchId: Uint8Array;
  readonly isPartial: boolean;
  readonly arrivedNs: bigint;
  readonly traceparent: string;
}

export function storedRequest({ batch, batchId, isPartial, arrivedNs, traceparent }: NewRequest): StoredRequest {
  const lineNumbers = new Int32Array(batch.points);
  let at = 0;
  for (const numbers of batch.lineNumbers) {
    lineNumbers.set(numbers, at);
    at += numbers.length;
  }
  const frame = requestFrame(insert, { batchId, parts: batch.parts });
  const lagS = lagOf(batch.span!, arrivedNs);
  return { arrivedNs, points: batch.points, isPartial, lagS, traceparent, frame, lineNumbers };
}

export function storedBytes({ frame, lineNumbers }: StoredRequest): number {
  return frame.length + lineNumbers.byteLength;
}

export function encodeStoredBatch({ database, requests }: StoredBatch): Buffer {
  const head: Head = {
    database,
    requests: requests.map(({ arrivedNs, points, isPartial, lagS, traceparent, frame }) => ({
      ...{ arrivedNs: `${arrivedNs}`, points, isPartial, lagS, traceparent },
      frameBytes: frame.length,
    })),
  };
  const headBytes = Buffer.from(JSON.stringify(head));
  const start = Buffer.alloc(headAt);
  magic.copy(start);
  start.writeUInt32LE(headBytes.length, lengthsAt);
  const bytes = Buffer.concat([
    ...[start, headBytes],
    ...requests.map(({ frame }) => frame),
    ...requests.map(({ lineNumbers: { buffer, byteOffset, byteLength } }) =>
      Buffer.from(buffer, byteOffset, byteLength),
    ),
  ]);
  bytes.writeUInt32LE(crc32(bytes.subarray(lengthsAt)), magic.length);
  return bytes;
}

export function decodeStoredBatch(bytes: Buffer): StoredBatch {
  if (bytes.length < headAt || !bytes.subarray(0, magic.length).equals(magic))
    throw new BatchDamaged('it does not begin as a batch of this version');
  if (crc32(bytes.subarray(lengthsAt)) !== bytes.readUInt32LE(magic.length))
    throw new BatchDamaged('its checksum is wrong');
  const headEnd = headAt + bytes.readUInt32LE(lengthsAt);
  const { database, requests } = JSON.parse(bytes.toString('utf8', headAt, headEnd)) as Head;
  let frameAt = headEnd;
  let linesAt = headEnd + requests.reduce((sum, { frameBytes }) => sum + frameBytes, 0);
  return {
    database,
    requests: requests.map(({ arrivedNs, points, isPartial, lagS, traceparent, frameBytes }) => {
      const frame = bytes.subarray(frameAt, frameAt + frameBytes);
      const lineNumbers = new Int32Array(points);
      // A view of the bytes themselves would have to begin at a multiple of four.
      bytes.copy(Buffer.from(lineNumbers.buffer), 0, linesAt, linesAt + 4 * points);
      frameAt += frameBytes;
      linesAt += 4 * points;
      return { arrivedNs: BigInt(arrivedNs), points, isPartial, lagS, traceparent, frame, lineNumbers };
    }),
  };
}

/** The points of a request as they were decoded. */
export function batchOf({ frame, lineNumbers, points }: StoredRequest): { insert: InsertBatch; batch: Batch } {
  const [insert] = decodeInsertFrame(frame);
  const { parts } = insert!;
  let at = 0;
  const ofParts = parts.map(({ row }) => {
    const from = at;
    at += row.length;
    return lineNumbers.subarray(from, at);
  });
  return { insert: insert!, batch: { parts, points, lines: points, faults: [], faultCount: 0, lineNumbers: ofParts } };
}
