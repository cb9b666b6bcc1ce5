// What cannot be provisioned, restored, moved or deleted now, or ever: refused with its code, and nothing is made.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { theService } from '../../src/management/audit.ts';
import type { Backup, Database } from '../../src/management/records.ts';
import { newDatabase, region } from '../management/region.ts';
import { openApi } from './api.ts';

const elsewhere = 'us-west-1';
const { account, database, management, operator } = await openApi(
  { after },
  { config: { regionEndpoints: { [region]: 'http://here', [elsewhere]: 'https://there' } } },
);
const { backups, databases, hosts, moves, tasks } = management;
const acme = await account('acme', { plan: 'unlimited' });
const other = await account('other');

const plant = await database(acme.id, 'plant');
await databases.createDatabase(newDatabase(acme.id, 'coming'), theService);
await database(acme.id, 'leaving');
await databases.requestDelete(acme.id, 'leaving', theService);
const agent = { host: '127.0.0.1', port: 1 };
for (const id of ['h1', 'h2']) await hosts.register({ id, region, zone: 'a', agent, slots: 8, volumes: 4 });
const placed = await databases.place(await database(acme.id, 'moving'), (await hosts.getHost('h1'))!);
await moves.begin(placed!, (await hosts.getHost('h2'))!, 2, 'a-task');

async function backup(of: Database, status: Backup['status']): Promise<string> {
  management.clock.aheadMs += 1_000;
  const task = await tasks.createTask({ kind: 'backup', subject: of, requestedBy: theService });
  const begun = await backups.begin(task, of, { reason: 'manual', full: true, keepDays: null });
  if (status === 'failed') await backups.fail(begun);
  if (status === 'complete' || status === 'expiring') {
    const takenAt = new Date(management.clock()).toISOString();
    const done = await backups.complete(begun, { bytes: 1, uploadedBytes: 1, rows: 1, journal: null, takenAt });
    if (status === 'expiring') await backups.startExpiry(done);
  }
  return begun.id;
}

const complete = await backup(plant, 'complete');
const running = await backup(plant, 'running');
const failed = await backup(plant, 'failed');
const expiring = await backup(plant, 'expiring');
const removed = await backup(plant, 'expiring');
await backups.remove((await backups.getBackup(plant.id, removed))!);
const foreign = await backup(await database(other.id, 'plant'), 'complete');

const [create, restore, later] = ['/v1/databases', '/v1/restores', new Date(Date.now() + 1e7).toISOString()];
const move = (name: string): string => `/v1/databases/${name}/move?account=${acme.id}`;

/** path, body, status, code, and what the message says. */
const table: readonly (readonly [string, object, number, string, RegExp])[] = [
  [create, { name: 'plant' }, 409, 'DatabaseExists', /plant/],
  [create, { name: 'coming' }, 409, 'DatabaseExists', /coming/],
  [create, { name: 'leaving' }, 409, 'DatabaseExists', /leaving/],
  [create, { name: 'new', volumes: 0 }, 400, 'InvalidRequest', /volumes.*>= 1/],
  [create, { name: 'new', volumes: 17 }, 400, 'InvalidRequest', /volumes.*<= 16/],
  [create, { name: 'new', volumes: 1.5 }, 400, 'InvalidRequest', /volumes.*integer/],
  [create, { name: 'new', volumes: '2' }, 400, 'InvalidRequest', /volumes.*integer/],
  [create, { name: 'new', region: 'mars' }, 400, 'InvalidRequest', /mars.*eu-west-1, us-west-1/],

  [restore, { name: 'new' }, 400, 'InvalidRequest', /backup/],
  [restore, { backup: complete }, 400, 'InvalidRequest', /name/],
  [restore, { backup: complete, name: 'plant' }, 409, 'DatabaseExists', /plant/],
  [restore, { backup: complete, name: 'coming' }, 409, 'DatabaseExists', /coming/],
  [restore, { backup: complete, name: 'leaving' }, 409, 'DatabaseExists', /leaving/],
  [restore, { backup: 'b-none', name: 'new' }, 404, 'BackupNotFound', /b-none/],
  [restore, { backup: removed, name: 'new' }, 404, 'BackupNotFound', /b-/],
  [restore, { backup: foreign, name: 'new' }, 404, 'BackupNotFound', /b-/],
  [restore, { backup: running, name: 'new' }, 409, 'BackupBusy', /is running/],
  [restore, { backup: failed, name: 'new' }, 409, 'BackupBusy', /is failed/],
  [restore, { backup: expiring, name: 'new' }, 409, 'BackupBusy', /is expiring/],
  [restore, { backup: complete, name: 'new', volumes: 0 }, 400, 'InvalidRequest', /volumes.*>= 1/],
  [restore, { backup: complete, name: 'new', volumes: 17 }, 400, 'InvalidRequest', /volumes.*<= 16/],
  [restore, { backup: complete, name: 'new', region: 'mars' }, 400, 'InvalidRequest', /mars.*eu-west-1, us-west-1/],
  [restore, { backup: complete, name: 'new', until: 'now' }, 400, 'InvalidRequest', /until: now/],
  [restore, { backup: complete, name: 'new', until: '2020-01-01T00:00:00Z' }, 400, 'InvalidRequest', /earlier backup/],
  [restore, { backup: complete, name: 'new', until: later }, 400, 'InvalidRequest', /in the future/],

  [move('moving'), {}, 409, 'DatabaseBusy', /is being moved/],
  [move('coming'), {}, 409, 'DatabaseBusy', /is provisioning/],
  [move('leaving'), {}, 409, 'DatabaseBusy', /is deleting/],
  [move('none'), {}, 404, 'DatabaseNotFound', /none/],
  [move('plant'), { host: 'h9' }, 404, 'HostNotFound', /h9/],
  [move('plant'), { volumes: 0 }, 400, 'InvalidRequest', /volumes.*>= 1/],
  [move('plant'), { volumes: 17 }, 400, 'InvalidRequest', /volumes.*<= 16/],
];

async function made(): Promise<readonly unknown[]> {
  const list = await tasks.listTasks({ accountId: acme.id, limit: 1_000 });
  return [list.tasks.length, (await databases.listDatabases(acme.id)).length];
}

test('what cannot be made, restored or moved is refused, and nothing is made', async () => {
  const before = await made();
  for (const [path, body, status, code, message] of table) {
    const service = path.includes('/move') ? operator : acme.service;
    const { json } = await service.ask(path, { body });
    const what = `${path} ${JSON.stringify(body)}`;
    assert.deepEqual([json.code, json.message.match(message) ? 'said' : json.message], [code, 'said'], what);
    assert.equal((await service.ask(path, { body })).status, status, what);
  }
  assert.deepEqual(await made(), before);
  assert.equal((await acme.service.ask(move('plant'), { body: {} })).status, 403);
});

test('what is being moved or deleted is not deleted, nor is a backup that is being made', async () => {
  const remove = (path: string) => acme.service.ask(path, { method: 'DELETE' });
  for (const [path, code] of [
    ['/v1/databases/moving?confirm=moving', 'DatabaseBusy'],
    ['/v1/databases/leaving?confirm=leaving', 'DatabaseBusy'],
    ['/v1/databases/coming?confirm=coming', 'DatabaseBusy'],
    [`/v1/backups/${running}`, 'BackupBusy'],
  ] as const) {
    const { status, json } = await remove(path);
    assert.deepEqual([status, json.code], [409, code], path);
  }
});

test('a backup is restored into the region that is asked for, as a task of that region', async () => {
  const body = { backup: complete, name: 'there', region: elsewhere, volumes: 4 };
  const { status, json, text } = await acme.service.ask(restore, { body });
  assert.equal(status, 202, text);
  const { region: shown, endpoint, volumes, status: state } = json.database;
  assert.deepEqual([shown, endpoint, volumes, state], [elsewhere, 'https://there', 4, 'restoring']);
  const task = (await tasks.getTask(json.task.id))!;
  assert.deepEqual([task.kind, task.region], ['restore', elsewhere]);
  assert.deepEqual(task.params, { backup: complete, databaseId: plant.id, region, until: null });
  assert.equal((await acme.service.ask(restore, { body })).json.code, 'DatabaseExists');
});
