// Pages of raw points where there are far more tag sets than points on a page: together they are the whole, in its order.
import assert from 'node:assert/strict';
import test from 'node:test';
import type { Cursor } from '../../../src/kdb/engine.ts';
import { batchOf, point, queryOf, rowsOf } from '../../engines/points.ts';
import { openStore, volumesFor } from '../../engines/store-in-temp.ts';

const sets = 600;

function points(round: number) {
  return Array.from({ length: sets }, (_, i) => {
    // Times in several orders, many of them the same.
    const timeNs = BigInt((i * 7 + round * 13) % 50) + BigInt(round % 3) * 20n;
    return point('m', { host: `h${(i * 31) % sets}` }, timeNs, { v: i + round / 10, w: round });
  });
}

const everything = queryOf('m', { fromNs: -10n, toNs: 1_000n });

test('pages are the whole', async (t) => {
  const store = await openStore(volumesFor(t, 2));
  t.after(() => store.close());
  const check = async (when: string) => {
    for (const order of ['asc', 'desc'] as const) {
      const whole = rowsOf(await store.query({ ...everything, order }));
      const paged: unknown[] = [];
      let after: Cursor | null = null;
      do {
        const page = await store.query({ ...everything, order, limit: 97, after });
        paged.push(...rowsOf(page));
        after = page.next;
      } while (after);
      assert.deepEqual(paged, whole, `${when}, ${order}`);
    }
  };
  await store.insert(batchOf(points(0)));
  await store.insert(batchOf(points(1)));
  await check('in one block');
  await store.checkpoint();
  await check('in parts');
  await store.insert(batchOf(points(2)));
  await store.insert(batchOf(points(0)));
  await check('with late rows over parts');
});
