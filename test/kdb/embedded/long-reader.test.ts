import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { type FileLayer, realFiles } from '../../../kdb/embedded/files.ts';
import type { QuerySpec } from '../../../src/kdb/engine.ts';
import { batchOf, point, rowsOf } from '../../engines/points.ts';
import { openStore, volumesFor } from '../../engines/store-in-temp.ts';
import { until } from '../../until.ts';

const dayNs = 86_400_000_000_000n;
const everything: QuerySpec = {
  series: 'm',
  fromNs: 0n,
  toNs: 10n * dayNs,
  where: null,
  by: [],
  bucket: null,
  select: [],
  fields: ['f'],
  order: 'asc',
  limit: 100,
  cut: true,
  after: null,
};

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
