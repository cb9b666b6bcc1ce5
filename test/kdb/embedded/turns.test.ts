// A checkpoint takes turns with everybody else: none of its steps holds the one thread for long, whatever the data looks like.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import test from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { FieldColumn, InsertBatch } from '../../../src/kdb/engine.ts';
import { openStore, volumesFor } from '../../engines/store-in-temp.ts';

/** What writes and queries may have to wait; measured 10 to 30 (CPU of the main thread, so that a busy machine does not count). */
const longestTurnMs = 250;

const floats = (name: string, rows: number): FieldColumn => ({
  name,
  validity: null,
  data: { type: 'float', values: Float64Array.from({ length: rows }, (_, row) => ((row * 7919) % 1000) / 7) },
});

const texts = (name: string, rows: number): FieldColumn => {
  const strings = Array.from({ length: rows }, (_, row) => Buffer.from(`${row * 7919} is the number of this row`));
  const lengths = Int32Array.from(strings, ({ length }) => length);
  return { name, validity: null, data: { type: 'string', values: { lengths, bytes: Buffer.concat(strings) } } };
};

function batch(sets: number, rows: number, fields: readonly FieldColumn[]): InsertBatch {
  const keys = [Array.from({ length: sets }, (_, set) => `host-${set}`)];
  const row = Int32Array.from({ length: rows }, (_, i) => i % sets);
  const timeNs = BigInt64Array.from({ length: rows }, (_, i) => BigInt(i) * 1_000_000n);
  return {
    batchId: randomBytes(16),
    parts: [{ series: 'm', tagNames: ['host'], keys, keyCount: sets, row, timeNs, fields }],
  };
}

async function longestTurn(work: Promise<unknown>): Promise<number> {
  let isDone = false;
  const watched = work.finally(() => {
    isDone = true;
  });
  let longest = 0;
  for (let last = process.threadCpuUsage(); !isDone; ) {
    await setImmediate();
    const now = process.threadCpuUsage();
    longest = Math.max(longest, now.user + now.system - last.user - last.system);
    last = now;
  }
  await watched;
  return longest / 1000;
}

const shapes: [string, () => InsertBatch][] = [
  ['many tag sets', () => batch(100_000, 100_000, [floats('a', 100_000)])],
  [
    'wide rows',
    () =>
      batch(
        10,
        4_000,
        Array.from({ length: 400 }, (_, i) => floats(`f${i}`, 4_000)),
      ),
  ],
  ['strings that differ', () => batch(10, 60_000, [texts('s', 60_000)])],
  ['one tag set', () => batch(1, 130_000, [floats('a', 130_000), floats('b', 130_000)])],
];

for (const [name, make] of shapes) {
  test(`${name}: no turn of a checkpoint is long, with late rows neither`, async (t) => {
    const store = await openStore(volumesFor(t, 2));
    t.after(() => store.close());
    await store.insert(make());
    const first = await longestTurn(store.checkpoint());
    await store.insert(make());
    const second = await longestTurn(store.checkpoint());
    t.diagnostic(`longest turns ${first.toFixed(1)} and ${second.toFixed(1)} ms of CPU`);
    assert.ok(Math.max(first, second) < longestTurnMs, `${first} and ${second} ms`);
  });
}

test('many tag sets: no turn of their latest points is long, nor of the retention that forgets them', async (t) => {
  const store = await openStore(volumesFor(t, 1));
  t.after(() => store.close());
  const sets = 100_000;
  await store.insert(batch(sets, sets, [floats('a', sets), floats('b', sets)]));
  const all = { series: 'm', where: null, fields: [] };
  const latest = await longestTurn(store.latest(all));
  const retained = await longestTurn(store.retain(1n << 60n));
  t.diagnostic(`longest turns ${latest.toFixed(1)} and ${retained.toFixed(1)} ms of CPU`);
  assert.ok(Math.max(latest, retained) < longestTurnMs, `${latest} and ${retained} ms`);
  assert.equal((await store.latest(all)).rows, 0);
});
