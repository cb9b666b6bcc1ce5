// Queued batches: how they are named, where they and what became of them are stored, and the receipts that tell somebody about one request of them.

import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** By name they are in the order of their arrival: `2026-11-23/005912123-5f0c6d1e9ab3`. */
const nameForm = /^\d{4}-\d\d-\d\d\/\d{9}-[0-9a-f]{12}$/;
const randomLength = 6;
const receiptBytes = 16;
/** Batches, what became of them, and receipts. */
export const batchesKeptDays = 14;

export const batchPrefixes = { batches: 'batches/', queued: 'queued/', outcomes: 'outcomes/' } as const;

/** The points. */
export function batchKey(databaseId: string, name: string): string {
  return `${batchPrefixes.batches}${databaseId}/${name}`;
}

/** There while the batch waits. */
export function markerKey(databaseId: string, name: string): string {
  return `${batchPrefixes.queued}${databaseId}/${name}`;
}

/** Written before the marker goes. */
export function outcomeKey(databaseId: string, name: string): string {
  return `${batchPrefixes.outcomes}${databaseId}/${name}`;
}

/** Of a key of any of the three; undefined: somebody else put it there. */
export function placeOf(key: string): { readonly databaseId: string; readonly name: string } | undefined {
  const [, databaseId, name] = /^[a-z]+\/(db-[0-9a-f]{20})\/(\d{4}-\d\d-\d\d\/[\w.-]+)$/.exec(key) ?? [];
  return databaseId === undefined ? undefined : { databaseId, name: name! };
}

export function newBatchName(atMs: number): string {
  return nameOf(atMs, randomBytes(randomLength));
}

function nameOf(atMs: number, random: Buffer): string {
  const [day, time] = new Date(atMs).toISOString().split('T') as [string, string];
  return `${day}/${time.replace(/\D/g, '')}-${random.toString('hex')}`;
}

export function batchTimeMs(name: string): number {
  const [, day, h, m, s, ms] = /^(\S{10})\/(\d\d)(\d\d)(\d\d)(\d{3})/.exec(name)!;
  return Date.parse(`${day}T${h}:${m}:${s}.${ms}Z`);
}

/** A batch holds several requests. */
export interface Receipt {
  readonly name: string;
  readonly request: number;
}

export function receiptId({ name, request }: Receipt): string {
  const bytes = Buffer.alloc(receiptBytes);
  bytes.writeUIntBE(batchTimeMs(name), 0, 6);
  bytes.write(name.slice(-2 * randomLength), 6, 'hex');
  bytes.writeUInt16BE(request, 12);
  bytes.writeUInt16BE(checkOf(bytes), 14);
  return bytes.toString('base64url');
}

/** Undefined: it is none. */
export function readReceiptId(id: string): Receipt | undefined {
  const bytes = Buffer.from(id, 'base64url');
  if (bytes.length !== receiptBytes || bytes.toString('base64url') !== id) return undefined;
  if (bytes.readUInt16BE(14) !== checkOf(bytes)) return undefined;
  const name = nameOf(bytes.readUIntBE(0, 6), bytes.subarray(6, 12));
  return nameForm.test(name) ? { name, request: bytes.readUInt16BE(12) } : undefined;
}

function checkOf(bytes: Buffer): number {
  return crc32(bytes.subarray(0, 14)) & 0xffff;
}
