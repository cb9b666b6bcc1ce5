// Points that come while a deletion is on its way: they are given after it, and stay.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Store } from '../../../kdb/embedded/store.ts';
import type { DeleteSpec } from '../../../src/kdb/engine.ts';
import { agrees } from '../../engines/agreement.ts';
import { batchOf, type Point, point, queryOf, rowsOf } from '../../engines/points.ts';
import { fieldNames, fieldTypes, filter, points, query, range, seriesNames, time } from '../../engines/random.ts';
import { Reference } from '../../engines/reference.ts';
import { openStore, volumesFor } from '../../engines/store-in-temp.ts';
import { pausingFiles } from './faulty-files.ts';

const places: Record<string, (path: string) => boolean> = {
  'the first part': (path) => path.includes('/part-'),
  'the state': (path) => path.includes('/state-'),
  'the manifest': (path) => path.includes('/manifest'),
};

const at = (second: number, fields: Point['fields']) =>
  point('m', { host: 'a' }, BigInt(second) * 1_000_000_000n, fields);
const latest = async (store: Store) => rowsOf(await store.latest({ series: 'm', where: null, fields: ['a', 'b'] }));
const second = 1_000_000_000n;

// The newest point, at 100 s, is deleted; the one before it stands at 50 s.
for (const [what, meanwhile, newest, values] of [
  ['a late point', [at(70, { a: 7 })], 70n, [7, 2]],
  ['a late point of one field', [at(70, { b: 7 })], 70n, [1, 7]],
  ['the deleted point again', [at(100, { a: 7 })], 100n, [7, 2]],
  ['a late point, twice', [at(70, { a: 6, b: 6 }), at(70, { a: 7 })], 70n, [7, 6]],
  ['a newer point and a late one', [at(120, { a: 12 }), at(70, { b: 7 })], 120n, [12, 7]],
] as const) {
  for (const [place, isPlace] of Object.entries(places)) {
    test(`${what} while a deletion is held up before ${place}`, async (t) => {
      const volumes = volumesFor(t, 1);
      const { files, reached, goOn } = pausingFiles(isPlace);
      const before = await openStore(volumes);
      await before.insert(batchOf([at(50, { a: 1, b: 2 }), at(100, { a: 3, b: 4 })]));
      await before.close();
      let store = await openStore(volumes, { files });
      t.after(() => store.close());
      const deletion: DeleteSpec = {
        series: 'm',
        fromNs: 90n * second,
        toNs: 200n * second,
        where: null,
        dryRun: false,
      };
      const deleting = store.delete(deletion);
      await reached;
      for (const given of meanwhile) await store.insert(batchOf([given]));
      goOn();
      assert.equal(await deleting, 1n);
      const expected = [[newest * second, 'a', ...values]];
      assert.deepEqual(await latest(store), expected);
      // Of the same time, the value given last wins, wherever the first one stands.
      await store.insert(batchOf([at(Number(newest), { a: 9 })]));
      const rows = rowsOf(
        await store.query(
          queryOf('m', { fromNs: newest * second, toNs: newest * second + 1n, fields: ['a'], limit: 10 }),
        ),
      );
      assert.deepEqual(rows, [[newest * second, 'a', 9]]);
      await store.close();
      store = await openStore(volumes);
      assert.deepEqual(await latest(store), [[newest * second, 'a', 9, values[1]]]);
    });
  }
}

test('whatever comes during a deletion or a retention, the store agrees with the reference', async (t) => {
  const deletions = fc.oneof(
    fc.record({ series: fc.constantFrom(...seriesNames), range, where: filter }),
    fc.record({ beforeNs: time }),
  );
  const scenario = fc.record({
    first: fc.array(fc.tuple(points, fc.boolean()), { minLength: 1, maxLength: 4 }),
    deletion: deletions,
    place: fc.constantFrom(...Object.values(places)),
    meanwhile: fc.array(points, { minLength: 1, maxLength: 4 }),
    afterwards: points,
    queries: fc.array(query, { minLength: 2, maxLength: 4 }),
  });
  await fc.assert(
    fc.asyncProperty(scenario, async ({ first, deletion, place, meanwhile, afterwards, queries }) => {
      const volumes = volumesFor(t, 2);
      const model = new Reference();
      let store = await openStore(volumes);
      for (const series of seriesNames) {
        model.define(series, ['host', 'rack'], fieldNames);
        const fields = fieldNames.map((name) => ({ name, type: fieldTypes[name] }));
        await store.define({ series, tags: ['host', 'rack'], fields });
      }
      const insert = async (given: readonly Point[]) => {
        model.insert(given);
        await store.insert(batchOf(given));
      };
      const agree = async () => {
        for (const spec of queries) await agrees(store, model, spec);
      };
      try {
        for (const [given, isCheckpointed] of first) {
          await insert(given);
          if (isCheckpointed) await store.checkpoint();
        }
        await store.close();
        const { files, reached, goOn } = pausingFiles(place);
        store = await openStore(volumes, { files });
        let removing: Promise<bigint>;
        if ('beforeNs' in deletion) {
          removing = store.retain(deletion.beforeNs);
          model.retain(deletion.beforeNs);
        } else {
          const { series, range: own, where } = deletion;
          removing = store.delete({ series, ...own, where, dryRun: false });
          model.delete(series, own.fromNs, own.toNs, where);
        }
        await Promise.race([reached, removing]);
        for (const given of meanwhile) await insert(given);
        goOn();
        await removing;
        await agree();
        await insert(afterwards);
        await agree();
        await store.close();
        store = await openStore(volumes);
        await agree();
        await store.checkpoint();
        await agree();
      } finally {
        await store.close();
      }
    }),
    { numRuns: Number(process.env['TSG_MODEL_RUNS'] ?? 25) },
  );
});
