// An aggregation reads parts in windows of bounded size: cut by tag sets, and by time where few tag sets have all the rows. Their sum is the whole.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import test from 'node:test';
import type { Explanation, QuerySpec } from '../../../src/kdb/engine.ts';
import { rowsOf } from '../../engines/points.ts';
import { openStore, volumesFor } from '../../engines/store-in-temp.ts';

const fields = 40;
/** At 8 bytes a value, 40 MB. */
const rows = 120_000;

const spec: QuerySpec = {
  series: 'm',
  fromNs: 1_000_000n,
  toNs: BigInt(rows) * 1_000_000n,
  where: null,
  by: ['host'],
  bucket: null,
  select: Array.from({ length: fields }, (_, i) => [
    { op: 'sum' as const, field: `f${i}`, as: `sum${i}` },
    { op: 'last' as const, field: `f${i}`, as: `last${i}` },
  ]).flat(),
  fields: [],
  order: 'asc',
  limit: 1_000,
  cut: true,
  after: null,
};

for (const sets of [1, 3, 5_000]) {
  test(`${sets} tag sets: windows give what rows in memory give`, async (t) => {
    const store = await openStore(volumesFor(t, 1));
    t.after(() => store.close());
    const step = 30_000;
    for (let from = 0; from < rows; from += step) {
      await store.insert({
        batchId: randomBytes(16),
        parts: [
          {
            series: 'm',
            tagNames: ['host'],
            keys: [Array.from({ length: sets }, (_, set) => `h${set}`)],
            keyCount: sets,
            row: Int32Array.from({ length: step }, (_, i) => (from + i) % sets),
            timeNs: BigInt64Array.from({ length: step }, (_, i) => BigInt(from + i) * 1_000_000n),
            fields: Array.from({ length: fields }, (_, f) => ({
              name: `f${f}`,
              validity: null,
              data: {
                type: 'float',
                values: Float64Array.from({ length: step }, (_, i) => ((from + i) * 7919 + f) % 1009),
              },
            })),
          },
        ],
      });
    }
    const ask = { ...spec, limit: 5_000 };
    // Steps are of neighbours, whichever windows they are in; of many tag sets the windows are cut by these.
    const steps = ask.select.flatMap(({ op, field, as }) =>
      op === 'sum' && sets < 10 ? { op: 'increase' as const, field, as } : [],
    );
    const inOrder = { ...ask, select: [...steps, ...ask.select.slice(0, 1)] };
    const hot = rowsOf(await store.query(ask));
    const hotInOrder = rowsOf(await store.query(inOrder));
    await store.checkpoint();
    const { hotRows }: Explanation = await store.explain(ask);
    assert.equal(hotRows, 0n);
    assert.deepEqual(rowsOf(await store.query(ask)), hot);
    assert.deepEqual(rowsOf(await store.query(inOrder)), hotInOrder);
  });
}
