// What is asked by a spec, over a real engine, against a plain computation over arrays.

import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import fc from 'fast-check';
import type { Store } from '../../kdb/embedded/store.ts';
import { ApiError } from '../../src/base/errors.ts';
import { maxTimeNs, minTimeNs, parseIsoNs } from '../../src/base/time.ts';
import { specError } from '../../src/query/fault.ts';
import { planOf } from '../../src/query/plan.ts';
import { readQueryRequest } from '../../src/query/request-schema.ts';
import { runPlan } from '../../src/query/run.ts';
import { expressionsOf, matchTags } from '../../src/query/tag-regex.ts';
import { batchOf, type Cell, point, rowsOf } from '../engines/points.ts';
import { openStore, volumesFor } from '../engines/store-in-temp.ts';

const nowNs = parseIsoNs('2024-06-01')!;
let store: Store;

interface Answered {
  readonly columns: readonly string[];
  readonly rows: Cell[][];
  readonly next: string | null;
  readonly interval: string | null;
}

async function ask(spec: Record<string, unknown>): Promise<Answered> {
  try {
    const request = readQueryRequest(structuredClone(spec));
    const info = await store.describe(request.series);
    const expressions = expressionsOf(info, request.where);
    const matches = await matchTags(expressions, await store.tags(request.series));
    const plan = planOf(info, request, nowNs, matches);
    const { result, next } = await runPlan(plan, (engineSpec) => store.query(engineSpec));
    return { columns: result.columns.map(({ name }) => name), rows: rowsOf(result), next, interval: plan.interval };
  } catch (error) {
    throw specError(error);
  }
}

async function check(spec: Record<string, unknown>, expected: readonly (readonly Cell[])[]): Promise<void> {
  assert.deepEqual((await ask(spec)).rows, expected, JSON.stringify(spec));
}

async function refused(spec: Record<string, unknown>, path: string, code = 'InvalidSpec'): Promise<void> {
  await assert.rejects(ask(spec), (error) => {
    assert.ok(error instanceof ApiError, String((error as Error).stack));
    assert.equal(error.code, code, error.message);
    if (code === 'InvalidSpec')
      assert.deepEqual((error.extra['details'] as { path: string }[])[0]!.path, path, error.message);
    return true;
  });
}

const minute = 60_000_000_000n;
const t0 = parseIsoNs('2024-01-01')!;
const at = (minutes: number): bigint => t0 + BigInt(minutes) * minute;

interface Measured {
  readonly host: string;
  readonly zone: string;
  readonly timeNs: bigint;
  readonly v: number | null;
  readonly n: bigint | null;
}

/** A seeded stream of numbers in [0, 1). */
function randoms(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return (state >>> 0) / 2 ** 32;
  };
}

const random = randoms(11);
/** Gaps, nulls, and integers beyond 2^53. */
const measured: Measured[] = Array.from({ length: 600 }, (_, i): Measured => {
  const host = `h${Math.floor(random() * 4)}`;
  return {
    host,
    zone: random() < 0.5 ? 'a' : 'b',
    timeNs: at(Math.floor(random() * 90)) + BigInt(i),
    v: random() < 0.1 ? null : Math.round(random() * 1000) / 8,
    n: random() < 0.1 ? null : 2n ** 54n + BigInt(Math.floor(random() * 1000)),
  };
}).filter(({ timeNs, host, v, n }) => (v !== null || n !== null) && !(host === 'h1' && timeNs < at(30)));

before(async (t) => {
  const after = (stop: () => void | Promise<void>) =>
    (t as unknown as { after(stop: () => unknown): void }).after(stop);
  store = await openStore(volumesFor({ after } as never, 2));
  after(() => store.close());
  const points = measured.map(({ host, zone, timeNs, v, n }) =>
    point('m', { host, zone }, timeNs, { ...(v !== null && { v }), ...(n !== null && { n }) }),
  );
  await store.insert(batchOf(points));
  await store.insert(
    batchOf([
      point('few', { host: 'x' }, at(5), { v: 1.5, n: 7n, up: true, s: 'on' }),
      point('few', {}, at(8), { v: 4.5, n: 10n, up: false, s: 'off, "really"' }),
      point('few', { host: 'x' }, at(8), { n: 9_007_199_254_740_993n }),
      // Written twice: the last wins.
      point('few', { host: 'x' }, at(5), { v: 2.5 }),
      ...[minTimeNs, -1n, 0n, maxTimeNs].map((timeNs) => point('ages', {}, timeNs, { v: 1 })),
      ...[parseIsoNs('1969-12-31T23:59:59')!, parseIsoNs('1970-01-01')!].map((timeNs) =>
        point('ages', {}, timeNs, { v: 2 }),
      ),
      point('nulls', { host: 'x' }, at(0), { other: 1 }),
      point('nulls', { host: 'x' }, at(3), { other: 1, v: 1 }),
    ]),
  );
  await store.define({
    series: 'nothing',
    tags: ['host'],
    fields: [
      { name: 'v', type: 'float' },
      { name: 'n', type: 'long' },
    ],
  });
});

// ---- the plain computation

type Row = Map<string, Cell>;

function aggregate(values: readonly (number | bigint | null)[], op: string): Cell {
  const given = values.filter((value) => value !== null);
  if (op === 'count') return BigInt(given.length);
  if (given.length === 0) return null;
  if (typeof given[0] === 'bigint') {
    const whole = given as bigint[];
    if (op === 'sum') return whole.reduce((a, b) => a + b);
    if (op === 'min') return whole.toSorted((a, b) => Number(a - b))[0]!;
    if (op === 'max') return whole.toSorted((a, b) => Number(b - a))[0]!;
    return Number(whole.reduce((a, b) => a + b)) / whole.length;
  }
  const numbers = given as number[];
  const sum = numbers.reduce((a, b) => a + b);
  return op === 'sum'
    ? sum
    : op === 'min'
      ? Math.min(...numbers)
      : op === 'max'
        ? Math.max(...numbers)
        : sum / numbers.length;
}

/** By host and buckets of minutes. */
function plain(
  width: number,
  from: number,
  until: number,
  selected: readonly [field: 'v' | 'n', op: string, as: string][],
): Row[] {
  const inside = measured.filter(({ timeNs }) => timeNs >= at(from) && timeNs < at(until));
  const cells = Map.groupBy(inside, ({ host, timeNs }) => {
    const bucket = Math.floor(Number((timeNs - t0) / minute) / width) * width;
    return `${host} ${String(bucket).padStart(5, '0')}`;
  });
  return [...cells]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, points]) => {
      const [host, bucket] = key.split(' ') as [string, string];
      const aggregates = selected.map(([field, op, as]): [string, Cell] => [
        as,
        aggregate(
          points.map((p) => p[field]),
          op,
        ),
      ]);
      return new Map<string, Cell>([['host', host], ['time', at(Number(bucket))], ...aggregates]);
    });
}

function filledRows(rows: readonly Row[], width: number, from: number, until: number): Row[] {
  const hosts = [...new Set(rows.map((row) => row.get('host') as string))];
  return hosts.flatMap((host) =>
    Array.from({ length: Math.ceil((until - from) / width) }, (_, i) => {
      const time = at(Math.floor(from / width) * width + i * width);
      return (
        rows.find((row) => row.get('host') === host && row.get('time') === time) ??
        new Map<string, Cell>([
          ['host', host],
          ['time', time],
        ])
      );
    }),
  );
}

function near(actual: Cell, expected: Cell, what: string): void {
  if (typeof actual === 'number' && typeof expected === 'number') {
    assert.ok(
      Math.abs(actual - expected) <= 1e-9 * Math.max(1, Math.abs(expected)),
      `${what}: ${actual}, expected ${expected}`,
    );
  } else assert.equal(actual, expected, what);
}

function same(answered: Answered, expected: readonly Row[]): void {
  assert.equal(answered.rows.length, expected.length);
  for (const [i, row] of answered.rows.entries())
    for (const [j, name] of answered.columns.entries())
      near(row[j]!, expected[i]!.get(name) ?? null, `row ${i} ${name}`);
}

const select = [
  { field: 'v', aggregation: 'avg', as: 'v' },
  { field: 'n', aggregation: 'max', as: 'n' },
  { field: 'n', aggregation: 'count', as: 'c' },
];
const selected: [field: 'v' | 'n', op: string, as: string][] = [
  ['v', 'avg', 'v'],
  ['n', 'max', 'n'],
  ['n', 'count', 'c'],
];
const byHost = { series: 'm', groupBy: ['host'], select };
const from = '2024-01-01T00:00:00Z';
const until = '2024-01-01T02:00:00Z';

test('several aggregates of several fields, by group and bucket', async () => {
  same(await ask({ ...byHost, bucket: { width: '5m' } }), plain(5, 0, 120, selected));
  same(await ask({ ...byHost, bucket: { width: '7m' }, from, until: '2024-01-01T01:00:00Z' }), aligned(7, 0, 60));
  const { columns } = await ask({
    series: 'm',
    select: [
      { field: 'v', aggregation: 'avg' },
      { field: 'n', aggregation: 'avg' },
    ],
  });
  assert.deepEqual(columns, ['avg_v', 'avg_n']);
});

/** Buckets of 7 minutes are counted from 1970, not from t0. */
function aligned(width: number, first: number, last: number): Row[] {
  const shift = Number((t0 / minute) % BigInt(width));
  const inside = measured.filter(({ timeNs }) => timeNs >= at(first) && timeNs < at(last));
  const cells = Map.groupBy(inside, ({ host, timeNs }) => {
    const bucket = Math.floor((Number((timeNs - t0) / minute) + shift) / width) * width - shift;
    return JSON.stringify([host, bucket]);
  });
  return [...cells]
    .map(([key, points]) => ({ key: JSON.parse(key) as [string, number], points }))
    .sort((a, b) => (a.key[0] === b.key[0] ? a.key[1] - b.key[1] : a.key[0] < b.key[0] ? -1 : 1))
    .map(
      ({ key: [host, bucket], points }) =>
        new Map<string, Cell>([
          ['host', host],
          ['time', at(bucket)],
          ...selected.map(([field, op, as]): [string, Cell] => [
            as,
            aggregate(
              points.map((p) => p[field]),
              op,
            ),
          ]),
        ]),
    );
}

test('fill, per group and over the whole range', async () => {
  const spec = { ...byHost, bucket: { width: '1m' }, from, until };
  const rows = filledRows(plain(1, 0, 120, selected), 1, 0, 120);
  same(await ask({ ...spec, fill: 'null' }), rows);
  same(await ask({ ...spec, fill: 'none' }), plain(1, 0, 120, selected));
  const byGroup = () => [...Map.groupBy(rows, (row) => row.get('host')).values()];
  const filled = (fill: (row: Row, name: string, group: readonly Row[], i: number) => Cell): Row[] =>
    byGroup().flatMap((group) =>
      group.map(
        (row, i) =>
          new Map([
            ...row,
            ...['v', 'n', 'c'].map((name): [string, Cell] => [name, row.get(name) ?? fill(row, name, group, i)]),
          ]),
      ),
    );
  same(
    await ask({ ...spec, fill: { value: 5 } }),
    filled((_, name) => (name === 'v' ? 5 : 5n)),
  );
  const last = (group: readonly Row[], i: number, name: string) =>
    group.slice(0, i).findLast((row) => row.get(name) != null);
  const next = (group: readonly Row[], i: number, name: string) => group.slice(i).find((row) => row.get(name) != null);
  same(
    await ask({ ...spec, fill: 'previous' }),
    filled((_, name, group, i) => last(group, i, name)?.get(name) ?? null),
  );
  const line = filled((row, name, group, i) => {
    const [left, right] = [last(group, i, name), next(group, i, name)];
    if (!left || !right) return null;
    const [a, b, x] = [left, right, row].map((each) => Number(((each.get('time') as bigint) - t0) / minute)) as [
      number,
      number,
      number,
    ];
    if (name === 'v')
      return (
        (left.get(name) as number) + (((right.get(name) as number) - (left.get(name) as number)) * (x - a)) / (b - a)
      );
    const [p, q] = [left.get(name) as bigint, right.get(name) as bigint];
    // To the nearest, halves up, without a double in between.
    const numerator = 2n * (q - p) * BigInt(x - a) + BigInt(b - a);
    const denominator = 2n * BigInt(b - a);
    const floor = numerator / denominator - (numerator % denominator < 0n ? 1n : 0n);
    return p + floor;
  });
  same(await ask({ ...spec, fill: 'linear' }), line);
  const descending = await ask({ ...spec, fill: 'linear', order: 'desc' });
  same(
    { ...descending, rows: byGroup().flatMap((_, i) => descending.rows.slice(i * 120, i * 120 + 120).reverse()) },
    line,
  );
});

test('windows over filled buckets, against a loop over all of them', async () => {
  const functions = [
    'movingAverage',
    'movingSum',
    'movingMin',
    'movingMax',
    'exponentialMovingAverage',
    'cumulativeSum',
    'difference',
  ];
  const groups = [...Map.groupBy(filledRows(plain(1, 0, 90, selected), 1, 0, 90), (row) => row.get('host')).values()];
  for (const size of [1, 4, 200]) {
    const windows = functions.flatMap((name) =>
      ['v', 'n'].map((column) => ({
        function: name,
        column,
        as: `${name} ${column}`,
        ...(!/Sum|difference/.test(name) || name === 'movingSum' ? { size } : {}),
      })),
    );
    const answered = await ask({
      ...byHost,
      from,
      until: '2024-01-01T01:30:00Z',
      bucket: { width: '1m' },
      fill: 'null',
      windows,
    });
    let row = 0;
    for (const group of groups)
      for (let i = 0; i < group.length; i++, row++)
        for (const { as, function: name, column } of windows) {
          const all = group.slice(0, i + 1).map((each) => each.get(column) ?? null);
          near(
            answered.rows[row]![answered.columns.indexOf(as)]!,
            windowed(name, all as (number | bigint | null)[], size),
            `${as} ${size} row ${row}`,
          );
        }
    assert.equal(row, answered.rows.length);
  }
});

function windowed(name: string, all: readonly (number | bigint | null)[], size: number): Cell {
  const given = all.filter((value) => value !== null) as (number | bigint)[];
  const inside = all.slice(-size).filter((value) => value !== null) as (number | bigint)[];
  switch (name) {
    case 'movingAverage':
      return inside.length === 0 ? null : inside.reduce<number>((sum, value) => sum + Number(value), 0) / inside.length;
    case 'exponentialMovingAverage':
      return given.length === 0
        ? null
        : given.map(Number).reduce((average, value) => average + (2 / (size + 1)) * (value - average));
    case 'difference':
      return all.at(-1) === null || given.length < 2 ? null : minus(given.at(-1)!, given.at(-2)!);
    case 'cumulativeSum':
      return aggregate(given, 'sum');
    default:
      return aggregate(inside, name.slice('moving'.length).toLowerCase());
  }
}

function minus(a: number | bigint, b: number | bigint): number | bigint {
  return typeof a === 'bigint' ? a - (b as bigint) : a - (b as number);
}

test('having, order by a column, limits', async () => {
  const all = plain(5, 0, 120, selected);
  const spec = { ...byHost, bucket: { width: '5m' } };
  const having = { and: [{ column: 'v', op: '>', value: 60 }, { not: { column: 'host', op: '=', value: 'h2' } }] };
  const kept = all.filter(
    (row) => (row.get('v') as number | null) !== null && (row.get('v') as number) > 60 && row.get('host') !== 'h2',
  );
  same(await ask({ ...spec, having }), kept);
  same(
    await ask({ ...spec, having: { column: 'c', op: 'between', value: [3, 4] } }),
    all.filter((row) => [3n, 4n].includes(row.get('c') as bigint)),
  );
  same(
    await ask({ ...spec, having: { column: 'v', op: 'is null' } }),
    all.filter((row) => row.get('v') === null),
  );
  const exact = all[7]!.get('n') as bigint;
  same(
    await ask({ ...spec, having: { column: 'n', op: '=', value: String(exact) } }),
    all.filter((row) => row.get('n') === exact),
  );
  const byValue = all.toSorted(
    (a, b) =>
      Number(a.get('v') === null) - Number(b.get('v') === null) || (b.get('v') as number) - (a.get('v') as number),
  );
  same(await ask({ ...spec, order: { column: 'v', direction: 'desc' }, limit: 7 }), byValue.slice(0, 7));
  const firsts = [...Map.groupBy(all, (row) => row.get('host')).values()].flatMap((group) => group.slice(0, 2));
  same(await ask({ ...spec, limitPerGroup: 2 }), firsts);
  const raw = await ask({ series: 'm', groupBy: ['host'], fields: ['v'], limitPerGroup: 3, order: 'desc' });
  assert.equal(raw.rows.length, 12);
});

test('top and bottom groups', async () => {
  const sums = [...Map.groupBy(measured, ({ host }) => host)].map(
    ([host, points]) =>
      [
        host,
        aggregate(
          points.map(({ v }) => v),
          'sum',
        ) as number,
      ] as const,
  );
  const ranked = sums.toSorted((a, b) => b[1] - a[1]).map(([host]) => host);
  const hosts = async (asked: object): Promise<unknown[]> => [
    ...new Set((await ask({ ...byHost, bucket: { width: '10m' }, ...asked })).rows.map(([host]) => host)),
  ];
  assert.deepEqual(await hosts({ top: { groups: 2, field: 'v', aggregation: 'sum' } }), ranked.slice(0, 2));
  assert.deepEqual(
    await hosts({ bottom: { groups: 3, field: 'v', aggregation: 'sum' } }),
    ranked.toReversed().slice(0, 3),
  );
  const two = await ask({ ...byHost, groupBy: ['host', 'zone'], top: { groups: 1, field: 'n', aggregation: 'count' } });
  assert.equal(two.rows.length, 1);
  assert.deepEqual(
    (await ask({ ...byHost, series: 'nothing', top: { groups: 1, field: 'v', aggregation: 'sum' } })).rows,
    [],
  );
});

test('pages of buckets: each row once, also while points arrive', async () => {
  const spec = {
    series: 'paged',
    groupBy: ['host'],
    select: [{ field: 'v', aggregation: 'sum', as: 'v' }],
    bucket: { width: '1m' },
    from: '-1d',
    until: 'now',
    limit: 7,
  };
  const write = (host: string, minutes: number) =>
    store.insert(batchOf([point('paged', { host }, nowNs - BigInt(minutes + 1) * minute, { v: 1 })]));
  for (let i = 0; i < 20; i++) for (const host of ['a', 'b']) await write(host, i * 2);
  const before = (await ask({ ...spec, limit: 1_000 })).rows.map(([host, time]) => `${host} ${time}`);
  const seen: string[] = [];
  let cursor: string | null = null;
  do {
    const page: Answered = await ask({ ...spec, ...(cursor && { cursor }) });
    seen.push(...page.rows.map(([host, time]) => `${host} ${time}`));
    await write('a', seen.length + 1);
    await write('aa', seen.length);
    cursor = page.next;
  } while (cursor);
  assert.equal(new Set(seen).size, seen.length);
  assert.deepEqual(
    seen.filter((row) => before.includes(row)),
    before,
  );
  const groups = await ask({ series: 'm', groupBy: ['host'], select, limit: 3 });
  const rest = await ask({ series: 'm', groupBy: ['host'], select, limit: 3, cursor: groups.next! });
  assert.deepEqual([groups.rows.length, rest.rows.length, rest.next], [3, 1, null]);
  const raw = await ask({ series: 'm', fields: ['v'], limit: 500 });
  const later = await ask({ series: 'm', fields: ['v'], limit: 500, cursor: raw.next! });
  assert.equal(raw.rows.length + later.rows.length, measured.length);
});

test('where: and, or, not, lists, expressions, fields', async () => {
  const count = async (where: object, keep: (row: Measured) => boolean): Promise<void> => {
    const { rows } = await ask({ series: 'm', where, select: [{ field: 'v', aggregation: 'count', as: 'c' }] });
    assert.equal(
      rows[0]?.[0] ?? 0n,
      BigInt(measured.filter((row) => keep(row) && row.v !== null).length),
      JSON.stringify(where),
    );
  };
  await count({ tag: 'host', op: '=', value: 'h1' }, ({ host }) => host === 'h1');
  await count({ tag: 'host', op: '!=', value: 'h1' }, ({ host }) => host !== 'h1');
  await count({ tag: 'host', op: 'in', value: ['h1', 'h3', 'nope'] }, ({ host }) => host === 'h1' || host === 'h3');
  await count({ tag: 'host', op: 'not in', value: ['h1', 'h3'] }, ({ host }) => host !== 'h1' && host !== 'h3');
  await count({ tag: 'host', op: 'regex', value: 'h[12]' }, ({ host }) => /^h[12]$/.test(host));
  await count({ tag: 'host', op: 'regex', value: '[12]' }, () => false);
  await count({ not: { tag: 'host', op: 'regex', value: '.*[12]' } }, ({ host }) => !/[12]$/.test(host));
  await count({ field: 'v', op: '>=', value: 50 }, ({ v }) => v !== null && v >= 50);
  await count({ field: 'v', op: 'between', value: [50, 60] }, ({ v }) => v !== null && v >= 50 && v <= 60);
  await count(
    { field: 'v', op: 'in', value: [measured[3]!.v ?? 0, measured[9]!.v ?? 0] },
    ({ v }) => v === measured[3]!.v || v === measured[9]!.v,
  );
  await count({ field: 'n', op: 'is null' }, ({ n }) => n === null);
  await count({ field: 'n', op: '<', value: String(2n ** 54n + 501n) }, ({ n }) => n !== null && n < 2n ** 54n + 501n);
  await count(
    {
      or: [
        {
          and: [
            { tag: 'zone', op: '=', value: 'a' },
            { field: 'v', op: '<', value: 30 },
          ],
        },
        {
          not: {
            or: [
              { tag: 'host', op: '=', value: 'h0' },
              { field: 'v', op: '<=', value: 90 },
            ],
          },
        },
      ],
    },
    ({ zone, v, host }) => (zone === 'a' && v !== null && v < 30) || !(host === 'h0' || (v !== null && v <= 90)),
  );
});

test('downsample: the chosen are points of the series, its ends and extremes among them', async () => {
  const groups = Map.groupBy(
    measured.filter(({ v }) => v !== null).toSorted((a, b) => Number(a.timeNs - b.timeNs)),
    ({ host }) => host,
  );
  for (const method of ['lttb', 'minmax'])
    for (const points of [1, 2, 3, 10, 51, 10_000]) {
      const { rows } = await ask({ series: 'm', fields: ['v'], groupBy: ['host'], downsample: { method, points } });
      for (const [host, all] of groups) {
        const chosen = rows.filter((row) => row[1] === host).map(([time, , v]) => [time, v] as const);
        const pairs = new Set(all.map(({ timeNs, v }) => `${timeNs} ${v}`));
        assert.ok(
          chosen.every(([time, v]) => pairs.has(`${time} ${v}`)),
          method,
        );
        assert.ok(
          chosen.every(([time], i) => i === 0 || time! >= chosen[i - 1]![0]!),
          method,
        );
        assert.ok(
          chosen.length <= points && chosen.length >= Math.min(points, all.length) / 2,
          `${method} ${points}: ${chosen.length}`,
        );
        const values = chosen.map(([, v]) => v as number);
        if (method === 'minmax' && points > 1) {
          assert.equal(Math.max(...values), Math.max(...all.map(({ v }) => v!)));
          assert.equal(Math.min(...values), Math.min(...all.map(({ v }) => v!)));
        }
        if (method === 'lttb' && points > 1)
          assert.deepEqual([chosen[0]![0], chosen.at(-1)![0]], [all[0]!.timeNs, all.at(-1)!.timeNs]);
      }
    }
});

test('what is empty, single, null, at the ends of time', async () => {
  const sum = [{ field: 'v', aggregation: 'sum', as: 'v' }];
  for (const fill of ['null', 'previous', 'linear', { value: 0 }]) {
    await check({ series: 'nothing', select: sum, bucket: { width: '1mo' }, fill }, []);
    await check(
      { series: 'm', select: sum, bucket: { width: '1h' }, fill, from: '2020-01-01', until: '2020-01-02' },
      [],
    );
  }
  await check(
    {
      series: 'few',
      select: sum,
      where: { tag: 'host', op: '=', value: 'x' },
      bucket: { width: '1m' },
      until: '2024-01-01T00:06:00Z',
    },
    [[at(5), 2.5]],
  );
  // 0 where nothing was given.
  await check(
    {
      series: 'few',
      select: [...sum, { field: 's', aggregation: 'last', as: 's' }, { field: 'up', aggregation: 'first', as: 'up' }],
      bucket: { width: '1m' },
      fill: 'previous',
      from: '2024-01-01T00:04:00Z',
      until: '2024-01-01T00:09:00Z',
    },
    [
      [at(4), null, null, null],
      [at(5), 2.5, 'on', true],
      [at(6), 2.5, 'on', true],
      [at(7), 2.5, 'on', true],
      [at(8), 4.5, 'off, "really"', false],
    ],
  );
  await check(
    {
      series: 'few',
      select: [{ field: 's', aggregation: 'last', as: 's' }],
      bucket: { width: '1m' },
      fill: { value: '' },
    },
    [
      [at(5), 'on'],
      [at(6), ''],
      [at(7), ''],
      [at(8), 'off, "really"'],
    ],
  );
  await check({ series: 'nulls', select: sum, bucket: { width: '1m' }, fill: 'linear' }, [
    [at(0), null],
    [at(1), null],
    [at(2), null],
    [at(3), 1],
  ]);
  await check(
    {
      series: 'nulls',
      select: sum,
      until: '2024-01-01T00:01:00Z',
      bucket: { width: '1m' },
      windows: [{ function: 'cumulativeSum', column: 'v', as: 'w' }],
    },
    [[at(0), null, null]],
  );
  const years = (await ask({ series: 'ages', select: sum, bucket: { width: '1y' } })).rows;
  assert.deepEqual(years, [
    [parseIsoNs('1707-01-01')!, 1],
    [parseIsoNs('1969-01-01')!, 3],
    [parseIsoNs('1970-01-01')!, 2],
    [parseIsoNs('2262-01-01')!, 1],
  ]);
  const days = (
    await ask({
      series: 'ages',
      select: sum,
      bucket: { width: '1d', timeZone: 'Europe/Berlin' },
      from: '1969-12-30',
      until: '1970-01-03',
    })
  ).rows;
  assert.deepEqual(days, [[parseIsoNs('1969-12-31T23:00:00Z')!, 5]]);
  const weeks = (
    await ask({ series: 'ages', select: sum, bucket: { width: '1w' }, from: '1969-01-01', until: '1971-01-01' })
  ).rows;
  assert.deepEqual(weeks, [[parseIsoNs('1969-12-29')!, 5]]);
  const points = await ask({ series: 'm', select: sum, points: 100 });
  assert.equal(points.interval, '60s');
  assert.equal(
    points.rows.reduce((total, row) => total + (row[1] as number), 0),
    aggregate(
      measured.map(({ v }) => v),
      'sum',
    ),
  );
});

test('what is wrong is told with its path', async () => {
  const spec = { series: 'm', select: [{ field: 'v', aggregation: 'avg', as: 'x' }] };
  await refused({}, 'the spec');
  await refused({ series: 5 }, 'series');
  await refused({ series: 'nope', a: 1 }, 'the spec');
  await refused(
    {
      ...spec,
      select: [
        { field: 'v', aggregation: 'avg' },
        { field: 'w', aggregation: 'avg' },
      ],
    },
    'select[1].field',
  );
  await refused({ ...spec, select: [{ field: 'v', aggregation: 'nonsense' }] }, 'select[0].aggregation');
  await refused({ ...spec, select: [{ field: 'v' }] }, 'select[0]');
  await refused({ ...spec, select: [] }, 'select');
  await refused({ ...spec, select: [...spec.select, ...spec.select] }, 'select[1].as');
  await refused({ ...spec, groupBy: ['host', 'rack'] }, 'groupBy[1]');
  await refused({ ...spec, bucket: { width: '5 minutes' } }, 'bucket.width');
  await refused({ ...spec, bucket: { width: '1d', timeZone: 'Mars/Base' } }, 'bucket.timeZone');
  await refused({ ...spec, bucket: { width: '1d', offset: 'x' } }, 'bucket.offset');
  await refused({ ...spec, bucket: { width: '1d' }, points: 5 }, 'points');
  await refused({ ...spec, fill: 'null' }, 'fill');
  await refused({ ...spec, bucket: { width: '1m' }, fill: 'zero' }, 'fill');
  await refused({ ...spec, bucket: { width: '1m' }, fill: { value: 'x' } }, 'fill.value');
  await refused({ ...spec, where: { tag: 'host' } }, 'where');
  await refused(
    {
      ...spec,
      where: {
        and: [
          { tag: 'host', op: '=', value: 'a' },
          { tag: 'hots', op: '=', value: 'a' },
        ],
      },
    },
    'where.and[1].tag',
  );
  await refused({ ...spec, where: { not: { tag: 'host', op: '<', value: 'a' } } }, 'where.not.op');
  await refused({ ...spec, where: { field: 'v', op: '>', value: 'x' } }, 'where.value');
  await refused({ ...spec, where: { field: 'n', op: '>', value: 2 ** 53 } }, 'where.value');
  await refused({ ...spec, where: { field: 'v', op: 'between', value: [1] } }, 'where.value');
  await refused({ ...spec, where: { tag: 'host', op: 'regex', value: '(' } }, 'where.value');
  await refused({ ...spec, where: { tag: 'host', op: 'regex', value: '[ab]{900}c{200}' } }, 'where.value');
  await refused({ ...spec, where: { tag: 'host', op: '=', value: 'a\0' } }, 'where.value');
  await refused({ ...spec, having: { column: 'y', op: '>', value: 1 } }, 'having.column');
  await refused({ ...spec, having: { column: 'x', op: '>', value: 'a' } }, 'having.value');
  await refused({ ...spec, windows: [{ function: 'movingSum', column: 'x' }] }, 'windows[0].size');
  await refused({ ...spec, windows: [{ function: 'difference', column: 'z' }] }, 'windows[0].column');
  await refused({ ...spec, order: { column: 'z' } }, 'order.column');
  await refused({ ...spec, top: { groups: 1, field: 'v', aggregation: 'avg' } }, 'top');
  await refused({ ...spec, cursor: 'r.bm9wZQ' }, 'cursor');
  await refused({ ...spec, cursor: 'AAAAAAAAAAAAAAAA' }, 'cursor');
  const { next } = await ask({ ...spec, groupBy: ['host'], limit: 1 });
  await refused({ series: 'm', cursor: next }, 'cursor');
  await refused({ ...spec, cursor: next }, 'cursor');
  await refused({ ...spec, from: 'yesterday' }, 'from');
  await refused({ ...spec, from: 5, until: 5 }, 'from');
  await refused({ ...spec, limit: 0 }, 'limit');
  await refused({ series: 'm', downsample: { method: 'lttb', points: 5 } }, 'downsample');
  await refused({ series: 'few', fields: ['s'], downsample: { method: 'lttb', points: 5 } }, 'fields[0]');
  let deep: object = { tag: 'host', op: '=', value: 'a' };
  for (let i = 0; i < 20; i++) deep = { not: deep };
  await refused({ ...spec, where: deep }, `where${'.not'.repeat(12)}`);
  const wide = { ...spec, groupBy: ['host'], from: '2024-01-01', until: '2024-02-01', fill: 'null' };
  await refused({ ...wide, bucket: { width: '1s' } }, '', 'ResultTooLarge');
  await refused({ ...wide, bucket: { width: '1s', timeZone: 'Europe/Berlin' } }, '', 'TooManyBuckets');
  const hours = { from, until, bucket: { width: '1m' }, fill: { value: String(9n * 10n ** 17n) } };
  const sums = {
    select: [{ field: 'n', aggregation: 'max', as: 'x' }],
    windows: [{ function: 'cumulativeSum', column: 'x' }],
  };
  await refused({ series: 'm', where: { tag: 'host', op: '=', value: 'h1' }, ...hours, ...sums }, '', 'LongOverflow');
});

test('any change of a spec is answered, or refused with a path', async () => {
  const whole = {
    ...{
      series: 'm',
      from: '-1y',
      until: 'now',
      groupBy: ['host'],
      limit: 10,
      limitPerGroup: 5,
      order: 'desc',
      timeFormat: 'ns',
      format: 'csv',
      timeoutMs: 1_000,
    },
    where: { or: [{ tag: 'host', op: 'regex', value: 'h.*' }, { not: { field: 'v', op: 'between', value: [1, 2] } }] },
    select: [
      { field: 'v', aggregation: 'avg', as: 'x' },
      { field: 'n', aggregation: 'sum' },
    ],
    bucket: { width: '1d', timeZone: 'Europe/Berlin', offset: '6h' },
    fill: { value: 0 },
    windows: [{ function: 'movingAverage', column: 'x', size: 3, as: 'y' }],
    having: { and: [{ column: 'y', op: '>=', value: 0 }] },
    top: { groups: 2, field: 'v', aggregation: 'max' },
  };
  const values = fc.oneof(
    fc.constantFrom<unknown>(
      null,
      true,
      0,
      -1,
      1.5,
      1e300,
      2 ** 53,
      '',
      'host',
      'v',
      'n',
      'x',
      'lttb',
      '=',
      'in',
      'is null',
      '1mo',
      '\0',
      [],
      {},
      ['host'],
      [[]],
      { value: 1 },
      { column: 'x' },
      '__proto__',
      'linear',
    ),
    fc.jsonValue({ maxDepth: 3 }),
  );
  const paths = pathsOf(whole).filter(([member]) => member !== 'series');
  const change = fc.record({
    path: fc.constantFrom(...paths),
    value: values,
    how: fc.constantFrom('set', 'remove', 'add'),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
      const spec = structuredClone(whole) as Record<string, unknown>;
      for (const each of changes) mutate(spec, each);
      try {
        await ask(spec);
      } catch (error) {
        assert.ok(
          error instanceof ApiError && (error.status === 400 || error.status === 422),
          `${JSON.stringify(spec)}: ${(error as Error).stack}`,
        );
        if (error.code === 'InvalidSpec')
          assert.ok((error.extra['details'] as { path: string }[])[0]!.path, error.message);
      }
    }),
    { numRuns: 300 },
  );
});

function pathsOf(value: unknown, path: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [path];
  const inner = Object.entries(value).flatMap(([key, member]) => pathsOf(member, [...path, key]));
  return path.length === 0 ? inner : [path, ...inner];
}

function mutate(
  spec: Record<string, unknown>,
  { path, value, how }: { path: string[]; value: unknown; how: string },
): void {
  const parent = path
    .slice(0, -1)
    .reduce<unknown>((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], spec);
  if (typeof parent !== 'object' || parent === null) return;
  const key = how === 'add' ? 'extra' : path.at(-1)!;
  if (how === 'remove') Reflect.deleteProperty(parent, key);
  else (parent as Record<string, unknown>)[key] = value;
}
