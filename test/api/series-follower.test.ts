// Flexible databases: the management data follow what writes bring.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { SeriesFollower } from '../../src/api/series-follower.ts';
import type { EngineClient } from '../../src/kdb/client.ts';
import type { Engine, InsertReceipt, SeriesInfo } from '../../src/kdb/engine.ts';
import { EngineError } from '../../src/kdb/engine-error.ts';
import { theService } from '../../src/management/audit.ts';
import type { Database } from '../../src/management/records.ts';
import { openStore, volumesFor } from '../engines/store-in-temp.ts';
import { stubEngine } from '../kdb/stub-engine.ts';
import { createActive, openManagement, silent } from '../management/region.ts';
import { startDynoxide, temporaryFolder } from '../servers.ts';
import { until } from '../until.ts';
import { openApi } from './api.ts';

const folder = temporaryFolder();
after(folder.remove);
const dynoxide = await startDynoxide(folder.path);
after(dynoxide.stop);
const management = await openManagement(dynoxide.endpoint);
after(management.close);

let databases = 0;
const newDatabase = async (): Promise<Database> =>
  (await createActive(management.databases, 'a', `d${++databases}`)).database;
const stored = async ({ id }: Database): Promise<string[]> =>
  (await Array.fromAsync(management.series.everySeries(id))).map(({ name }) => name);

/** A database process in which every series asked for is there, but those. */
function process(gone: readonly string[] = []): { engine: Engine; described: string[] } {
  const described: string[] = [];
  const describe = async (series: string): Promise<SeriesInfo> => {
    described.push(series);
    if (gone.includes(series)) throw new EngineError('SeriesNotFound', series);
    return { series, tags: [], fields: [], tagSets: 0n, firstNs: null, lastNs: null, rows: 0n };
  };
  return { engine: stubEngine({ describe }), described };
}

function follower(engine: Engine): SeriesFollower {
  return new SeriesFollower({ engines: { client: () => engine as EngineClient }, management, log: silent });
}

const receipt = (catalogueVersion: bigint) => async (): Promise<InsertReceipt> => ({
  rows: 1n,
  late: 0n,
  catalogueVersion,
  generation: 1n,
  offset: 0n,
});
const parts = (...names: string[]): { series: string }[] => names.map((series) => ({ series }));

test('over HTTP: series come, grow and go', async (t) => {
  const store = await openStore(volumesFor(t, 1));
  t.after(() => store.close());
  const api = await openApi(t, { engine: store });
  const { id, service } = await api.account('a');
  await api.database(id, 'plant');
  const catalogue = async (): Promise<unknown> =>
    (await service.ask('/v1/databases/plant/catalogue')).json.series.map((one: { name: string; fields: object }) => [
      one.name,
      ...Object.keys(one.fields),
    ]);
  const becomes = (expected: string): Promise<unknown> =>
    until(expected, async () => JSON.stringify(await catalogue()) === expected);
  await service.write('plant', 'cpu,host=a v=1 1\nmem v=1 1');
  await becomes('[["cpu","v"],["mem","v"]]');
  await service.write('plant', 'cpu,host=a w=1 1');
  const path = '/v1/databases/plant/series';
  await service.ask(`${path}/disk`, { method: 'PUT', body: { fields: { free: 'long' } } });
  await service.ask(`${path}/mem`, { method: 'DELETE' });
  await becomes('[["cpu","v","w"],["disk","free"]]');
  assert.equal((await service.ask('/v1/databases/plant/catalogue/mem')).status, 404);
});

test('writes of known series cost nothing; of writes that one catalogue version covers, none is overlooked', async () => {
  const database = await newDatabase();
  const { engine, described } = process();
  const following = follower(engine);
  await following.watch(database, parts('a'), receipt(1n));
  // Sent before either was answered; the process has put them into one journal write.
  await Promise.all(['b', 'c'].map((name) => following.watch(database, parts(name), receipt(3n))));
  await following.watch(database, parts('d'), receipt(3n));
  assert.equal(following.waiting, 3);
  await following.close();
  assert.deepEqual(described.toSorted(), ['a', 'b', 'c']);
  assert.deepEqual(await stored(database), ['a', 'b', 'c']);
});

test('a stop stores what waits', async () => {
  const database = await newDatabase();
  const following = follower(process(['gone']).engine);
  await management.series.follow(database.id, ['gone'], async (series) => ({ series, tags: [], fields: [] }));
  following.changed(database, ['gone', 'x']);
  await following.close();
  assert.deepEqual(await stored(database), ['x']);
  assert.equal(following.waiting, 0);
});

test('two that follow the same database converge', async () => {
  const database = await newDatabase();
  const names = Array.from({ length: 80 }, (_, i) => `s${i}`);
  const both = [follower(process().engine), follower(process().engine)];
  for (const following of both) following.changed(database, names);
  await Promise.all(both.map((following) => following.close()));
  assert.deepEqual((await stored(database)).toSorted(), names.toSorted());
});

test('DynamoDB is away: what waits is kept and stored later', async () => {
  const database = await newDatabase();
  const following = follower(process().engine);
  dynoxide.child.kill('SIGKILL');
  await following.watch(database, parts('a'), receipt(1n));
  await until('an attempt', () => following.waiting === 1);
  await following.watch(database, parts('b'), receipt(2n));
  await dynoxide.restart();
  await until(
    'both to be stored',
    async () => following.waiting === 0 && (await stored(database)).length === 2,
    60_000,
  );
  await following.close();
});

test('a database that goes is followed no longer', async () => {
  const database = await newDatabase();
  const lost = stubEngine({
    describe: async () => {
      throw new Error('no answer');
    },
  });
  const following = follower(lost);
  await management.databases.requestDelete('a', database.name, theService);
  following.changed(database, ['a']);
  await until('it to be forgotten', () => following.waiting === 0);
  await following.close();
});
