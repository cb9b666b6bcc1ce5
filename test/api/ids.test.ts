import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextRequestId } from '../../src/api/request-id.ts';
import { isNamedBatch, namedBatchId, nextBatchId } from '../../src/kdb/batch-id.ts';

test('ids are never the same', () => {
  const batches = Array.from({ length: 10_000 }, () => nextBatchId());
  assert.ok(batches.every((id) => id.length === 16));
  assert.equal(new Set(batches.map((id) => id.toString('hex'))).size, batches.length);
  assert.ok(!batches.some(isNamedBatch));
  assert.equal(new Set(Array.from({ length: 10_000 }, nextRequestId)).size, 10_000);
});

test('a key names one batch', () => {
  assert.deepEqual(namedBatchId('once'), namedBatchId('once'));
  assert.notDeepEqual(namedBatchId('once'), namedBatchId('twice'));
  assert.ok(isNamedBatch(namedBatchId('once')));
});
