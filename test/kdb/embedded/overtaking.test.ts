// Requests that overtake each other, and blocks that are sealed between them.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Store } from '../../../kdb/embedded/store.ts';
import type { InsertPart, QuerySpec } from '../../../src/kdb/engine.ts';
import { agrees } from '../../engines/agreement.ts';
import { batchOf, type Point, point, rowsOf } from '../../engines/points.ts';
import { fieldNames, fieldTypes, query } from '../../engines/random.ts';
import { Reference } from '../../engines/reference.ts';
import { openStore, volumesFor } from '../../engines/store-in-temp.ts';

const blockRows = 65_536;
const secondNs = 1_000_000_000n;

function insert(store: Store, part: InsertPart) {
  return store.insert({ batchId: randomBytes(16), parts: [part] });
}

/** Rows of a tag set that no query asks for: enough to seal the block that is open. */
async function seal(store: Store, from: number): Promise<void> {
  await insert(store, {
    series: 'm',
    tagNames: ['host'],
    keys: [['filler']],
    keyCount: 1,
    row: new Int32Array(blockRows),
    timeNs: BigInt64Array.from({ length: blockRows }, (_, i) => 1_000_000n * secondNs + BigInt(from + i)),
    fields: [{ name: 'f', validity: null, data: { type: 'float', values: new Float64Array(blockRows) } }],
  });
}

const fields = fc
  .record(
    {
      f: fc.integer({ min: -8, max: 8 }).map((n) => n / 4),
      l: fc.bigInt(-5n, 5n),
      b: fc.boolean(),
      s: fc.constantFrom('', 'x', 'yé'),
    },
    { requiredKeys: [] },
  )
  .filter((given) => Object.keys(given).length > 0);
/** Of two tag sets in half a minute around a place that moves on from batch to batch. */
const batches = fc.array(
  fc.record({
    points: fc.array(fc.record({ host: fc.constantFrom('a', 'b'), second: fc.nat(30), fields }), {
      minLength: 1,
      maxLength: 30,
    }),
    event: fc.constantFrom('nothing', 'nothing', 'look', 'look', 'seal', 'seal', 'checkpoint'),
    queries: fc.array(query, { minLength: 2, maxLength: 3 }),
  }),
  { minLength: 2, maxLength: 10 },
);

/** The points of these tests are some seconds apart where those of other random tests are hours apart. */
function inSeconds({ fromNs, toNs, bucket, after, ...spec }: QuerySpec): QuerySpec {
  const scaled = (ns: bigint) => (ns === 1n ? 1n : ns / 3_600n);
  if (bucket?.kind === 'width')
    bucket = { ...bucket, widthNs: scaled(bucket.widthNs), originNs: bucket.originNs / 3_600n };
  else if (bucket) bucket = { ...bucket, edgesNs: bucket.edgesNs.map(scaled) };
  if (after) after = { ...after, timeNs: scaled(after.timeNs) };
  return { ...spec, fromNs: scaled(fromNs), toNs: scaled(toNs), bucket, after };
}

test('points that come in any order, in blocks that overlap, agree with the reference', async (t) => {
  await fc.assert(
    fc.asyncProperty(batches, fc.boolean(), async (steps, isReplayed) => {
      const volumes = volumesFor(t, 2);
      let store = await openStore(volumes);
      const model = new Reference();
      model.define('m', ['host', 'rack'], fieldNames);
      await store.define({
        series: 'm',
        tags: ['host', 'rack'],
        fields: fieldNames.map((name) => ({ name, type: fieldTypes[name] })),
      });
      const filler = [point('m', { host: 'filler' }, 1n, { f: 0 })];
      model.insert(filler);
      await store.insert(batchOf(filler));
      const agree = async (queries: readonly QuerySpec[]) => {
        for (const spec of queries) {
          const own = { op: 'in', tag: 'host', values: ['a', 'b'] } as const;
          const where = spec.where ? ({ op: 'and', of: [own, spec.where] } as const) : own;
          await agrees(store, model, { ...inSeconds(spec), series: 'm', where });
        }
      };
      try {
        for (const [step, { points, event, queries }] of steps.entries()) {
          const given: Point[] = points.map(({ host, second, fields: values }) =>
            point('m', { host }, BigInt(second + 8 * step) * secondNs, values),
          );
          model.insert(given);
          await store.insert(batchOf(given));
          if (event === 'seal') await seal(store, step * blockRows);
          if (event === 'checkpoint') await store.checkpoint();
          if (event === 'look') await agree(queries);
        }
        const queries = steps.flatMap((step) => step.queries);
        await agree(queries);
        if (isReplayed) {
          await store.close();
          store = await openStore(volumes);
          await agree(queries);
        }
        await store.checkpoint();
        await agree(queries);
      } finally {
        await store.close();
      }
    }),
    { numRuns: Number(process.env['TSG_MODEL_RUNS'] ?? 12) },
  );
});

const hosts = 100;
const batchRows = 5_000;
const batchCount = 40;

/** One batch of a load: at each step a point of every host. */
function loaded(batch: number): InsertPart {
  const rows = Array.from({ length: batchRows }, (_, i) => batch * batchRows + i);
  return {
    series: 'cpu',
    tagNames: ['host'],
    keys: [Array.from({ length: hosts }, (_, host) => `h${host}`)],
    keyCount: hosts,
    row: Int32Array.from(rows, (row) => row % hosts),
    timeNs: BigInt64Array.from(rows, (row) => BigInt(Math.floor(row / hosts)) * 10n * secondNs),
    fields: [{ name: 'v', validity: null, data: { type: 'float', values: Float64Array.from(rows) } }],
  };
}

test('a load over 4 connections leaves no late rows', async (t) => {
  const store = await openStore(volumesFor(t, 2));
  try {
    let late = 0n;
    for (let first = 0; first < batchCount; first += 4)
      for (const batch of [2, 0, 3, 1]) late += (await insert(store, loaded(first + batch))).late;
    // Of four batches the second and the last to come are overtaken.
    assert.equal(late, BigInt((batchCount / 2) * batchRows));
    assert.equal((await store.stats()).lateRows, 0n);
    const steps = (batchCount * batchRows) / hosts;
    const sum = (host: number) => hosts * ((steps * (steps - 1)) / 2) + host * steps;
    const spec: QuerySpec = {
      series: 'cpu',
      fromNs: 0n,
      toNs: 10n ** 15n,
      where: null,
      by: ['host'],
      bucket: null,
      select: [
        { op: 'sum', field: 'v', as: 'sum' },
        { op: 'last', field: 'v', as: 'last' },
      ],
      fields: [],
      order: 'asc',
      limit: hosts,
      cut: false,
      after: null,
    };
    const expected = Array.from({ length: hosts }, (_, host) => [`h${host}`, sum(host), (steps - 1) * hosts + host]);
    expected.sort(([a], [b]) => (a! < b! ? -1 : 1));
    const points = { ...spec, select: [], where: { op: 'in', tag: 'host', values: ['h7'] } as const, limit: steps };
    for (const order of ['asc', 'desc'] as const) {
      const values = Array.from({ length: steps }, (_, step) => step * hosts + 7);
      if (order === 'desc') values.reverse();
      assert.deepEqual(
        rowsOf(await store.query({ ...points, order })).map((row) => row.at(-1)),
        values,
      );
    }
    assert.deepEqual(rowsOf(await store.query(spec)), expected);
    await store.checkpoint();
    assert.deepEqual(rowsOf(await store.query(spec)), expected);
  } finally {
    await store.close();
  }
});
