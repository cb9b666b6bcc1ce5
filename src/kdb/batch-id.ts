import { createHash, randomBytes } from 'node:crypto';

/** Of a UUID, the version stands in the upper half of this byte. */
const versionByte = 6;
const randomVersion = 4;
const namedVersion = 8;

/** Random bytes per process and a count of 6: unique like random ids, without a call for randomness per write. */
const prefix = withVersion(randomBytes(10), randomVersion);
let count = 0;

/** 16 bytes that no other write has. */
export function nextBatchId(): Buffer {
  const id = Buffer.allocUnsafe(16);
  prefix.copy(id);
  count += 1;
  id.writeUIntBE(count, 10, 6);
  return id;
}

/** The id of every write with this key. */
export function namedBatchId(key: string): Buffer {
  return withVersion(createHash('sha256').update(key).digest().subarray(0, 16), namedVersion);
}

/** Whether somebody may use the id again after days. Ids of version 4 name one request and what retries it at once. */
export function isNamedBatch(batchId: Uint8Array): boolean {
  return batchId[versionByte]! >> 4 !== randomVersion;
}

function withVersion(id: Buffer, version: number): Buffer {
  id[versionByte] = (id[versionByte]! & 0x0f) | (version << 4);
  return id;
}
