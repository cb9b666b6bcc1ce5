import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import type { Store } from '../../../kdb/embedded/store.ts';
import type { ObjectStore } from '../../../src/base/object-store.ts';
import { withRetries } from '../../../src/base/objects/retries.ts';
import { nextBatchId } from '../../../src/kdb/batch-id.ts';
import type { QuerySpec } from '../../../src/kdb/engine.ts';
import { EngineError, type EngineErrorCode } from '../../../src/kdb/engine-error.ts';
import { theService } from '../../../src/management/audit.ts';
import type { Database, Task } from '../../../src/management/records.ts';
import type { ExportParams, ExportResult } from '../../../src/tasks/export.ts';
import { ExportedDatabase } from '../../../workers/exports/database.ts';
import { FileExpiry } from '../../../workers/file-expiry.ts';
import type { Connection } from '../../../workers/kinds/kind.ts';
import { faulty } from '../../base/objects/faulty.ts';
import { openStore, volumesFor } from '../../engines/store-in-temp.ts';
import { createActive, silent } from '../../management/region.ts';
import { Mortal } from '../mortal.ts';
import { testRegion } from '../region.ts';

const hosts = 7;
const points = 9_000;

/** Points of a second each, of 7 hosts in turn: the field says which it is. */
async function insert(
  store: Store,
  from: number,
  count: number,
  tags: Readonly<Record<string, string>> = {},
): Promise<void> {
  const names = ['host', ...Object.keys(tags)];
  await store.insert({
    batchId: nextBatchId(),
    parts: [
      {
        series: 'cpu',
        tagNames: names,
        keys: [
          Array.from({ length: hosts }, (_, host) => `h${host}`),
          ...Object.values(tags).map((value) => Array(hosts).fill(value) as string[]),
        ],
        keyCount: hosts,
        row: Int32Array.from({ length: count }, (_, i) => (from + i) % hosts),
        timeNs: BigInt64Array.from({ length: count }, (_, i) => BigInt(from + i) * 1_000_000_000n),
        fields: [
          {
            name: 'n',
            validity: null,
            data: { type: 'long', values: BigInt64Array.from({ length: count }, (_, i) => BigInt(from + i)) },
          },
        ],
      },
    ],
  });
}

async function open(t: TestContext) {
  const region = await testRegion(t);
  const store = await openStore(volumesFor(t, 2));
  t.after(() => store.close());
  await insert(store, 0, points);
  const { database } = await createActive(region.management.databases, 'a1', 'plant');
  const connection = new Proxy(store, {
    get: (target, name) => (name === 'close' ? async () => {} : bound(target, name)),
  }) as unknown as Connection;
  const connect = async (): Promise<Connection> => connection;
  const create = (params: Partial<ExportParams>): Promise<Task> =>
    region.management.tasks.createTask({
      kind: 'export',
      subject: database,
      params: {
        ...{
          series: 'cpu',
          query: {},
          nowNs: '0',
          format: 'csv',
          compression: 'none',
          splitRows: 1e9,
          splitBytes: 1e9,
        },
        ...params,
      },
      requestedBy: theService,
    });
  return { ...region, store, database, connect, connection, create };
}

function bound(target: Store, name: string | symbol): unknown {
  const value = Reflect.get(target, name) as unknown;
  return typeof value === 'function' ? value.bind(target) : value;
}

async function filesOf(objects: ObjectStore, { id: databaseId }: Database, task: Task): Promise<Buffer[]> {
  assert.equal(task.state, 'succeeded', task.error ?? '');
  const { files, rows } = task.result as ExportResult;
  assert.equal(
    rows,
    files.reduce((sum, file) => sum + file.rows, 0),
  );
  return Promise.all(
    files.map(async ({ name, bytes, sha256 }) => {
      const content = await buffer(await objects.get(`exports/${databaseId}/${task.id}/${name}`));
      assert.deepEqual([content.length, createHash('sha256').update(content).digest('hex')], [bytes, sha256]);
      return content;
    }),
  );
}

/** What `n` is, row by row, over all files. */
function numbersIn(files: readonly Buffer[]): number[] {
  return files.flatMap((file) =>
    file
      .toString()
      .trimEnd()
      .split('\n')
      .slice(1)
      .map((line) => Number(line.split(',').at(-1))),
  );
}

const everyPoint = Array.from({ length: points }, (_, i) => i);

test('export: files of so many rows each, every point once and in order', async (t) => {
  const { worker, create, connect, objects, database, management } = await open(t);
  const task = await create({ splitRows: 2_500 });
  await worker({ connect }).runner.run({ taskId: task.id });
  const done = (await management.tasks.getTask(task.id))!;
  const files = await filesOf(objects, database, done);
  assert.deepEqual(
    (done.result as ExportResult).files.map(({ name, rows }) => [name, rows]),
    [
      ['part-00001.csv', 2500],
      ['part-00002.csv', 2500],
      ['part-00003.csv', 2500],
      ['part-00004.csv', 1500],
    ],
  );
  assert.deepEqual(numbersIn(files), everyPoint);
  assert.equal(done.progress?.total, points);
});

test('export: the worker dies at any step, and the next one makes the same files', async (t) => {
  const { worker, create, connect, objects, database, management } = await open(t);
  const params = { splitRows: 4_000 };
  const whole = await create(params);
  await worker({ connect }).runner.run({ taskId: whole.id });
  const expected = await filesOf(objects, database, (await management.tasks.getTask(whole.id))!);
  let died = 0;
  for (let lastStep = 0; ; lastStep++) {
    const task = await create(params);
    const mortal = new Mortal(lastStep);
    await worker({ mortal, connect })
      .runner.run({ taskId: task.id })
      .catch(() => {});
    if (mortal.dead) died++;
    management.clock.aheadMs += 15_001;
    await worker({ connect }).runner.run({ taskId: task.id });
    const files = await filesOf(objects, database, (await management.tasks.getTask(task.id))!);
    assert.deepEqual(files.map(String), expected.map(String), `died after step ${lastStep}`);
    if (!mortal.dead) break;
  }
  assert.ok(died >= 8, `only ${died} deaths`);
});

test('export: cancelled on its way and tried once more, it has every file', async (t) => {
  const { management, objects, worker, database, connect, create } = await open(t);
  const { tasks, clock } = management;
  const { id } = await create({ splitRows: 1_000 });
  for (let dies = 20; !(await tasks.getTask(id))?.checkpoint; dies++) {
    await worker({ connect, mortal: new Mortal(dies) })
      .runner.run({ taskId: id })
      .catch(() => {});
    clock.aheadMs += 15_001;
  }
  await tasks.cancel(id, theService);
  await worker({ connect }).runner.run({ taskId: id });
  assert.equal((await tasks.getTask(id))?.cleanUps, null);
  await tasks.retry(id, theService);
  await worker({ connect }).runner.run({ taskId: id });
  const files = await filesOf(objects, database, (await tasks.getTask(id))!);
  assert.equal(files.length, points / 1_000);
});

test('export: while 1 request of the store in 5 fails, and the database now and then', async (t) => {
  const { worker, create, connection, objects, database, management } = await open(t);
  const task = await create({ splitRows: 1_000 });
  let calls = 0;
  const connect = async (): Promise<Connection> =>
    new Proxy(connection, {
      get: (target, name) => {
        if (name !== 'query') return Reflect.get(target, name) as unknown;
        return async (spec: never) => {
          if (++calls % 4 === 0) throw new Error('the connection was lost');
          return target.query(spec);
        };
      },
    });
  await worker({ connect, objects: withRetries(faulty(objects)) }).runner.run({ taskId: task.id });
  const files = await filesOf(objects, database, (await management.tasks.getTask(task.id))!);
  assert.deepEqual(numbersIn(files), everyPoint);
});

test('export: what is written meanwhile changes neither columns nor what was there', async (t) => {
  const { worker, create, connection, store, objects, database, management } = await open(t);
  const task = await create({ splitRows: 2_000 });
  let queries = 0;
  const connect = async (): Promise<Connection> =>
    new Proxy(connection, {
      get: (target, name) => {
        if (name !== 'query') return Reflect.get(target, name) as unknown;
        return async (spec: never) => {
          // Another tag, and points behind the newest one.
          if (++queries === 3) await insert(store, points - 500, 1_000, { rack: 'r' });
          return target.query(spec);
        };
      },
    });
  await worker({ connect }).runner.run({ taskId: task.id });
  const files = await filesOf(objects, database, (await management.tasks.getTask(task.id))!);
  assert.deepEqual(numbersIn(files), everyPoint);
  for (const file of files) assert.match(file.toString(), /^time,host,n\n/);
});

const queries: readonly (readonly [
  query: ExportParams['query'],
  header: string,
  rows: number,
  first: string,
  last: string,
])[] = [
  [{ limit: '3' }, 'time,host,n', 3, '1970-01-01T00:00:00Z,h0,0', '1970-01-01T00:00:02Z,h2,2'],
  [{ limit: '2', order: 'desc' }, 'time,host,n', 2, '1970-01-01T02:29:59Z,h4,8999', '1970-01-01T02:29:58Z,h3,8998'],
  [{ where: ['host=h1,h2', 'n>=8990'], 'time-format': 's' }, 'time,host,n', 3, '8990,h2,8990', '8997,h2,8997'],
  [{ aggregation: 'sum' }, 'n', 1, '40495500', '40495500'],
  [{ aggregation: 'max', 'group-by': 'host' }, 'host,n', 7, 'h0,8995', 'h6,8994'],
  [{ aggregation: 'count', 'interval-sec': '1', 'time-format': 's' }, 'time,n', 9_000, '0,1', '8999,1'],
  [
    { aggregation: 'count', 'interval-sec': '0.5', from: '10', until: '20', 'time-format': 's' },
    'time,n',
    10,
    '10,1',
    '19,1',
  ],
  [{ from: '100000' }, 'time,host,n', 0, 'time,host,n', 'time,host,n'],
];

test('export: queries', async (t) => {
  const { worker, create, connect, objects, database, management } = await open(t);
  for (const [query, header, rows, first, last] of queries) {
    const task = await create({ query, splitRows: 4_000 });
    await worker({ connect }).runner.run({ taskId: task.id });
    const done = (await management.tasks.getTask(task.id))!;
    const lines = (await filesOf(objects, database, done)).flatMap((file) => {
      const [head, ...rest] = file.toString().trimEnd().split('\n');
      assert.equal(head, header);
      return rest;
    });
    assert.equal((done.result as ExportResult).rows, rows);
    assert.deepEqual([lines.length, lines[0] ?? header, lines.at(-1) ?? header], [rows, first, last]);
  }
});

test('export: what cannot be exported fails at once, says why and leaves nothing', async (t) => {
  const { worker, create, connect, store, objects, management } = await open(t);
  await store.define({ series: 'ends\\', tags: [], fields: [{ name: 'n', type: 'long' }] });
  for (const [params, error] of [
    [{ series: 'ends\\', format: 'line-protocol' }, /line protocol cannot hold the series/],
    [{ series: 'none' }, /SeriesNotFound/],
    [{ query: { field: 'm' } }, /has no field m/],
  ] as const) {
    const task = await create(params);
    await worker({ connect }).runner.run({ taskId: task.id });
    const done = (await management.tasks.getTask(task.id))!;
    assert.deepEqual([done.state, done.attempts], ['failed', 1]);
    assert.match(done.error!, error);
  }
  for await (const { key } of objects.list('exports/')) assert.fail(key);
});

test('export: a database that is gone fails it at once', async (t) => {
  const { worker, create, connect, database, management } = await open(t);
  const task = await create({});
  await management.databases.remove(database);
  await worker({ connect }).runner.run({ taskId: task.id });
  const done = (await management.tasks.getTask(task.id))!;
  assert.deepEqual([done.state, done.attempts, done.error], ['failed', 1, 'the database is gone']);
});

test('export: faults of the database are waited for, those of the query are not', async () => {
  const asked = async (code: EngineErrorCode): Promise<number> => {
    let queries = 0;
    const query = async () => {
      if (++queries === 1) throw new EngineError(code, 'of this test');
      return {};
    };
    const connect = async () => ({ query, close: async () => {} }) as unknown as Connection;
    const database = new ExportedDatabase({ connect, signal: new AbortController().signal });
    await database.query({} as QuerySpec).catch((error: EngineError) => assert.equal(error.code, code));
    return queries;
  };
  const passing = ['StorageFailed', 'StorageDamaged', 'InternalError', 'StorageFull', 'DatabaseHeld'] as const;
  assert.deepEqual(
    await Promise.all(passing.map(asked)),
    passing.map(() => 2),
  );
  for (const code of ['SeriesNotFound', 'ResultTooLarge', 'BadCall'] as const) assert.equal(await asked(code), 1, code);
});

test('files of exports go after 7 days', async (t) => {
  const { worker, create, connect, objects, management } = await open(t);
  const task = await create({});
  await worker({ connect }).runner.run({ taskId: task.id });
  await objects.put('imports/a', 'stays');
  const expiry = (days: number) =>
    new FileExpiry({
      objects,
      tasks: { getTask: async () => undefined },
      clock: () => Date.now() + days * 86_400_000,
      log: silent,
    });
  assert.equal(await expiry(6.9).removeExpired(), 0);
  assert.equal(await expiry(7.1).removeExpired(), 2);
  assert.equal((await management.tasks.getTask(task.id))?.state, 'succeeded');
  assert.ok(await objects.head('imports/a'));
});
