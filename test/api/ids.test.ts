import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextBatchId } from '../../src/api/batch-id.ts';
import { nextRequestId } from '../../src/api/request-id.ts';

test('ids are never the same', () => {
  const batches = Array.from({ length: 10_000 }, () => nextBatchId());
  assert.ok(batches.every((id) => id.length === 16));
  assert.equal(new Set(batches.map((id) => id.toString('hex'))).size, batches.length);
  assert.equal(new Set(Array.from({ length: 10_000 }, nextRequestId)).size, 10_000);
});
