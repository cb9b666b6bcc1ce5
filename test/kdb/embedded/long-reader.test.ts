import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { type FileLayer, realFiles } from '../../../kdb/embedded/storage/files.ts';
import { nextBatchId } from '../../../src/kdb/batch-id.ts';
import { batchOf, point, queryOf, rowsOf } from '../../engines/points.ts';
import { openStore, volumesFor } from '../../engines/store-in-temp.ts';
import { until } from '../../until.ts';

const dayNs = 86_400_000_000_000n;
const everything = queryOf('m', { fromNs: 0n, toNs: 10n * dayNs, fields: ['f'], limit: 100 });

test('a reader that never ends holds up no checkpoint, and keeps no more than the files that it began with', async (t) => {
  const volumes = volumesFor(t, 2);
  const reading = Promise.withResolvers<void>();
  const free = Promise.withResolvers<void>();
  let isHeld = false;
  const files: FileLayer = {
    ...realFiles,
    async readAt(path, ranges) {
      // The first day is on the first volume, the second day on the other one.
      if (isHeld && path.startsWith(volumes[0]!)) {
        reading.resolve();
        await free.promise;
      }
      return realFiles.readAt(path, ranges);
    },
  };
  const store = await openStore(volumes, { files });
  t.after(() => store.close());
  const give = (day: bigint, second: number, f: number) =>
    store.insert(batchOf([point('m', {}, day * dayNs + BigInt(second) * 1_000_000_000n, { f })]));
  const parts = () => volumes.flatMap((volume) => readdirSync(volume).filter((name) => name.startsWith('part-')));
  await give(0n, 1, 1);
  await give(1n, 1, 2);
  await store.checkpoint();
  await give(1n, 2, 3);
  isHeld = true;
  const reader = store.query(everything);
  await reading.promise;

  for (let round = 0; round < 10; round++) {
    await give(1n, 1, 10 + round);
    await give(1n, 2, 20 + round);
    await store.checkpoint();
    const { hotRows, lateRows, parts: live } = await store.stats();
    assert.deepEqual([hotRows, lateRows, live], [0n, 0n, 2n]);
    // Files are removed behind the checkpoint's back.
    await until('the parts between to be removed', () => parts().length === 3);
  }
  isHeld = false;
  free.resolve();
  const values = async (query: ReturnType<typeof store.query>) => rowsOf(await query).map(([, f]) => f);
  assert.deepEqual(await values(reader), [1, 2, 3]);
  assert.deepEqual(await values(store.query(everything)), [1, 19, 29]);
  await until('the old part to be removed', () => parts().length === 2);
});

test('rows that are kept for readers only count as memory in use', async (t) => {
  const volumes = volumesFor(t, 2);
  const free = Promise.withResolvers<void>();
  let isHeld = false;
  let held = 0;
  const files: FileLayer = {
    ...realFiles,
    async readAt(path, ranges) {
      if (isHeld && path.startsWith(volumes[0]!)) {
        held++;
        await free.promise;
      }
      return realFiles.readAt(path, ranges);
    },
  };
  const store = await openStore(volumes, { files, budgetBytes: 8 << 20 });
  t.after(() => store.close());
  await store.insert(batchOf([point('m', {}, 1n, { f: 1 })]));
  await store.checkpoint();
  isHeld = true;
  let next = 0;
  const refusals: string[] = [];
  const give = async () => {
    const rows = 70_000;
    const f = { name: 'f', validity: null, data: { type: 'float', values: new Float64Array(rows) } } as const;
    const part = {
      series: 'm',
      tagNames: [],
      keys: [],
      keyCount: 1,
      row: new Int32Array(rows),
      timeNs: BigInt64Array.from({ length: rows }, () => dayNs + BigInt(next++)),
      fields: [f],
    };
    await store.insert({ batchId: nextBatchId(), parts: [part] }).catch((error: Error) => refusals.push(error.message));
  };
  // Each of them holds a full block, which is in a part when the next one begins.
  const readers: Promise<unknown>[] = [];
  for (let round = 0; refusals.length === 0 && round < 20; round++) {
    await give();
    readers.push(store.query({ ...everything, limit: 1 }));
    await until('the reader to be held', () => held === 1);
    await store.checkpoint();
  }
  assert.deepEqual(new Set(refusals), new Set(['EngineBusy']));
  isHeld = false;
  free.resolve();
  await Promise.all(readers);
  await until('writes to be taken again', async () => {
    refusals.length = 0;
    await give();
    return refusals.length === 0;
  });
});
