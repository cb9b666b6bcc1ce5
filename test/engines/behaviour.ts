// What every engine does, whatever it is made of. `open` gives an engine that may hold other series already.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { maxTimeNs, minTimeNs } from '../../src/base/time.ts';
import type { AsofSpec, Engine, InsertBatch, QuerySpec, SchemaMode, SeriesPage } from '../../src/kdb/engine.ts';
import { agrees, joinsAlike } from './agreement.ts';
import { batchOf, type Cell, type Point, point, queryOf, rowsOf, type Value } from './points.ts';
import { asof, fieldNames, fieldTypes, points, query } from './random.ts';
import { Reference } from './reference.ts';

/** Null: there is none, and the case is reported as not run. */
type Open = (t: TestContext, schema: SchemaMode) => Promise<Engine | null>;

const secondNs = 1_000_000_000n;
const hourNs = 3600n * secondNs;

export function engineBehaves(name: string, open: Open): void {
  const check = (
    title: string,
    body: (engine: Engine, series: string) => Promise<void>,
    schema: SchemaMode = 'flexible',
  ) =>
    test(`${name}: ${title}`, async (t) => {
      const engine = await open(t, schema);
      if (engine) await body(engine, `s${randomUUID().slice(0, 8)}`);
    });

  check('says what it is', async (engine) => {
    const hello = await engine.hello();
    assert.equal(hello.contract, 1);
    assert.equal(hello.schema, 'flexible');
  });

  check('defines, extends and describes a series; a clash changes nothing', async (engine, series) => {
    await engine.define({ series, tags: ['host'], fields: [{ name: 'f', type: 'float' }] });
    await engine.define({ series, tags: ['rack'], fields: [{ name: 'l', type: 'long' }] });
    await refuses(
      engine.define({ series, tags: ['late'], fields: [{ name: 'f', type: 'long' }] }),
      /^FieldTypeClash .* f float long/,
    );
    await refuses(engine.define({ series, tags: ['f'], fields: [] }), /^TagFieldClash/);
    await refuses(engine.define({ series, tags: ['time'], fields: [] }), /^InvalidName/);
    const info = await engine.describe(series);
    assert.deepEqual(info.tags, ['host', 'rack']);
    assert.deepEqual(
      info.fields.map(({ name: field, type }) => `${field}:${type}`),
      ['f:float', 'l:long'],
    );
    assert.deepEqual([info.firstNs, info.lastNs, info.rows], [null, null, 0n]);
  });

  check('lists series in pages, in the order of the UTF-8 bytes of their names', async (engine, series) => {
    const names = ['', '.9', '0', 'Z', 'a', 'é', '\uff5e', '\u{1f600}'].map((end) => series + end);
    const define = (name: string) =>
      engine.define({ series: name, tags: ['t'], fields: [{ name: 'f', type: 'float' }] });
    for (const name of names.toReversed()) await define(name);
    const listed = async (limit: number): Promise<string[]> => {
      const found: string[] = [];
      for (let after: string | null = series.slice(0, -1); after !== null; ) {
        const page: SeriesPage = await engine.series({ after, limit });
        assert.ok(page.series.length <= limit);
        found.push(...page.series.map((info) => info.series));
        after = page.next;
      }
      return found.filter((name) => name.startsWith(series));
    };
    for (const limit of [1, 3, 1_000]) assert.deepEqual(await listed(limit), names, `${limit}`);
    await engine.drop(names[1]!);
    await define(`${series}b`);
    assert.deepEqual(await listed(2), [...names.slice(0, 1), ...names.slice(2, 5), `${series}b`, ...names.slice(5)]);
  });

  check('drops a series; one of the same name begins anew', async (engine, series) => {
    await engine.insert(batchOf([point(series, { host: 'a' }, 1n, { f: 1 })]));
    await engine.checkpoint();
    await engine.drop(series);
    await refuses(engine.describe(series), /^SeriesNotFound/);
    await refuses(engine.drop(series), /^SeriesNotFound/);
    await engine.insert(batchOf([point(series, { host: 'b' }, 2n, { f: 'text' })]));
    assert.deepEqual(await all(engine, series), [[2n, 'b', 'text']]);
  });

  check('drops a series only while the catalogue is as the caller knew it', async (engine, series) => {
    await engine.insert(batchOf([point(series, { host: 'a' }, 1n, { f: 1 })]));
    const { catalogueVersion } = await engine.hello();
    await engine.insert(batchOf([point(series, { host: 'a' }, 1n, { g: 1 })]));
    await refuses(engine.drop(series, catalogueVersion), /^CatalogueChanged/);
    await refuses(engine.drop(`no ${series}`, catalogueVersion), /^SeriesNotFound/);
    await engine.insert(batchOf([point(series, { host: 'b' }, 1n, { f: 1 })]));
    await engine.drop(series, (await engine.hello()).catalogueVersion);
    await refuses(engine.describe(series), /^SeriesNotFound/);
  });

  check(
    'a strict database refuses what is not defined, and the whole request with it',
    async (engine, series) => {
      await engine.define({ series, tags: ['host'], fields: [{ name: 'f', type: 'float' }] });
      const sound = point(series, { host: 'a' }, 1n, { f: 1 });
      await refuses(engine.insert(batchOf([sound, point(`${series}x`, {}, 1n, { f: 1 })])), /^SeriesNotDefined/);
      await refuses(engine.insert(batchOf([sound, point(series, {}, 1n, { g: 1 })])), /^FieldNotDefined/);
      await refuses(engine.insert(batchOf([sound, point(series, { rack: '1' }, 1n, { f: 1 })])), /^TagNotDefined/);
      assert.deepEqual(await all(engine, series), []);
      await engine.insert(batchOf([sound]));
      assert.deepEqual(await all(engine, series), [[1n, 'a', 1]]);
    },
    'strict',
  );

  const refused: [string, (series: string) => Point | InsertBatch, RegExp][] = [
    ['NaN', (series) => point(series, {}, 1n, { f: Number.NaN }), /^InvalidValue .* f is NaN/],
    ['infinity', (series) => point(series, {}, 1n, { f: Number.NEGATIVE_INFINITY }), /^InvalidValue .* f is infinite/],
    ['-2^63', (series) => point(series, {}, 1n, { l: -(2n ** 63n) }), /^InvalidValue .* l/],
    ['another type', (series) => point(series, {}, 1n, { known: true }), /^FieldTypeClash .* known float boolean/],
    ['a field of the name of a tag', (series) => point(series, {}, 1n, { host: 1 }), /^TagFieldClash/],
    ['a time that q cannot hold', (series) => point(series, {}, -(2n ** 63n) + 5n, { f: 1 }), /^TimeOutOfRange/],
    ['the time that stands for infinity', (series) => point(series, {}, 2n ** 63n - 1n, { f: 1 }), /^TimeOutOfRange/],
  ];
  for (const [what, bad, message] of refused) {
    check(`refuses ${what}, and the whole request with it`, async (engine, series) => {
      await engine.insert(batchOf([point(series, { host: 'a' }, 1n, { known: 1 })]));
      const before = (await engine.describe(series)).fields.length;
      await refuses(
        engine.insert(
          batchOf([
            point(`${series}other`, {}, 1n, { f: 1 }),
            point(series, { host: 'new' }, 2n, { fresh: 1 }),
            bad(series) as Point,
          ]),
        ),
        message,
      );
      assert.deepEqual(await all(engine, series), [[1n, 'a', 1]]);
      assert.equal((await engine.describe(series)).fields.length, before);
      await refuses(engine.describe(`${series}other`), /^SeriesNotFound/);
    });
  }

  check('refuses two texts that are one character', async (engine, series) => {
    const { batchId, parts } = batchOf([point(series, {}, 1n, { s: 'a' }), point(series, {}, 2n, { s: 'b' })]);
    const part = parts[0]!;
    const halves = { lengths: Int32Array.of(1, 1), bytes: Buffer.from('é') };
    const fields = [{ ...part.fields[0]!, data: { type: 'string', values: halves } as const }];
    await refuses(engine.insert({ batchId, parts: [{ ...part, fields }] }), /^InvalidValue .* s is not valid UTF-8/);
  });

  check('applies a batch id once', async (engine, series) => {
    const batch = batchOf([point(series, {}, 1n, { f: 1 })]);
    assert.equal((await engine.insert(batch)).rows, 1n);
    await engine.insert(batchOf([point(series, {}, 1n, { f: 2 })]));
    assert.equal((await engine.insert(batch)).rows, 0n);
    assert.deepEqual(await all(engine, series), [[1n, 2]]);
  });

  check('numbers of JSON take the type of the field', async (engine, series) => {
    await engine.define({ series, tags: [], fields: [{ name: 'l', type: 'long' }] });
    const numbers = (name: string, value: number): InsertBatch => {
      const { batchId, parts } = batchOf([point(series, {}, 1n, { [name]: value })]);
      return {
        batchId,
        parts: parts.map((part) => ({
          ...part,
          fields: [{ name, validity: null, data: { type: 'number', values: Float64Array.of(value) } }],
        })),
      };
    };
    await engine.insert(numbers('l', 7));
    await engine.insert(numbers('new', 7));
    await refuses(engine.insert(numbers('l', 7.5)), /^FieldTypeClash/);
    await refuses(engine.insert(numbers('l', 2 ** 60)), /^FieldTypeClash/);
    await engine.insert(batchOf([point(series, {}, 2n, { new: 5n })]));
    assert.deepEqual(await all(engine, series), [
      [1n, 7n, 7],
      [2n, null, 5],
    ]);
  });

  const overwrites: [string, Record<string, Value>[], (Value | null)[]][] = [
    ['the last value of each field wins', [{ f: 1, g: 1 }, { f: 2 }, { g: 3 }], [2, 3]],
    ['null never erases', [{ f: 1, g: 2 }, { g: 5 }], [1, 5]],
  ];
  for (const [title, writes, expected] of overwrites) {
    for (const place of ['one request', 'several requests', 'parts'] as const) {
      check(`${title}, in ${place}`, async (engine, series) => {
        // An empty tag value is no tag, so that all of these are one point.
        const same = writes.map((fields, i) =>
          point(series, i % 2 === 0 ? { host: 'a', rack: '' } : { host: 'a' }, 5n, fields),
        );
        await engine.insert(batchOf([point(series, { host: 'a' }, 4n, { f: 0, g: 0 })]));
        if (place === 'one request') await engine.insert(batchOf(same));
        else {
          for (const one of same) {
            await engine.insert(batchOf([one]));
            if (place === 'parts') await engine.checkpoint();
          }
        }
        const host = (rows: Cell[][]) => rows.map((row) => [row[0], row.at(-2), row.at(-1)]);
        assert.deepEqual(host(await all(engine, series)), [
          [4n, 0, 0],
          [5n, ...expected],
        ]);
        assert.equal(
          rowsOf(await engine.query(queryOf(series, { select: [{ op: 'count', field: 'f', as: 'n' }] })))[0]![0],
          2n,
        );
      });
    }
  }

  check('keeps times to the nanosecond over its whole range', async (engine, series) => {
    const times = [minTimeNs, -1n, 0n, 1_700_000_000_123_456_789n, maxTimeNs];
    await engine.insert(batchOf(times.map((time) => point(series, {}, time, { l: time / 2n }))));
    await engine.checkpoint();
    assert.deepEqual(
      await all(engine, series),
      times.map((time) => [time, time / 2n]),
    );
  });

  check('floors buckets before 1970, and leaves out what is outside the edges', async (engine, series) => {
    await engine.insert(batchOf([-1n, 0n, 9n, 10n, -11n].map((time) => point(series, {}, time, { f: Number(time) }))));
    const select = [{ op: 'sum', field: 'f', as: 'f' }] as const;
    const width = { kind: 'width', widthNs: 10n, originNs: 0n } as const;
    assert.deepEqual(rowsOf(await engine.query(queryOf(series, { select, bucket: width }))), [
      [-20n, -11],
      [-10n, -1],
      [0n, 9],
      [10n, 10],
    ]);
    const edges = { kind: 'edges', edgesNs: BigInt64Array.of(-11n, 0n, 9n) } as const;
    assert.deepEqual(rowsOf(await engine.query(queryOf(series, { select, bucket: edges }))), [
      [-11n, -12],
      [0n, 0],
    ]);
  });

  check('sorts groups by code point, then time', async (engine, series) => {
    const hosts = ['z', 'A', '\u{1f600}', '\uffee', 'é', ''];
    await engine.insert(
      batchOf(
        hosts.flatMap((host) => [
          point(series, { host, rack: '1' }, 20n, { f: 1 }),
          point(series, { host, rack: '1' }, 10n, { f: 1 }),
        ]),
      ),
    );
    const rows = rowsOf(await engine.query(queryOf(series, { by: ['host'], fields: ['f'] })));
    assert.deepEqual(
      rows.map(([time, host]) => `${host}${time}`),
      ['', 'A', 'z', 'é', '\uffee', '\u{1f600}'].flatMap((host) => [`${host}10`, `${host}20`]),
    );
  });

  check('pages through raw points, both ways, to the last one', async (engine, series) => {
    const given = Array.from({ length: 25 }, (_, i) => point(series, { host: `h${i % 3}` }, BigInt(i >> 1), { f: i }));
    await engine.insert(batchOf(given));
    for (const order of ['asc', 'desc'] as const) {
      const paged: Cell[][] = [];
      let after: QuerySpec['after'] = null;
      do {
        const page = await engine.query(queryOf(series, { order, limit: 4, after }));
        assert.ok(page.rows <= 4);
        paged.push(...rowsOf(page));
        after = page.next;
      } while (after);
      assert.deepEqual(paged, rowsOf(await engine.query(queryOf(series, { order }))));
      assert.equal(paged.length, 25);
    }
  });

  check('a result that is too large is an error unless it is cut', async (engine, series) => {
    await engine.insert(batchOf([1n, 2n, 3n].map((time) => point(series, {}, time, { f: 1 }))));
    const spec: QuerySpec = {
      ...queryOf(series),
      bucket: { kind: 'width', widthNs: 1n, originNs: 0n },
      select: [{ op: 'sum', field: 'f', as: 'f' }],
      limit: 2,
      cut: false,
    };
    await refuses(engine.query(spec), /^ResultTooLarge 2/);
    assert.equal((await engine.query({ ...spec, cut: true })).rows, 2);
  });

  check('sums of longs are exact or an error', async (engine, series) => {
    await engine.insert(
      batchOf(
        [2n ** 62n, 2n ** 62n - 1n, 2n ** 53n + 1n, -(2n ** 53n)].map((l, i) =>
          point(series, { i: String(i) }, BigInt(i), { l }),
        ),
      ),
    );
    const sum = (toNs: bigint) =>
      engine.query(queryOf(series, { toNs, select: [{ op: 'sum', field: 'l', as: 'l' }] })).then(rowsOf);
    assert.deepEqual(await sum(2n), [[2n ** 63n - 1n]]);
    assert.deepEqual(await sum(1n), [[2n ** 62n]]);
    await refuses(sum(3n), /^LongOverflow l/);
    await engine.insert(
      batchOf([-(2n ** 62n), -(2n ** 62n)].map((l, i) => point(series, { i: String(i) }, BigInt(10 + i), { l }))),
    );
    const least = { fromNs: 10n, select: [{ op: 'sum', field: 'l', as: 'l' }] } as const;
    await refuses(engine.query(queryOf(series, least)), /^LongOverflow l/);
  });

  check('spread, sample variance and weighted averages, over longs of any size', async (engine, series) => {
    const longs = [2n ** 62n, -(2n ** 62n) + 1n, 7n, 2n ** 53n + 1n];
    await engine.insert(
      batchOf([
        ...longs.map((l, i) => point(series, {}, BigInt(i), { l, x: 1e9 + i, w: i })),
        point(series, {}, 4n, { x: 5 }),
        point(series, {}, 5n, { w: 5 }),
        point(series, {}, 6n, { w: -5, x: 3 }),
        point(series, {}, 7n, { w: 5, x: 4 }),
        point(series, {}, 8n, { low: -(2n ** 62n) - 1n }),
        point(series, {}, 9n, { low: 2n ** 62n }),
      ]),
    );
    const ask = async (select: QuerySpec['select'], fromNs: bigint, toNs: bigint): Promise<Cell[]> =>
      rowsOf(await engine.query(queryOf(series, { select, fromNs, toNs })))[0]!;
    const of = (op: 'spread' | 'variance' | 'stddev', field: string) => ({ op, field, as: `${op} ${field}` });
    const weighted = { op: 'wavg', field: 'x', as: 'weighted', weight: 'w' } as const;
    // The variance of 1e9 + 0, 1, 2, 3: squares of the values themselves would lose it.
    const found = await ask([of('spread', 'l'), of('variance', 'x'), of('stddev', 'x'), weighted], 0n, 4n);
    assert.deepEqual(found, [2n ** 63n - 1n, 5 / 3, Math.sqrt(5 / 3), 1e9 + (1 + 4 + 9) / 6]);
    assert.deepEqual(await ask([of('spread', 'x'), of('variance', 'x'), weighted], 4n, 6n), [0, null, null]);
    assert.deepEqual(await ask([weighted, of('spread', 'l')], 6n, 8n), [null, null]);
    assert.deepEqual(await ask([{ ...weighted, field: 'l', weight: 'l' }], 2n, 3n), [7]);
    await refuses(ask([of('spread', 'low')], 0n, 10n), /^LongOverflow low/);
  });

  check('median, percentiles and how many values are distinct', async (engine, series) => {
    const points = [5, 1, 4, 2, 3, -0, 0].map((f, i) => point(series, { host: `h${i % 2}` }, BigInt(i), { f }));
    await engine.insert(
      batchOf([
        ...points,
        point(series, {}, 20n, { l: 2n ** 53n + 1n, s: '', b: true }),
        point(series, {}, 21n, { l: 2n ** 53n, s: 'x', b: true }),
        point(series, {}, 22n, { l: 3n, s: '' }),
        point(series, {}, 23n, { s: 'y' }),
      ]),
    );
    await engine.checkpoint();
    await engine.insert(batchOf([point(series, { host: 'h0' }, 4n, { f: 8 }), point(series, {}, 24n, { l: 3n })]));
    const ask = async (select: QuerySpec['select'], fromNs: bigint, toNs: bigint) =>
      rowsOf(await engine.query(queryOf(series, { select, fromNs, toNs })))[0];
    const rank = (p: number) => ({ op: 'percentile', field: 'f', as: `p${p}`, p }) as const;
    const of = (op: 'median' | 'distinct', field: string) => ({ op, field, as: `${op} ${field}` });
    // In order: 0 0 1 2 4 5 8.
    assert.deepEqual(
      await ask([of('median', 'f'), rank(0), rank(25), rank(75), rank(100), of('distinct', 'f')], 0n, 10n),
      [2, 0, 0.5, 4.5, 8, 6n],
    );
    assert.deepEqual(await ask([rank(95), of('median', 'f')], 1n, 2n), [1, 1]);
    assert.deepEqual(
      await ask([of('distinct', 'l'), of('distinct', 's'), of('distinct', 'b'), of('median', 'l')], 20n, 30n),
      [3n, 3n, 1n, (3 + 2 ** 53) / 2],
    );
    assert.deepEqual(await ask([of('median', 'f'), of('distinct', 'f'), rank(1)], 20n, 30n), [null, 0n, null]);
    await refuses(engine.query(queryOf(series, { select: [{ ...rank(5), p: 101 }] })), /^BadCall/);
  });

  check('increase, delta, rate, derivative, integral and time-weighted averages', async (engine, series) => {
    const counter = (host: string, values: readonly (number | null)[], firstNs = 0n) =>
      values.map((f, i) =>
        point(series, { host }, firstNs + BigInt(i) * 10n * secondNs, f === null ? { other: 1 } : { f }),
      );
    await engine.insert(batchOf([...counter('a', [10, 20, null, 5]), ...counter('b', [0, 1, 2])]));
    await engine.checkpoint();
    await engine.insert(batchOf([...counter('a', [15, 35], 40n * secondNs), ...counter('b', [7], 50n * secondNs)]));
    // Late: one more point between two that stand in a part, and one that is overwritten.
    await engine.insert(batchOf([...counter('b', [1.5], 15n * secondNs), ...counter('a', [25], 10n * secondNs)]));
    const ops = ['increase', 'delta', 'rate', 'derivative', 'integral', 'twa'] as const;
    const select = ops.map((op) => ({ op, field: 'f', as: op }));
    const ask = async (asked: Partial<QuerySpec>) =>
      rowsOf(await engine.query(queryOf(series, { toNs: 60n * secondNs, select, ...asked })));
    // a: 10 25 . 5 | 15 35 and b: 0 1 1.5 2 | . 7, in buckets of 40 s.
    const bucket = { kind: 'width', widthNs: 40n * secondNs, originNs: 0n } as const;
    const area = 175 + 300;
    const areaOfB = 5 + 6.25 + 8.75;
    const expected: Cell[][] = [
      ['a', 0n, 20, 20, 20 / 30, -5 / 30, area, area / 30],
      ['a', 40n * secondNs, 30, 20, 2, 2, 250, 25],
      ['b', 0n, 2, 2, 0.1, 0.1, areaOfB, areaOfB / 20],
      ['b', 40n * secondNs, 5, null, null, null, null, 7],
    ];
    assert.deepEqual(rounded(await ask({ by: ['host'], bucket })), rounded(expected));
    assert.deepEqual(
      rounded(await ask({ bucket })),
      rounded([
        [0n, 22, 22, 20 / 30 + 0.1, -5 / 30 + 0.1, area + areaOfB, (area + areaOfB) / 50],
        [40n * secondNs, 35, 20, 2, 2, 250, 25],
      ]),
    );
    assert.deepEqual((await ask({}))[0]!.slice(0, 2), [57, 57]);
    const filtered = { where: { op: 'ge', field: 'f', value: 10 }, bucket, by: ['host'] } as const;
    assert.deepEqual((await ask(filtered))[1], ['a', 40n * secondNs, 15 + 20, 20, 2, 2, 250, 25]);
    assert.deepEqual((await ask({ fromNs: 20n * secondNs, toNs: 21n * secondNs }))[0]!, [
      null,
      null,
      null,
      null,
      null,
      2,
    ]);

    // Longs whose difference no double holds, and times that are further apart than a long counts.
    const long = (timeNs: bigint, l: bigint) => point(series, { host: 'l' }, timeNs, { l });
    await engine.insert(batchOf([long(minTimeNs, 2n ** 60n), long(0n, 2n ** 60n + 3n), long(maxTimeNs, -(2n ** 62n))]));
    const of = (op: 'increase' | 'derivative') => ({ op, field: 'l', as: op });
    assert.deepEqual(await ask({ toNs: 1n, select: [of('increase')] }), [[3]]);
    const all = await ask({ toNs: maxTimeNs + 1n, select: [of('increase'), of('derivative')] });
    assert.deepEqual(all, [[3 - 2 ** 62, -(2 ** 62 + 2 ** 60) / (Number(maxTimeNs - minTimeNs) / 1e9)]]);
  });

  check('joins two series as of the time of each point of one', async (engine, series) => {
    const quotes = `${series}q`;
    await engine.insert(
      batchOf([
        ...[1n, 5n, 9n].map((time) => point(series, { sym: 'a', side: 'buy' }, time, { size: Number(time) })),
        point(series, { sym: 'b' }, 5n, { size: 50 }),
        point(quotes, { sym: 'a', venue: 'x' }, 2n, { bid: 2, ask: 3 }),
        point(quotes, { sym: 'a', venue: 'y' }, 5n, { bid: 5 }),
        point(quotes, { sym: 'b', venue: 'x' }, 6n, { bid: 6 }),
      ]),
    );
    const spec: AsofSpec = {
      series,
      fromNs: 0n,
      toNs: 100n,
      where: null,
      fields: [],
      by: ['sym'],
      other: { series: quotes, where: null, fields: ['bid', 'ask'] },
      toleranceNs: null,
      order: 'asc',
      limit: 10,
      after: null,
    };
    const ask = async (asked: Partial<AsofSpec> = {}) => {
      const joined = await engine.asof({ ...spec, ...asked });
      assert.deepEqual(
        joined.columns.map(({ name }) => name),
        ['time', 'sym', 'side', 'size', `${quotes}.time`, `${quotes}.bid`, `${quotes}.ask`],
      );
      return rowsOf(joined).map(([time, sym, , , ...rest]) => [time, sym, ...rest]);
    };
    const expected: Cell[][] = [
      [1n, 'a', null, null, null],
      [5n, 'a', 5n, 5, null],
      [5n, 'b', null, null, null],
      [9n, 'a', 5n, 5, null],
    ];
    assert.deepEqual(await ask(), expected);
    await engine.checkpoint();
    assert.deepEqual(await ask(), expected);
    await engine.insert(batchOf([point(quotes, { sym: 'a', venue: 'x' }, 5n, { ask: 7 })]));
    // Of two at one time the tag set that came later, as a whole.
    assert.deepEqual(await ask(), expected);
    assert.deepEqual((await ask({ toleranceNs: 3n }))[3], [9n, 'a', null, null, null]);
    assert.deepEqual((await ask({ toleranceNs: 4n }))[3], [9n, 'a', 5n, 5, null]);
    const onX = { ...spec.other, where: { op: 'in', tag: 'venue', values: ['x'] } } as const;
    assert.deepEqual((await ask({ other: onX }))[1], [5n, 'a', 5n, null, 7]);
    assert.deepEqual((await ask({ by: [] }))[3], [9n, 'a', 6n, 6, null]);
    const page = await engine.asof({ ...spec, order: 'desc', limit: 1 });
    assert.deepEqual(rowsOf(page)[0]!.slice(-3), [5n, 5, null]);
    const following = await engine.asof({ ...spec, order: 'desc', limit: 3, after: page.next });
    assert.deepEqual(
      rowsOf(following).map(([time]) => time),
      [5n, 5n, 1n],
    );
    await refuses(engine.asof({ ...spec, by: ['side'] }), /^TagNotFound .* side/);
    await refuses(engine.asof({ ...spec, by: ['venue'] }), /^TagNotFound .* venue/);
    await refuses(engine.asof({ ...spec, other: { ...spec.other, fields: ['size'] } }), /^FieldNotFound .* size/);
    await refuses(engine.asof({ ...spec, other: { ...spec.other, series: 'none' } }), /^SeriesNotFound none/);
  });

  const unasked: [string, Partial<QuerySpec>, RegExp][] = [
    ['a field that is not', { fields: ['none'] }, /^FieldNotFound .* none/],
    ['a tag that is not', { by: ['none'] }, /^TagNotFound .* none/],
    ['the average of text', { select: [{ op: 'avg', field: 's', as: 'a' }] }, /^AggregationNotSupported avg s string/],
    [
      'the maximum of booleans',
      { select: [{ op: 'max', field: 'b', as: 'a' }] },
      /^AggregationNotSupported max b boolean/,
    ],
    [
      'text as a weight',
      { select: [{ op: 'wavg', field: 'f', as: 'a', weight: 's' }] },
      /^AggregationNotSupported wavg s string/,
    ],
    [
      'a weight that is not',
      { select: [{ op: 'wavg', field: 'f', as: 'a', weight: 'none' }] },
      /^FieldNotFound .* none/,
    ],
    ['text less than a number', { where: { op: 'lt', field: 's', value: 1 } }, /^FilterNotSupported lt s string/],
    [
      'a boolean less than another',
      { where: { op: 'lt', field: 'b', value: true } },
      /^FilterNotSupported lt b boolean/,
    ],
  ];
  for (const [what, spec, message] of unasked) {
    check(`refuses to be asked for ${what}`, async (engine, series) => {
      await engine.insert(batchOf([point(series, { host: 'a' }, 1n, { f: 1, b: true, s: 'x' })]));
      await refuses(engine.query(queryOf(series, spec)), message);
    });
  }

  check('gives tag values with counts, and statistics', async (engine, series) => {
    await engine.insert(
      batchOf([
        point(series, { host: 'a', rack: '1' }, 7n, { f: 1 }),
        point(series, { host: 'b', rack: '1' }, 9n, { f: 1 }),
        point(series, { rack: '2' }, 3n, { f: 1 }),
      ]),
    );
    const tags = await engine.tags(series);
    assert.deepEqual(
      tags.map(({ tag, values, tagSets }) => [tag, Object.fromEntries(values.map((value, i) => [value, tagSets[i]]))]),
      [
        ['host', { a: 1, b: 1 }],
        ['rack', { 1: 2, 2: 1 }],
      ],
    );
    for (const when of ['hot', 'in parts']) {
      const info = await engine.describe(series);
      assert.deepEqual([info.tagSets, info.firstNs, info.lastNs, info.rows], [3n, 3n, 9n, 3n], when);
      await engine.checkpoint();
    }
  });

  check('explains what a query reads', async (engine, series) => {
    const days = [0n, 1n, 2n].map((day) => point(series, { host: 'a' }, day * 24n * hourNs, { f: Number(day) }));
    await engine.insert(batchOf(days));
    const asked = queryOf(series, { fromNs: 0n, toNs: 36n * hourNs });
    const hot = await engine.explain(asked);
    assert.deepEqual([hot.rows, hot.parts, hot.bytesCached, hot.hotRows], [2n, 0n, 0n, 3n]);
    await engine.checkpoint();
    const first = await engine.explain(asked);
    assert.deepEqual([first.rows, first.parts, first.hotRows], [2n, 2n, 0n]);
    assert.ok(first.bytesPerVolume.reduce((sum, bytes) => sum + bytes) > 0n);
    assert.ok(first.totalNs > 0n && first.readNs <= first.totalNs);
  });

  check(
    'deletes by range, tags and fields, also over parts and late rows; newest values follow',
    async (engine, series) => {
      const hours = Array.from({ length: 48 }, (_, i) => i);
      const given = hours.flatMap((hour) =>
        ['a', 'b'].map((host) =>
          point(series, { host }, BigInt(hour) * hourNs, { f: hour, ...(hour === 5 ? { only: 1 } : {}) }),
        ),
      );
      const model = new Reference();
      const write = async (batch: Point[]) => {
        model.insert(batch);
        await engine.insert(batchOf(batch));
      };
      await write(given.slice(0, 60));
      await engine.checkpoint();
      await write(given.slice(60));
      await write([point(series, { host: 'a' }, 3n * hourNs, { f: 100 })]);
      const gone = async (fromNs: bigint, toNs: bigint, where: QuerySpec['where'], dryRun = false) => {
        assert.equal(
          await engine.delete({ series, fromNs, toNs, where, dryRun }),
          model.delete(series, fromNs, toNs, where, dryRun),
        );
        assert.deepEqual(await all(engine, series), model.query(queryOf(series)));
        const latest = { series, where: null, fields: [] };
        assert.deepEqual(rowsOf(await engine.latest(latest)), model.latest(latest));
      };
      const isA = { op: 'in', tag: 'host', values: ['a'] } as const;
      await gone(0n, 100n * hourNs, isA, true);
      await gone(4n * hourNs, 6n * hourNs, isA);
      await gone(0n, 100n * hourNs, { op: 'ge', field: 'f', value: 90 });
      await gone(40n * hourNs, 100n * hourNs, null);
      await gone(0n, 100n * hourNs, isA);
      await write([point(series, { host: 'a' }, 41n * hourNs, { f: 1 })]);
      await gone(0n, 1n, null);
    },
  );

  check('retains from a day on', async (engine, series) => {
    const dayNs = 24n * hourNs;
    // Nothing of other series is as old as this, once they are cut.
    await engine.retain(-40_000n * dayNs);
    const times = [-40_000n, -39_999n, -39_998n].map((day) => day * dayNs + 5n);
    await engine.insert(batchOf(times.slice(0, 2).map((time) => point(series, {}, time, { f: 1 }))));
    await engine.checkpoint();
    await engine.insert(batchOf(times.slice(2).map((time) => point(series, {}, time, { f: 1 }))));
    assert.equal(await engine.retain(-39_999n * dayNs + 7n), 1n);
    assert.deepEqual(
      (await all(engine, series)).map(([time]) => time),
      times.slice(1),
    );
    assert.equal(await engine.retain(-39_997n * dayNs), 2n);
    assert.deepEqual(rowsOf(await engine.latest({ series, where: null, fields: [] })), []);
  });

  check('says where its journal ends, and when the last checkpoint was', async (engine, series) => {
    const { generation, offset } = await engine.insert(batchOf([point(series, { host: 'a' }, 1n, { f: 1 })]));
    const before = await engine.stats();
    assert.deepEqual(before.journalEnd, { generation, offset });
    await engine.checkpoint();
    const { journalEnd, checkpointNs } = await engine.stats();
    assert.ok(journalEnd!.generation > generation);
    assert.ok(checkpointNs! > 1_700_000_000_000_000_000n && checkpointNs! >= (before.checkpointNs ?? 0n));
  });

  check(
    'merges small old parts, and answers as before, also what is written, deleted and cut off after that',
    async (engine, series) => {
      const dayNs = 24n * hourNs;
      const first = -31n * 2_000n;
      await engine.retain((first - 100n) * dayNs);
      const model = new Reference();
      model.define(series, ['host'], ['f']);
      const give = async (points: Point[]) => {
        model.insert(points);
        await engine.insert(batchOf(points));
        await engine.checkpoint();
      };
      const of = (day: number, host: string, f: number) =>
        point(series, { host }, (first + BigInt(day)) * dayNs + 7n, { f });
      await engine.define({ series, tags: ['host'], fields: [{ name: 'f', type: 'float' }] });
      for (let round = 0; round < 2; round++)
        await give(Array.from({ length: 24 }, (_, i) => of(i % 12, `h${2 * round + (i % 2)}`, i)));
      const compactAll = async () => {
        const { parts: before } = await engine.stats();
        let merged = 0n;
        for (let left = 1n; left > 0n; ) {
          const done = await engine.compact();
          merged += done.parts - done.into;
          left = done.left;
        }
        assert.equal((await engine.stats()).parts, before - merged);
        assert.deepEqual(await engine.compact(), { parts: 0n, into: 0n, bytesBefore: 0n, bytesAfter: 0n, left: 0n });
        return merged;
      };
      const same = async () => {
        for (const spec of [
          queryOf(series),
          queryOf(series, { fromNs: (first + 5n) * dayNs, toNs: (first + 11n) * dayNs, order: 'desc', limit: 7 }),
          queryOf(series, {
            by: ['host'],
            bucket: { kind: 'width', widthNs: 3n * dayNs, originNs: 0n },
            select: [{ op: 'sum', field: 'f', as: 's' }],
          }),
        ])
          await agrees(engine, model, spec);
      };
      await compactAll();
      await same();
      // Late, new, and of a day that had nothing.
      await give([of(3, 'h0', -1), of(4, 'new', -2), of(20, 'h1', -3)]);
      await same();
      const gone = { series, fromNs: (first + 2n) * dayNs, toNs: (first + 4n) * dayNs, where: null, dryRun: false };
      assert.equal(await engine.delete(gone), model.delete(series, gone.fromNs, gone.toNs, null, false));
      await same();
      await compactAll();
      const cutNs = (first + 8n) * dayNs;
      assert.equal(await engine.retain(cutNs), model.retain(cutNs));
      await same();
    },
  );

  check('tails a series from a position of its journal', async (engine, series) => {
    const start = await engine.tail({
      series: (await engine.define({ series, tags: [], fields: [{ name: 'f', type: 'float' }] })).series,
      generation: -1n,
      offset: 0n,
      maxRows: 1,
    });
    for (let i = 0; i < 5; i++)
      await engine.insert(batchOf([point(series, {}, BigInt(i), { f: i }), point(`${series}x`, {}, 1n, { f: 1 })]));
    const seen: bigint[] = [];
    let at = start;
    do {
      at = await engine.tail({ series, generation: at.generation, offset: at.offset, maxRows: 2 });
      seen.push(...at.points.flatMap((part) => [...part.timeNs]));
    } while (at.points.length > 0);
    assert.deepEqual(seen, [0n, 1n, 2n, 3n, 4n]);
    await engine.checkpoint();
    await refuses(
      engine.tail({ series, generation: start.generation, offset: start.offset, maxRows: 2 }),
      /^CursorGone/,
    );
  });

  check('ends a query whose caller is gone', async (engine, series) => {
    await engine.insert(batchOf([point(series, {}, 1n, { f: 1 })]));
    await assert.rejects(engine.query(queryOf(series), AbortSignal.abort()));
  });

  test(`${name}: answers random queries as the reference does`, async (t) => {
    const engine = await open(t, 'flexible');
    if (!engine) return;
    await fc.assert(
      fc.asyncProperty(
        fc.array(points, { minLength: 1, maxLength: 4 }),
        fc.array(query, { minLength: 4, maxLength: 8 }),
        fc.array(asof, { minLength: 2, maxLength: 4 }),
        fc.integer({ min: 0, max: 4 }),
        async (batches, specs, joins, checkpointAt) => {
          const suffix = randomUUID().slice(0, 8);
          const model = new Reference();
          for (const series of ['m', 'n'].map((short) => short + suffix)) {
            model.define(series, ['host', 'rack'], fieldNames);
            await engine.define({
              series,
              tags: ['host', 'rack'],
              fields: fieldNames.map((field) => ({ name: field, type: fieldTypes[field] })),
            });
          }
          for (const [i, batch] of batches.entries()) {
            const own = batch.map((one) => ({ ...one, series: one.series + suffix }));
            model.insert(own);
            await engine.insert(batchOf(own));
            if (i === checkpointAt) await engine.checkpoint();
          }
          for (const spec of specs) await agrees(engine, model, { ...spec, series: spec.series + suffix });
          for (const { series, other, ...spec } of joins)
            await joinsAlike(engine, model, {
              ...spec,
              series: series + suffix,
              other: { ...other, series: other.series + suffix },
            });
        },
      ),
      { numRuns: 15 },
    );
  });
}

async function all(engine: Engine, series: string): Promise<Cell[][]> {
  return rowsOf(await engine.query(queryOf(series)));
}

/** Engines do not add in the same order. */
function rounded(rows: readonly Cell[][]): Cell[][] {
  return rows.map((row) => row.map((cell) => (typeof cell === 'number' ? Number(cell.toPrecision(13)) : cell)));
}

async function refuses(call: Promise<unknown>, message: RegExp): Promise<void> {
  await assert.rejects(call, (error: Error) => {
    assert.match(error.message, message);
    return true;
  });
}
