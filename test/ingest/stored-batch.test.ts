import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ObjectStore } from '../../src/base/object-store.ts';
import { ObjectStoreFault } from '../../src/base/object-store.ts';
import { batchTimeMs, newBatchName, placeOf, readReceiptId, receiptId } from '../../src/ingest/batch-name.ts';
import { decodeLineProtocol } from '../../src/ingest/line-protocol.ts';
import { batchOf, decodeStoredBatch, encodeStoredBatch, storedRequest } from '../../src/ingest/stored-batch.ts';
import { WriteQueue } from '../../src/ingest/write-queue.ts';
import { namedBatchId } from '../../src/kdb/batch-id.ts';
import { silent } from '../management/region.ts';

const database = { id: 'db-0123456789abcdef0123', accountId: 'a', name: 'plant' };
const batch = decodeLineProtocol(Buffer.from('cpu,host=a v=1,s="x" 1000\n\nmem v=2i 2000\ncpu,host=b v=3 3000'), {
  precision: 'ns',
  nowNs: 0n,
});
const request = { batch, batchId: namedBatchId('k'), isPartial: true, arrivedNs: 5_000_000n, traceparent: 'trace' };

test('a stored batch has the requests as they were decoded', () => {
  const requests = [storedRequest(request), storedRequest({ ...request, isPartial: false })];
  const read = decodeStoredBatch(encodeStoredBatch({ database, requests }));
  assert.deepEqual(read.database, database);
  assert.deepEqual(
    read.requests.map(({ isPartial }) => isPartial),
    [true, false],
  );
  const { insert, batch: again } = batchOf(read.requests[1]!);
  assert.deepEqual(Buffer.from(insert.batchId), request.batchId);
  assert.deepEqual(
    again.lineNumbers.map((lines) => [...lines]),
    [[1, 4], [3]],
  );
  assert.deepEqual(
    insert.parts.map(({ series, timeNs }) => [series, [...timeNs]]),
    [
      ['cpu', [1000n, 3000n]],
      ['mem', [2000n]],
    ],
  );
  assert.deepEqual(read.requests[0]!.lagS, { newest: 0.005, oldest: 0.005 });
});

test('any byte that is another one is noticed', () => {
  const whole = encodeStoredBatch({ database, requests: [storedRequest(request)] });
  for (let at = 0; at < whole.length; at += 7) {
    const bytes = Buffer.from(whole);
    bytes[at]! ^= 1;
    assert.throws(() => decodeStoredBatch(bytes), /checksum|begin/, String(at));
  }
  for (const bytes of [Buffer.alloc(0), whole.subarray(0, -1)])
    assert.throws(() => decodeStoredBatch(bytes), /checksum|begin/);
});

test('names are in the order of time, receipts name one request and are checked', () => {
  const name = newBatchName(Date.parse('2026-11-23T01:02:03.004Z'));
  assert.match(name, /^2026-11-23\/010203004-[0-9a-f]{12}$/);
  assert.equal(new Date(batchTimeMs(name)).toISOString(), '2026-11-23T01:02:03.004Z');
  assert.deepEqual(placeOf(`queued/${database.id}/${name}.r1`), { databaseId: database.id, name: `${name}.r1` });
  for (const key of [`queued/${name}`, `queued/other/${name}`, 'exports/db-0/x']) assert.equal(placeOf(key), undefined);
  const id = receiptId({ name, request: 513 });
  assert.deepEqual(readReceiptId(id), { name, request: 513 });
  for (const wrong of ['', 'x', `${id}A`, id.slice(1), `B${id.slice(1)}`, `${id.slice(0, -2)}AA`])
    assert.equal(readReceiptId(wrong), undefined, wrong);
});

/** Writes that are let through one by one. */
function gatedStore() {
  const stored = new Map<string, Uint8Array | string>();
  const waiting: PromiseWithResolvers<void>[] = [];
  const put: ObjectStore['put'] = async (key, bytes) => {
    const gate = Promise.withResolvers<void>();
    waiting.push(gate);
    await gate.promise;
    stored.set(key, bytes);
  };
  const next = async (fault?: Error): Promise<void> => {
    while (waiting.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const gate = waiting.shift()!;
    if (fault) gate.reject(fault);
    else gate.resolve();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { put, stored, next };
}

test('requests are gathered, stored one object after the other, and answered when the marker is there', async () => {
  const { put, stored, next } = gatedStore();
  const announced: string[] = [];
  const announce = async (_id: string, name: string): Promise<void> => void announced.push(name);
  const queue = new WriteQueue({ objects: { put }, announce, clock: () => 1_000, log: silent });
  const answered: number[] = [];
  const first = [1, 2].map((n) => queue.add(database, request).finally(() => answered.push(n)));
  await next();
  assert.deepEqual([stored.size, answered], [1, []]);
  const later = queue.add(database, request);
  await next();
  const receipts = await Promise.all(first);
  assert.deepEqual(
    receipts.map((receipt) => receipt.request),
    [0, 1],
  );
  await next();
  await next();
  // A clock that stands still makes names that follow each other all the same.
  assert.ok((await later).name > receipts[0]!.name);
  assert.deepEqual(announced, [receipts[0]!.name, (await later).name]);
  assert.deepEqual([queue.waitingBytes, queue.stored], [0, { batches: 2, requests: 3 }]);
  const lost = assert.rejects(queue.add(database, request), { code: 'ObjectStoreUnavailable' });
  await next(new ObjectStoreFault(new Error('away')));
  await lost;
  assert.equal(queue.waitingBytes, 0);
});
