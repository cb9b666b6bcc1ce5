import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextRequestIds } from '../../src/api/request-ids.ts';
import { isNamedBatch, namedBatchId, nextBatchId } from '../../src/kdb/batch-id.ts';

test('ids are never the same', () => {
  const batches = Array.from({ length: 10_000 }, () => nextBatchId());
  assert.ok(batches.every((id) => id.length === 16));
  assert.equal(new Set(batches.map((id) => id.toString('hex'))).size, batches.length);
  assert.ok(!batches.some(isNamedBatch));
  const requests = Array.from({ length: 10_000 }, () => nextRequestIds({ headers: {} }));
  for (const name of ['requestId', 'traceparent'] as const)
    assert.equal(new Set(requests.map((ids) => ids[name])).size, requests.length);
});

test('a key names one batch', () => {
  assert.deepEqual(namedBatchId('once'), namedBatchId('once'));
  assert.notDeepEqual(namedBatchId('once'), namedBatchId('twice'));
  assert.ok(isNamedBatch(namedBatchId('once')));
});
