import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { theService } from '../../src/management/audit.ts';
import { startDynoxide } from '../servers.ts';
import { code, createActive, newDatabase, openManagement, region } from './region.ts';

const dynoxide = await startDynoxide();
after(() => dynoxide.stop());
const { databases, tasks, hosts, close } = await openManagement(dynoxide.endpoint);
after(close);

let hostCount = 0;
async function registerHost(slots: number): Promise<string> {
  const id = `host-${++hostCount}`;
  await hosts.register({ id, region, zone: 'a', agent: { host: '127.0.0.1', port: 1 }, slots, volumes: 4 });
  return id;
}

test('a database and its task come together', async () => {
  const { database, task } = await databases.createDatabase(newDatabase('a1', 'plant'), theService);
  assert.equal(database.status, 'provisioning');
  assert.equal(database.endpoint, null);
  assert.deepEqual(await databases.getDatabase('a1', 'plant'), database);
  assert.deepEqual(await databases.getDatabaseById(database.id), database);
  assert.deepEqual(await tasks.getTask(task.id), task);
  assert.equal(task.databaseId, database.id);
  assert.deepEqual(
    (await tasks.listTasks({ accountId: 'a1', limit: 100 })).tasks.map(({ id }) => id),
    [task.id],
  );
});

test('a name is given once per account, also when many ask at the same time', async () => {
  const create = (): Promise<unknown> => databases.createDatabase(newDatabase('a2', 'plant'), theService);
  const results = await Promise.allSettled(Array.from({ length: 8 }, create));
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
  for (const result of results) {
    if (result.status === 'rejected') assert.equal(result.reason.code, 'DatabaseExists');
  }
  assert.equal((await tasks.listTasks({ accountId: 'a2', limit: 100 })).tasks.length, 1);
  await databases.createDatabase(newDatabase('a3', 'plant'), theService);
});

test('accounts see their own databases only', async () => {
  for (const name of ['b', 'a']) await databases.createDatabase(newDatabase('a4', name), theService);
  await databases.createDatabase(newDatabase('a5', 'c'), theService);
  assert.deepEqual(
    (await databases.listDatabases('a4')).map(({ name }) => name),
    ['a', 'b'],
  );
  assert.equal(await databases.getDatabase('a4', 'c'), undefined);
  // A name may hold what stands between account and name in the cache's keys.
  const { database } = await databases.createDatabase(newDatabase('a4', 'x/c'), theService);
  assert.deepEqual(await databases.getDatabase('a4', 'x/c'), database);
  await assert.rejects(databases.requestDelete('a4', 'c', theService), code('DatabaseNotFound'));
});

test('deleting: one task, the name is free at the end, and the new database is another one', async () => {
  const { database } = await createActive(databases, 'a6', 'plant');
  assert.equal((await databases.getDatabase('a6', 'plant'))?.status, 'active');
  const results = await Promise.allSettled([1, 2, 3].map(() => databases.requestDelete('a6', 'plant', theService)));
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
  for (const result of results) {
    if (result.status === 'rejected') assert.match(result.reason.code, /^(DatabaseBusy|Conflict)$/);
  }
  await assert.rejects(databases.createDatabase(newDatabase('a6', 'plant'), theService), code('DatabaseExists'));
  const deleting = (await databases.getDatabase('a6', 'plant'))!;
  assert.equal(deleting.status, 'deleting');
  await databases.remove(deleting);
  assert.equal(await databases.getDatabase('a6', 'plant'), undefined);
  assert.deepEqual(await databases.listDatabases('a6'), []);
  assert.equal(await databases.getDatabaseById(database.id), undefined);
  const again = await databases.createDatabase(newDatabase('a6', 'plant'), theService);
  assert.notEqual(again.database.id, database.id);
  // Caches compare versions: the new database's are above all of the old one's.
  assert.equal(again.database.version, deleting.version + 2);
  assert.deepEqual(await databases.getDatabase('a6', 'plant'), again.database);
});

test('a change that was based on an older version is a conflict', async () => {
  const { database } = await databases.createDatabase(newDatabase('a7', 'plant'), theService);
  const endpoint = { host: 'h', port: 1 };
  const changed = await databases.change(database, { status: 'active', endpoint });
  await assert.rejects(databases.change(database, { status: 'failed' }), code('Conflict'));
  await assert.rejects(databases.remove(database), code('Conflict'));
  assert.deepEqual(await databases.getDatabase('a7', 'plant', { fresh: true }), changed);
});

test('a busy database is not deleted', async () => {
  await databases.createDatabase(newDatabase('a8', 'plant'), theService);
  await assert.rejects(databases.requestDelete('a8', 'plant', theService), code('DatabaseBusy'));
});

test('a failed database can be deleted', async () => {
  const { database } = await databases.createDatabase(newDatabase('a9', 'plant'), theService);
  await databases.change(database, { status: 'failed' });
  assert.equal((await databases.requestDelete('a9', 'plant', theService)).database.status, 'deleting');
});

test('the slots of a host are never oversold, and come back', async () => {
  const host = (await hosts.getHost(await registerHost(3)))!;
  const created = await Promise.all(
    ['p', 'q', 'r', 's', 't'].map(
      async (name) => (await databases.createDatabase(newDatabase('a10', name), theService)).database,
    ),
  );
  const placed = (await Promise.all(created.map((database) => databases.place(database, host)))).filter((d) => !!d);
  assert.equal(placed.length, 3);
  assert.equal((await hosts.getHost(host.id))?.usedSlots, 3);
  assert.equal((await databases.databasesOfHost(host.id)).length, 3);
  await databases.unplace(placed[0]!);
  await databases.remove(placed[1]!);
  assert.equal((await hosts.getHost(host.id))?.usedSlots, 1);
  assert.deepEqual(
    (await databases.databasesOfHost(host.id)).map(({ id }) => id),
    [placed[2]!.id],
  );
});

test('placing the same database twice takes one slot', async () => {
  const host = (await hosts.getHost(await registerHost(3)))!;
  const { database } = await databases.createDatabase(newDatabase('a11', 'plant'), theService);
  const results = await Promise.allSettled([databases.place(database, host), databases.place(database, host)]);
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
  assert.equal((await hosts.getHost(host.id))?.usedSlots, 1);
});
