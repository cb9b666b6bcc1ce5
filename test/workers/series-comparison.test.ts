import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import type { FieldType, SchemaMode, SeriesDefinition } from '../../src/kdb/engine.ts';
import { theService } from '../../src/management/audit.ts';
import type { Database } from '../../src/management/records.ts';
import { type ComparedEngine, SeriesComparison } from '../../workers/series-comparison.ts';
import { openStore, volumesFor } from '../engines/store-in-temp.ts';
import { newDatabase, openManagement, region, silent } from '../management/region.ts';
import { startDynoxide } from '../servers.ts';

const dynoxide = await startDynoxide();
after(dynoxide.stop);
const management = await openManagement(dynoxide.endpoint);
after(management.close);
await management.hosts.register({
  id: 'h',
  region,
  zone: 'a',
  agent: { host: '127.0.0.1', port: 1 },
  slots: 64,
  volumes: 4,
});

let databases = 0;

interface Compared {
  readonly database: Database;
  readonly engine: ComparedEngine;
  readonly compare: () => Promise<boolean>;
  readonly compareAll: () => Promise<void>;
}

async function compared(t: TestContext, schema: SchemaMode): Promise<Compared> {
  const engine = await openStore(volumesFor(t, 1), { schema });
  t.after(() => engine.close());
  const { database } = await management.databases.createDatabase(
    { ...newDatabase('a', `d${++databases}`), schema },
    theService,
  );
  const [host] = await management.hosts.listHosts();
  const placed = (await management.databases.place(database, host!))!;
  const active = await management.databases.change(placed, {
    status: 'active',
    endpoint: { host: '127.0.0.1', port: 1 },
  });
  // Others of this file were closed with their tests.
  const connect = ({ id }: Database): ComparedEngine => {
    if (id !== active.id) throw new Error('closed');
    return {
      hello: () => engine.hello(),
      series: (spec) => engine.series(spec),
      describe: (series) => engine.describe(series),
      define: (wanted) => engine.define(wanted),
      drop: (series, catalogueVersion) => engine.drop(series, catalogueVersion),
      close: async () => {},
    };
  };
  const comparison = new SeriesComparison({ management, connect, log: silent });
  return {
    database: active,
    engine,
    compare: () => comparison.compare(active, engine),
    compareAll: () => comparison.compareAll(),
  };
}

function definition(series: string, field: string, type: FieldType = 'float'): SeriesDefinition {
  return { series, tags: ['host'], fields: [{ name: field, type }] };
}

async function store({ id, name }: Database, wanted: SeriesDefinition): Promise<void> {
  const subject = { kind: 'series', id: wanted.series, name: wanted.series } as const;
  const deed = { accountId: 'a', by: theService, action: 'defineSeries', subject };
  const before = await management.series.readSeries(id, wanted.series);
  await management.series.store({ id, name }, before, wanted, { maxSeries: null, deed });
}

const stored = async ({ id }: Database): Promise<[string, string[]][]> =>
  (await Array.fromAsync(management.series.everySeries(id))).map(({ name, fields }) => [
    name,
    fields.map((field) => field.name),
  ]);

test('flexible: the management data become what the process has', async (t) => {
  const { database, engine, compare } = await compared(t, 'flexible');
  await engine.define(definition('new', 'v'));
  await engine.define(definition('grown', 'v'));
  await engine.define(definition('grown', 'w'));
  await store(database, definition('grown', 'v'));
  await store(database, definition('gone', 'v'));
  await store(database, definition('new', 'v', 'string'));
  assert.equal(await compare(), false);
  assert.deepEqual(await stored(database), [
    ['grown', ['v', 'w']],
    ['new', ['v']],
  ]);
  assert.equal(await compare(), true);
});

test('strict: the process becomes what the management data say', async (t) => {
  const { database, engine, compare } = await compared(t, 'strict');
  for (const name of ['left', 'left too']) await engine.define(definition(name, 'v'));
  await engine.define(definition('grown', 'v'));
  await store(database, definition('new', 'v'));
  await store(database, { ...definition('grown', 'v'), tags: ['host', 'rack'] });
  for (let round = 1; !(await compare()); round++) assert.ok(round < 4);
  const { series } = await engine.series({ after: null, limit: 10 });
  assert.deepEqual(series.map((info) => [info.series, info.tags]).toSorted(), [
    ['grown', ['host', 'rack']],
    ['new', ['host']],
  ]);
  assert.equal(await compare(), true);
});

test('more series than are held at a time, on both sides, with names of all kinds', async (t) => {
  const { database, engine, compare } = await compared(t, 'flexible');
  const names = ['z', '\uff5e', '\u{1f600}', ...Array.from({ length: 1_100 }, (_, i) => `s${i}`)];
  await Promise.all(names.map((name) => engine.define(definition(name, 'v'))));
  for (let round = 1; !(await compare()); round++) assert.ok(round <= 3, `${round}`);
  assert.deepEqual((await stored(database)).map(([name]) => name).toSorted(), names.toSorted());
  await engine.drop('s1050');
  await engine.define(definition('\u{1f600}', 'w'));
  const followed: number[] = [];
  const { follow } = management.series;
  t.mock.method(management.series, 'follow', (...args: Parameters<typeof follow>) => {
    followed.push(args[1].length);
    return follow.apply(management.series, args);
  });
  assert.equal(await compare(), false);
  assert.deepEqual(followed, [2]);
  assert.equal(await compare(), true);
});

test('what was compared is not looked at again until either side changes', async (t) => {
  const { database, engine, compare } = await compared(t, 'flexible');
  await engine.define(definition('cpu', 'v'));
  await compare();
  assert.equal(await compare(), true);
  const { series } = engine;
  const unread: Compared['engine'] = Object.assign(engine, {
    series: async () => {
      throw new Error('asked for all series');
    },
  });
  assert.equal(await compare(), true);
  await engine.define(definition('cpu', 'w'));
  await assert.rejects(compare(), /asked for all series/);
  unread.series = series;
  assert.equal(await compare(), false);
  assert.equal(await compare(), true);
  await store(database, definition('other', 'v'));
  assert.equal(await compare(), false);
});

test('every active database of the region is compared, whatever happens with another', async (t) => {
  await compared(t, 'flexible');
  const { database, engine, compareAll } = await compared(t, 'flexible');
  await engine.define(definition('cpu', 'v'));
  await compareAll();
  assert.deepEqual(await stored(database), [['cpu', ['v']]]);
});
