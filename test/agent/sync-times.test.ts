import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SyncTimes } from '../../kdb/agent/sync-times.ts';

test('what 99 of 100 syncs did not exceed, since the last time', () => {
  const times = new SyncTimes();
  assert.equal(times.takeP99(), undefined);
  for (let i = 200; i > 0; i--) times.add(i);
  assert.equal(times.takeP99(), 198);
  times.add(3);
  assert.equal(times.takeP99(), 3);
  for (let i = 0; i < 10_000; i++) times.add(i);
  assert.equal(times.takeP99(), 9_959);
});
