import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { batchOf, point } from '../../engines/points.ts';
import { openStore, volumesFor } from '../../engines/store-in-temp.ts';
import { until } from '../../until.ts';

const dayNs = 86_400_000_000_000n;

test('the rows of a dropped series leave the disk with the next checkpoint', async (t) => {
  const volumes = volumesFor(t, 1);
  let store = await openStore(volumes);
  t.after(() => store.close());
  const give = (series: string, day: bigint, rows: number) =>
    store.insert(batchOf(Array.from({ length: rows }, (_, i) => point(series, {}, day * dayNs + BigInt(i), { f: i }))));
  const parts = async () => {
    await until('what is in no manifest to be removed', async () => {
      const names = readdirSync(volumes[0]!).filter((name) => name.startsWith('part-'));
      return names.length === Number((await store.stats()).parts);
    });
    return Number((await store.stats()).parts);
  };
  // Day 0: the large series alone; 1: with a small one; 2: with one as large.
  for (const day of [0n, 1n, 2n]) await give('large', day, 100);
  await give('small', 1n, 10);
  await give('other', 2n, 100);
  await store.checkpoint();
  const before = await store.stats();
  assert.equal(await parts(), 3);
  await store.drop('large');
  await store.checkpoint();
  assert.equal(await parts(), 2);
  const bytes = (await store.stats()).bytesPerVolume[0]!;
  assert.ok(bytes < before.bytesPerVolume[0]!, `${bytes} of ${before.bytesPerVolume[0]}`);
  await store.drop('small');
  await store.checkpoint();
  assert.equal(await parts(), 1);
  await store.close();
  store = await openStore(volumes);
  const { series } = await store.series({ after: null, limit: 10 });
  assert.deepEqual(
    series.map(({ series: name, rows }) => [name, rows]),
    [['other', 100n]],
  );
});
