// Random points and queries, dense enough to meet each other.
import fc from 'fast-check';
import type { Aggregate, AsofSpec, Filter, QuerySpec } from '../../src/kdb/engine.ts';
import type { Point } from './points.ts';

const hourNs = 3_600_000_000_000n;
export const fieldNames = ['f', 'l', 'b', 's'] as const;
export const seriesNames = ['m', 'n'];

/** Few distinct times and tag sets, so that points meet: three days around 1970 and one far away. */
export const time = fc.oneof(
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
export const points = fc.array(fc.record({ series: fc.constantFrom(...seriesNames), tags, timeNs: time, fields }), {
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
export const filter: fc.Arbitrary<Filter | null> = fc.option(
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
const aggregates: readonly Aggregate[] = [
  ...(
    [
      'count',
      'sum',
      'avg',
      'min',
      'max',
      'first',
      'last',
      'spread',
      'stddev',
      'variance',
      'median',
      'distinct',
    ] as const
  ).flatMap((op) => ['f', 'l'].map((field) => ({ op, field, as: `${op}_${field}` }))),
  ...(['count', 'first', 'last', 'distinct'] as const).flatMap((op) =>
    ['b', 's'].map((field) => ({ op, field, as: `${op}_${field}` })),
  ),
  ...[0, 10, 99.5, 100].flatMap((p) =>
    ['f', 'l'].map((field) => ({ op: 'percentile' as const, field, as: `p${p}_${field}`, p })),
  ),
  ...(['increase', 'delta', 'rate', 'derivative', 'integral', 'twa'] as const).map((op) => ({
    op,
    field: 'f',
    as: op,
  })),
  { op: 'wavg', field: 'f', as: 'wavg_f', weight: 'f' },
];
export const range = fc
  .tuple(fc.option(time), fc.option(time))
  .map(([from, to]) => ({ fromNs: from ?? -(10n ** 18n), toNs: to ?? 2n * 10n ** 18n }));
export const query: fc.Arbitrary<QuerySpec> = fc
  .record({
    series: fc.constantFrom(...seriesNames),
    range,
    where: filter,
    by: fc.subarray(['host', 'rack']),
    bucket,
    select: fc.oneof(fc.constant([]), fc.subarray([...aggregates], { minLength: 1 })),
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

export const asof: fc.Arbitrary<AsofSpec> = fc
  .record({
    series: fc.constantFrom(...seriesNames),
    range,
    where: filter,
    fields: fc.subarray([...fieldNames]),
    by: fc.subarray(['host', 'rack']),
    other: fc.record({
      series: fc.constantFrom(...seriesNames),
      where: filter,
      fields: fc.subarray([...fieldNames]),
    }),
    toleranceNs: fc.option(fc.constantFrom(0n, hourNs, 30n * hourNs, 2n ** 62n)),
    order: fc.constantFrom('asc' as const, 'desc' as const),
    limit: fc.constantFrom(3, 1000),
    after: fc.option(fc.record({ timeNs: time, id: fc.integer({ min: 0, max: 4 }) }), { freq: 4 }),
  })
  .map(({ range: given, ...spec }) => ({ ...spec, ...given }));

export const fieldTypes = { f: 'float', l: 'long', b: 'boolean', s: 'string' } as const;
