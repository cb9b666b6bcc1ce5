// Random commands on a store and on the reference; after each, random queries must agree.
import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Store } from '../../kdb/embedded/store.ts';
import type { Filter, QuerySpec } from '../../src/kdb/engine.ts';
import { batchOf, type Cell, type Point, rowsOf } from './points.ts';
import { Reference } from './reference.ts';
import { openStore, volumesFor } from './store-in-temp.ts';

const hourNs = 3_600_000_000_000n;
const fieldNames = ['f', 'l', 'b', 's'] as const;
const seriesNames = ['m', 'n'];

/** Few distinct times and tag sets, so that points meet: three days around 1970 and one far away. */
const time = fc.oneof(
  { weight: 9, arbitrary: fc.integer({ min: -30, max: 42 }).map((hour) => BigInt(hour) * hourNs) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 3 }).map((i) => 1_800_000_000_000_000_007n + BigInt(i)) },
);
const tags = fc.record(
  { host: fc.constantFrom('', 'a', 'b', 'é'), rack: fc.constantFrom('', '1', '2') },
  { requiredKeys: ['host'] },
);
const long = fc.oneof(
  { weight: 9, arbitrary: fc.bigInt(-5n, 5n) },
  { weight: 1, arbitrary: fc.constantFrom(2n ** 53n + 1n, -(2n ** 60n), 2n ** 53n) },
);
const fields = fc
  .record(
    {
      f: fc.integer({ min: -8, max: 8 }).map((n) => n / 4),
      l: long,
      b: fc.boolean(),
      s: fc.constantFrom('', 'x', 'yé'),
    },
    { requiredKeys: [] },
  )
  .filter((given) => Object.keys(given).length > 0);
const points = fc.array(fc.record({ series: fc.constantFrom(...seriesNames), tags, timeNs: time, fields }), {
  minLength: 1,
  maxLength: 12,
}) as fc.Arbitrary<Point[]>;

const leaf: fc.Arbitrary<Filter> = fc.oneof(
  fc.record({
    op: fc.constant('in' as const),
    tag: fc.constantFrom('host', 'rack'),
    values: fc.subarray(['', 'a', 'b', '1', 'none']),
  }),
  fc.record({
    op: fc.constantFrom('eq' as const, 'lt' as const, 'ge' as const),
    field: fc.constantFrom('f', 'l'),
    value: fc.integer({ min: -3, max: 3 }),
  }),
  fc.record({
    op: fc.constantFrom('ne' as const, 'gt' as const),
    field: fc.constant('s'),
    value: fc.constantFrom('', 'x'),
  }),
  fc.record({ op: fc.constant('eq' as const), field: fc.constant('b'), value: fc.boolean() }),
  fc.record({ op: fc.constant('null' as const), field: fc.constantFrom(...fieldNames) }),
);
const filter: fc.Arbitrary<Filter | null> = fc.option(
  fc.oneof(
    leaf,
    fc.record({ op: fc.constantFrom('and' as const, 'or' as const), of: fc.array(leaf, { maxLength: 3 }) }),
    leaf.map((inner) => ({ op: 'not' as const, of: inner })),
  ),
);
const bucket = fc.oneof(
  fc.constant(null),
  fc.record({
    kind: fc.constant('width' as const),
    widthNs: fc.constantFrom(1n, hourNs, 7n * hourNs, 24n * hourNs, 2n ** 51n + 1n),
    originNs: fc.constantFrom(0n, 5n * hourNs, -3n),
  }),
  fc
    .uniqueArray(time, { minLength: 2, maxLength: 5 })
    .map((edges) => ({ kind: 'edges' as const, edgesNs: BigInt64Array.from(edges).sort() })),
);
const aggregates = [
  ...(['count', 'sum', 'avg', 'min', 'max', 'first', 'last'] as const).flatMap((op) =>
    ['f', 'l'].map((field) => ({ op, field, as: `${op}_${field}` })),
  ),
  ...(['count', 'first', 'last'] as const).flatMap((op) =>
    ['b', 's'].map((field) => ({ op, field, as: `${op}_${field}` })),
  ),
];
const range = fc
  .tuple(fc.option(time), fc.option(time))
  .map(([from, to]) => ({ fromNs: from ?? -(10n ** 18n), toNs: to ?? 2n * 10n ** 18n }));
const query: fc.Arbitrary<QuerySpec> = fc
  .record({
    series: fc.constantFrom(...seriesNames),
    range,
    where: filter,
    by: fc.subarray(['host', 'rack']),
    bucket,
    select: fc.oneof(fc.constant([]), fc.subarray(aggregates, { minLength: 1 })),
    fields: fc.subarray([...fieldNames]),
    order: fc.constantFrom('asc' as const, 'desc' as const),
    limit: fc.constantFrom(3, 1000),
    after: fc.option(fc.record({ timeNs: time, id: fc.integer({ min: 0, max: 4 }) }), { freq: 4 }),
  })
  .map(({ range: { fromNs, toNs }, ...spec }) => ({
    ...spec,
    fromNs,
    toNs,
    cut: true,
    bucket: spec.select.length > 0 ? spec.bucket : null,
    after: spec.select.length === 0 && spec.by.length === 0 ? spec.after : null,
  }));

interface Real {
  store: Store;
  volumes: readonly string[];
}
type Command = (model: Reference, real: Real) => Promise<void>;

const commands: fc.Arbitrary<readonly [string, Command]> = fc.oneof(
  {
    weight: 8,
    arbitrary: points.map((given) => [
      `insert ${JSON.stringify(given, (_, v) => (typeof v === 'bigint' ? `${v}n` : v))}`,
      async (model: Reference, real: Real) => {
        model.insert(given);
        const receipt = await real.store.insert(batchOf(given));
        assert.equal(receipt.rows, BigInt(given.length));
      },
    ]),
  },
  {
    weight: 1,
    arbitrary: fc.constant([
      'reopen',
      async (_model: Reference, real: Real) => {
        await real.store.close();
        real.store = await openStore(real.volumes);
      },
    ] as const),
  },
  {
    weight: 1,
    arbitrary: fc.constant([
      'crash',
      // What stands on disk at this moment, without the lock, is what a killed process leaves.
      async (_model: Reference, real: Real) => {
        const copies = real.volumes.map((volume) => `${volume}-after`);
        for (const [i, volume] of real.volumes.entries())
          cpSync(volume, copies[i]!, { recursive: true, filter: (path) => !path.endsWith('/lock') });
        await real.store.close();
        real.volumes = copies;
        real.store = await openStore(copies);
      },
    ] as const),
  },
  {
    weight: 2,
    arbitrary: fc.constant(['checkpoint', async (_model: Reference, real: Real) => real.store.checkpoint()] as const),
  },
  {
    weight: 1,
    arbitrary: fc
      .record({ series: fc.constantFrom(...seriesNames), range, where: filter, dryRun: fc.boolean() })
      .map((spec) => [
        `delete ${JSON.stringify(spec, (_, v) => (typeof v === 'bigint' ? `${v}n` : v))}`,
        async (model: Reference, real: Real) => {
          const gone = await real.store.delete({
            series: spec.series,
            ...spec.range,
            where: spec.where,
            dryRun: spec.dryRun,
          });
          assert.equal(gone, model.delete(spec.series, spec.range.fromNs, spec.range.toNs, spec.where, spec.dryRun));
        },
      ]),
  },
  {
    weight: 1,
    arbitrary: time.map((before) => [
      `retain ${before}`,
      async (model: Reference, real: Real) => {
        await real.store.retain(before);
        model.retain(before);
      },
    ]),
  },
) as fc.Arbitrary<readonly [string, Command]>;

test('a store agrees with the reference', async (t) => {
  const runs = Number(process.env['TSG_MODEL_RUNS'] ?? 60);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(commands, fc.array(query, { minLength: 2, maxLength: 4 })), { minLength: 1, maxLength: 14 }),
      fc.constantFrom(1, 2, 3),
      async (steps, volumeCount) => {
        const volumes = volumesFor(t, volumeCount);
        const real: Real = { store: await openStore(volumes), volumes };
        const model = new Reference();
        try {
          for (const series of seriesNames) {
            model.define(series, ['host', 'rack'], fieldNames);
            const types = { f: 'float', l: 'long', b: 'boolean', s: 'string' } as const;
            await real.store.define({
              series,
              tags: ['host', 'rack'],
              fields: fieldNames.map((name) => ({ name, type: types[name] })),
            });
          }
          for (const [[, command], queries] of steps) {
            await command(model, real);
            for (const spec of queries) await compare(model, real.store, spec);
          }
        } finally {
          await real.store.close();
        }
      },
    ),
    { numRuns: runs, ...(process.env['TSG_MODEL_SEED'] ? { seed: Number(process.env['TSG_MODEL_SEED']) } : {}) },
  );
});

async function compare(model: Reference, store: Store, spec: QuerySpec): Promise<void> {
  let expected: Cell[][] | 'overflow' = model.query(spec);
  if (expected.flat().some((cell) => typeof cell === 'bigint' && BigInt.asIntN(64, cell) !== cell))
    expected = 'overflow';
  const actual = await store.query(spec).then(rowsOf, (error: Error) => {
    assert.match(error.message, /LongOverflow/);
    return 'overflow' as const;
  });
  assert.deepEqual(rounded(actual), rounded(expected));
  const latest = { series: spec.series, where: spec.where, fields: spec.fields };
  assert.deepEqual(rowsOf(await store.latest(latest)), model.latest(latest));
}

/** Sums of floats depend on the order of adding in the last digits. */
function rounded(rows: Cell[][] | 'overflow'): unknown {
  if (rows === 'overflow') return rows;
  return rows.map((row) => row.map((cell) => (typeof cell === 'number' ? Number(cell.toPrecision(12)) : cell)));
}
