import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { deserialize, serialize } from 'node:v8';
import winston from 'winston';
import { AppliedBatches, segmentIds } from '../../../kdb/embedded/storage/applied-batches.ts';
import type { Store } from '../../../kdb/embedded/store.ts';
import type { Log } from '../../../src/base/log.ts';
import { namedBatchId, nextBatchId } from '../../../src/kdb/batch-id.ts';
import { batchOf, point, rowsOf } from '../../engines/points.ts';
import { openStore, volumesFor } from '../../engines/store-in-temp.ts';

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
const silent = winston.createLogger({ silent: true });

const keys = [
  ['a named id after a day', namedBatchId('a'), dayMs, true],
  ['a named id after 13 days', namedBatchId('a'), 13 * dayMs, true],
  ['a named id after 16 days', namedBatchId('a'), 16 * dayMs, false],
  ['an id of zeros after 13 days', Buffer.alloc(16), 13 * dayMs, true],
  ['any other id after 5 minutes', nextBatchId(), 5 * minuteMs, true],
  ['any other id after half an hour', nextBatchId(), 30 * minuteMs, false],
  ['a named id when the clock was set back', namedBatchId('a'), -30 * dayMs, true],
] as const;

for (const [what, id, laterMs, isKnown] of keys) {
  test(`${what} is ${isKnown ? 'known' : 'forgotten'}`, () => {
    let nowMs = 1_800_000_000_000;
    const applied = new AppliedBatches(() => nowMs, 4 << 20, silent);
    applied.add(id);
    nowMs += laterMs;
    // Room is made when something comes.
    for (const other of [nextBatchId(), namedBatchId('other')]) applied.add(other);
    assert.equal(applied.has(id), isKnown);
    const restored = new AppliedBatches(() => nowMs, 4 << 20, silent);
    restored.load(deserialize(serialize(applied.save())));
    assert.equal(restored.has(id), isKnown);
    restored.add(randomBytes(16));
    assert.equal(restored.has(id), isKnown);
  });
}

test('of more ids than there is room for the oldest are forgotten, and the log says so', () => {
  const warnings: unknown[] = [];
  const log = { warn: (_: string, details: unknown) => warnings.push(details) } as unknown as Log;
  const applied = new AppliedBatches(() => 0, 2 << 20, log);
  const ids = Array.from({ length: 3 * segmentIds }, (_, i) => namedBatchId(String(i)));
  for (const id of ids) applied.add(id);
  assert.deepEqual(warnings, [{ ids: segmentIds, kept: 2 * segmentIds }]);
  assert.ok(!ids.slice(0, segmentIds).some((id) => applied.has(id)));
  assert.ok(ids.slice(segmentIds).every((id) => applied.has(id)));
  const bytes = applied.save().reduce((sum, { slots }) => sum + slots.byteLength, 0);
  assert.equal(bytes, 2 << 20);
});

test('requests without a key leave room for those that have one', () => {
  const applied = new AppliedBatches(() => 0, 2 << 20, silent);
  applied.add(namedBatchId('once'));
  const others = Array.from({ length: 10 * segmentIds }, nextBatchId);
  for (const id of others) applied.add(id);
  assert.ok(applied.has(namedBatchId('once')));
  assert.ok(others.slice(-segmentIds).every((id) => applied.has(id)));
  assert.ok(applied.save().length <= 9);
});

test('a repeated batch changes nothing, also over checkpoints and restarts', async (t) => {
  const volumes = volumesFor(t, 1);
  const inDays = (days: number) => ({ now: () => 1_800_000_000_000 + days * dayMs });
  let store = await openStore(volumes, inDays(0));
  t.after(() => store.close());
  const give = (of: Store, value: number, key: string) =>
    of.insert(batchOf([point('m', {}, 1n, { f: value })], namedBatchId(key)));
  const newest = async () => rowsOf(await store.latest({ series: 'm', where: null, fields: [] }));
  const reopen = async (days: number) => {
    await store.close();
    store = await openStore(volumes, inDays(days));
  };
  await give(store, 1, 'journalled');
  await reopen(1);
  assert.equal((await give(store, 9, 'journalled')).rows, 0n);
  await give(store, 2, 'in the state');
  await store.checkpoint();
  await reopen(7);
  assert.equal((await give(store, 9, 'in the state')).rows, 0n);
  await store.checkpoint();
  await store.checkpoint();
  await reopen(13);
  assert.equal((await give(store, 9, 'in the state')).rows, 0n);
  assert.deepEqual(await newest(), [[1n, 2]]);
  assert.equal((await give(store, 3, 'new')).rows, 1n);
});
