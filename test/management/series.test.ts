import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { FieldDefinition, SeriesDefinition } from '../../src/kdb/engine.ts';
import { type Deed, theService } from '../../src/management/audit.ts';
import type { Series } from '../../src/management/records.ts';
import { startDynoxide } from '../servers.ts';
import { code, openManagement } from './region.ts';

const dynoxide = await startDynoxide();
after(() => dynoxide.stop());
const { series: catalogue, close } = await openManagement(dynoxide.endpoint);
after(close);
// Another process, with caches of its own.
const other = await openManagement(dynoxide.endpoint);
after(other.close);

let databases = 0;
const newDatabase = () => ({ id: `db-${++databases}`, name: 'plant' });

const options = { maxSeries: null, deed: deed('cpu') };

function deed(name: string): Deed {
  return { accountId: 'a', by: theService, action: 'defineSeries', subject: { kind: 'series', id: name, name } };
}

function floats(series: string, ...fields: string[]): SeriesDefinition {
  return { series, tags: ['host'], fields: fields.map((name): FieldDefinition => ({ name, type: 'float' })) };
}

const fieldsOf = (record: Series | null | undefined): string[] | undefined => record?.fields.map(({ name }) => name);

async function define(database: { id: string; name: string }, definition: SeriesDefinition, maxSeries?: number) {
  const before = await catalogue.readSeries(database.id, definition.series);
  await catalogue.store(database, before, definition, { maxSeries: maxSeries ?? null, deed: deed(definition.series) });
}

test('stored, found, extended, listed, removed; a name that comes back goes on counting', async () => {
  const database = newDatabase();
  assert.equal(await catalogue.findSeries(database.id, 'a/b'), null);
  await define(database, floats('a/b', 'v'));
  await define(database, floats('!', 'v'));
  assert.deepEqual(fieldsOf(await catalogue.findSeries(database.id, 'a/b')), ['v']);
  await define(database, floats('a/b', 'v', 'w'));
  const { record } = await catalogue.readSeries(database.id, 'a/b');
  assert.deepEqual([record!.version, fieldsOf(record)], [2, ['v', 'w']]);
  assert.deepEqual(await catalogue.findSeries(database.id, 'a/b'), record);
  // Nothing new is no change.
  await define(database, floats('a/b', 'w', 'v'));
  assert.equal((await catalogue.readSeries(database.id, 'a/b')).version, 2);
  assert.deepEqual(
    (await Array.fromAsync(catalogue.everySeries(database.id))).map(({ name }) => name),
    ['!', 'a/b'],
  );
  await catalogue.remove(database, 'a/b', await catalogue.readSeries(database.id, 'a/b'), options.deed);
  assert.equal(await catalogue.findSeries(database.id, 'a/b'), null);
  assert.equal((await catalogue.readHead(database.id)).series, 1);
  await define(database, floats('a/b', 'x'));
  assert.equal((await catalogue.readSeries(database.id, 'a/b')).version, 4);
});

test('two that change one series at the same time: one wins', async () => {
  const database = newDatabase();
  const before = await catalogue.readSeries(database.id, 'cpu');
  await catalogue.store(database, before, floats('cpu', 'v'), options);
  await assert.rejects(catalogue.store(database, before, floats('cpu', 'w'), options), code('Conflict'));
  await assert.rejects(catalogue.remove(database, 'cpu', before, options.deed), code('Conflict'));
  assert.deepEqual(fieldsOf((await catalogue.readSeries(database.id, 'cpu')).record), ['v']);
});

test('the number of series is bounded, also when many come at the same time', async () => {
  const database = newDatabase();
  const results = await Promise.allSettled(
    Array.from({ length: 8 }, (_, i) => define(database, floats(`s${i}`, 'v'), 3)),
  );
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 3);
  for (const result of results) if (result.status === 'rejected') assert.equal(result.reason.code, 'TooManySeries');
  assert.equal((await Array.fromAsync(catalogue.everySeries(database.id))).length, 3);
  // What is there can be extended, and what was removed makes room.
  const [{ name }] = (await Array.fromAsync(catalogue.everySeries(database.id))) as [Series];
  await define(database, floats(name, 'v', 'w'), 3);
  await catalogue.remove(database, name, await catalogue.readSeries(database.id, name), options.deed);
  await define(database, floats('new', 'v'), 3);
  await assert.rejects(define(newDatabase(), floats('new', 'v'), 0), code('TooManySeries'));
});

test('follows a database process: new, extended, gone, and more than one transaction takes', async () => {
  const database = newDatabase();
  const process = new Map<string, SeriesDefinition>();
  for (let i = 0; i < 120; i++) process.set(`s${i}`, floats(`s${i}`, 'v'));
  const describe = async (name: string) => process.get(name) ?? null;
  const names = [...process.keys()];
  assert.equal(await catalogue.follow(database.id, names, describe), true);
  assert.equal((await Array.fromAsync(catalogue.everySeries(database.id))).length, 120);
  const { changes: before } = await catalogue.readHead(database.id);
  await catalogue.follow(database.id, names, describe);
  assert.equal((await catalogue.readHead(database.id)).changes, before, 'nothing was new');
  process.set('s1', floats('s1', 'v', 'w'));
  process.delete('s2');
  await catalogue.follow(database.id, names, describe);
  const items = await Array.fromAsync(catalogue.everySeries(database.id));
  assert.deepEqual(fieldsOf(items.find(({ name }) => name === 's1')), ['v', 'w']);
  assert.equal(items.length, 119);
  assert.equal((await catalogue.readHead(database.id)).series, 119);
});

test('the widest series that there can be are stored', async () => {
  const database = newDatabase();
  const wide = (i: number) => floats(`${i}`, ...Array.from({ length: 1024 }, (_, f) => `${f}`.padEnd(255, 'x')));
  const names = ['1', '2', '3', '4', '5'];
  await catalogue.follow(database.id, names, async (name) => wide(Number(name)));
  assert.equal((await Array.fromAsync(catalogue.everySeries(database.id))).length, 5);
  assert.equal(fieldsOf(await other.series.findSeries(database.id, '5'))!.length, 1024);
});

test('whoever asked the process earlier never overwrites what was found later', async () => {
  const database = newDatabase();
  let inProcess = floats('cpu', 'v');
  let asked = 0;
  // The other process finds more and stores it while the first one still holds what it has found.
  await catalogue.follow(database.id, ['cpu'], async () => {
    const found = inProcess;
    if (++asked === 1) {
      inProcess = floats('cpu', 'v', 'w');
      await other.series.follow(database.id, ['cpu'], async () => inProcess);
    }
    return found;
  });
  assert.equal(asked, 2);
  assert.deepEqual(fieldsOf((await catalogue.readSeries(database.id, 'cpu')).record), ['v', 'w']);
});

test('a comparison counts until a series is changed', async () => {
  const database = newDatabase();
  const empty = await catalogue.readHead(database.id);
  assert.deepEqual(empty, { series: 0, changes: 0, compared: null, removed: false });
  await catalogue.markCompared(database.id, empty, 7n);
  assert.deepEqual((await catalogue.readHead(database.id)).compared, { catalogueVersion: 7, changes: 0 });
  const head = await catalogue.readHead(database.id);
  await define(database, floats('cpu', 'v'));
  await catalogue.markCompared(database.id, head, 8n);
  assert.deepEqual((await catalogue.readHead(database.id)).compared, { catalogueVersion: 7, changes: 0 });
  assert.equal((await catalogue.readHead(database.id)).changes, 1);
});

test('a database that goes takes its series along, and none can come after that', async () => {
  const database = newDatabase();
  const names = Array.from({ length: 60 }, (_, i) => `s${i}`);
  await catalogue.follow(database.id, names, async (name) => floats(name, 'v'));
  const [{ version }] = (await Array.fromAsync(catalogue.everySeries(database.id))) as [Series];
  await catalogue.removeAll(database.id);
  await catalogue.removeAll(database.id);
  assert.deepEqual(await Array.fromAsync(catalogue.everySeries(database.id)), []);
  assert.equal(await catalogue.findSeries(database.id, 's0'), null);
  assert.deepEqual(await catalogue.readSeries(database.id, 's0'), { version: version + 1, record: null });
  assert.equal(await catalogue.follow(database.id, ['s0', 'new'], async (name) => floats(name, 'v')), false);
  await assert.rejects(define(database, floats('new', 'v')), code('DatabaseNotFound'));
  await catalogue.markCompared(database.id, await catalogue.readHead(database.id), 1n);
  assert.equal((await catalogue.readHead(database.id)).compared, null);
});
