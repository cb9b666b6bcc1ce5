import assert from 'node:assert/strict';
import { test } from 'node:test';
import { batchOf, type Point, point, queryOf } from '../../engines/points.ts';
import { openStore, volumesFor } from '../../engines/store-in-temp.ts';
import { until } from '../../until.ts';

test('a tag set beyond the limit refuses the request before anything of it is kept', async (t) => {
  const store = await openStore(volumesFor(t, 1), { maxTagSets: 3 });
  t.after(() => store.close());
  await store.insert(batchOf(['a', 'b'].map((host) => point('m', { host }, 1n, { f: 1 }))));
  await assert.rejects(
    store.insert(batchOf(['c', 'd'].map((host) => point('m', { host }, 1n, { f: 1 })))),
    /TooManyTagSets m 3/,
  );
  assert.equal((await store.describe('m')).tagSets, 2n);
  await store.insert(batchOf([point('n', {}, 1n, { f: 1 })]));
  await assert.rejects(store.insert(batchOf([point('m', { host: 'c' }, 1n, { f: 1 })])), /TooManyTagSets/);
  // A dropped series gives its tag sets back.
  await store.drop('n');
  await store.insert(batchOf([point('m', { host: 'c' }, 1n, { f: 1 })]));
});

test('a series beyond the limit refuses the request before anything of it is kept', async (t) => {
  const store = await openStore(volumesFor(t, 1), { maxSeries: 2 });
  t.after(() => store.close());
  const insert = (...names: string[]): Promise<unknown> =>
    store.insert(batchOf(names.map((name) => point(name, {}, 1n, { f: 1 }))));
  await insert('a');
  await assert.rejects(insert('b', 'c'), /TooManySeries 2/);
  await assert.rejects(store.describe('b'), /SeriesNotFound/);
  // Of two at the same time, one is too many.
  const both = await Promise.allSettled([insert('b'), insert('c')]);
  assert.deepEqual(both.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected']);
  await assert.rejects(store.define({ series: 'd', tags: [], fields: [] }), /TooManySeries 2/);
  await insert('a');
  await store.drop('a');
  await insert('d');
});

test('memory near its budget is written into parts; beyond it writes are refused, and taken again', async (t) => {
  const store = await openStore(volumesFor(t, 2), { budgetBytes: 4 << 20 });
  t.after(() => store.close());
  const rows = 2000;
  const batch = (round: number): Point[] =>
    Array.from({ length: rows }, (_, i) =>
      point('m', { host: `h${i % 10}` }, BigInt(round * rows + i), { a: i, b: round, c: 1, d: 2 }),
    );
  let busy = 0;
  for (let round = 0; round < 40; round++) {
    await until('the batch is taken', async () => {
      const error = await store.insert(batchOf(batch(round))).then(
        () => null,
        (refused: Error) => refused,
      );
      if (error) {
        assert.match(error.message, /EngineBusy/);
        busy++;
      }
      return error === null;
    });
  }
  const stats = await store.stats();
  assert.equal((await store.describe('m')).rows, BigInt(40 * rows));
  assert.ok(stats.parts > 0n, `${busy} refusals`);
});

const heavy = queryOf('m', {
  fromNs: 0n,
  toNs: 10n ** 18n,
  where: { op: 'gt', field: 'f', value: -1 },
  by: ['host'],
  bucket: { kind: 'width', widthNs: 3n, originNs: 0n },
  select: [{ op: 'sum', field: 'f', as: 'f' }],
});

for (const [title, reason, code] of [
  ['its caller leaves', undefined, 'Cancelled'],
  ['its deadline passes', new DOMException('late', 'TimeoutError'), 'DeadlineExceeded'],
] as const) {
  test(`a long query ends in the engine when ${title}, and inserts go on beside it`, async (t) => {
    const store = await openStore(volumesFor(t, 1));
    t.after(() => store.close());
    for (let round = 0; round < 20; round++)
      await store.insert(
        batchOf(
          Array.from({ length: 5000 }, (_, i) =>
            point('m', { host: `h${i % 500}` }, BigInt(round * 5000 + i), { f: i }),
          ),
        ),
      );
    const controller = new AbortController();
    const running = (async () => {
      for (;;) await store.query(heavy, controller.signal);
    })();
    await store.insert(batchOf([point('m', { host: 'h1' }, 10n ** 9n, { f: 1 })]));
    controller.abort(reason);
    await assert.rejects(running, (error: { code?: string }) => error.code === code);
  });
}

test('a limit that was lowered holds for new tag sets only, also over a restart', async (t) => {
  const volumes = volumesFor(t, 1);
  const first = await openStore(volumes);
  await first.insert(batchOf([point('m', { host: 'a' }, 1n, { f: 1 }), point('m', { host: 'b' }, 1n, { f: 1 })]));
  await first.close();
  const store = await openStore(volumes, { maxTagSets: 1 });
  t.after(() => store.close());
  await store.insert(batchOf([point('m', { host: 'b' }, 2n, { f: 1 })]));
  const more = batchOf([point('m', { host: 'c' }, 1n, { f: 1 })]);
  await assert.rejects(store.insert(more), /TooManyTagSets m 1/);
  store.limit({ maxTagSets: 3 });
  await store.insert(more);
});

test('tag sets beyond their share of memory are refused by name, and those that are there are written on', async (t) => {
  const store = await openStore(volumesFor(t, 1), { budgetBytes: 4 << 20 });
  t.after(() => store.close());
  const give = (from: number, fields: Record<string, number>): Promise<unknown> =>
    store.insert(batchOf(Array.from({ length: 500 }, (_, i) => point('m', { host: `h${from + i}` }, 1n, fields))));
  let known = 0;
  let refused: Error | null = null;
  while (!refused && known < 100_000) {
    refused = await give(known, { a: 1, b: 2 }).then(
      () => null,
      (error: Error) => error,
    );
    if (refused?.message === 'EngineBusy') refused = null;
    else if (!refused) known += 500;
  }
  assert.match(refused!.message, /^TooManyTagSets m \d+$/);
  assert.ok(known >= 4_000 && known <= 20_000, `${known} tag sets`);
  await until('a known tag set is written', () =>
    give(0, { a: 3 }).then(
      () => true,
      () => false,
    ),
  );
  await assert.rejects(give(0, { c: 1, d: 1, e: 1, f: 1, g: 1 }), /TooManyFields m/);
  await until('there is room again', async () => {
    await store.drop('m').catch(() => undefined);
    return give(known, { a: 1 }).then(
      () => true,
      () => false,
    );
  });
});
