// What is known of a database, when parts of it do not answer too.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openObjectStore } from '../../src/base/objects/open.ts';
import type { Stats } from '../../src/kdb/engine.ts';
import { ConnectionFailed } from '../../src/kdb/engine-error.ts';
import { theService } from '../../src/management/audit.ts';
import { shippedKey } from '../../src/management/shipped-journal.ts';
import { stubEngine, stubHello } from '../kdb/stub-engine.ts';
import { region, silent } from '../management/region.ts';
import { openApi } from './api.ts';

const folder = mkdtempSync(join(tmpdir(), 'tsg-objects-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const objectStore = { kind: 'directory', path: folder, linkSecret: 'secret of this test' } as const;
const objects = openObjectStore({ region, objectStore, regionEndpoints: { [region]: 'http://here' } }, silent);

const lanes = { write: { open: 1, waiting: 0 }, query: { open: 2, waiting: 3 } };
const engine = Object.assign(stubEngine(), { lanes });
const api = await openApi({ after }, { engine });
Object.assign(api.services, { objects });
const { id, service } = await api.account('acme');
const { management } = api;
const agent = { host: '10.1.2.3', port: 7 };
await management.hosts.register({ id: 'h-1', region, zone: 'a', agent, slots: 4, volumes: 1 });
const host = (await management.hosts.getHost('h-1'))!;
const database = (await management.databases.place(await api.database(id, 'plant'), host))!;
const path = '/v1/databases/plant/diagnostics';

test('every part has an answer; addresses are the operator’s to see', async () => {
  const task = await management.tasks.createTask({ kind: 'backup', subject: database, requestedBy: theService });
  const backup = await management.backups.begin(task, database, { reason: 'manual', full: true, keepDays: null });
  const takenAt = new Date(1_700_000_000_000).toISOString();
  const journal = { incarnation: 'i', generation: 4 };
  await management.backups.complete(backup, { bytes: 10, uploadedBytes: 10, rows: 1, journal, takenAt });
  await objects.put(shippedKey(database.id, { incarnation: 'i', generation: 5 }), 'a file of the journal');

  const { status, json, text } = await service.ask(path);
  assert.equal(status, 200, text);
  assert.deepEqual([json.database.name, json.database.status, json.database.region], ['plant', 'active', region]);
  assert.deepEqual(json.host, { id: 'h-1' });
  const { contract, engine: name, schema } = stubHello;
  assert.deepEqual(
    { ...json.engine, catalogueVersion: 0 },
    { contract, engine: name, schema, catalogueVersion: 0, maxTagSets: 1_000_000 },
  );
  const { bytesPerVolume, journal: written, checkpointAt } = json.storage;
  assert.deepEqual([bytesPerVolume, written, checkpointAt], [[0], { bytes: 0, generation: 3, offset: 77 }, null]);
  assert.deepEqual([json.backup.id, json.backup.takenAt, json.backup.journalGeneration], [backup.id, takenAt, 4]);
  assert.deepEqual([json.shippedJournal.generation, json.shippedJournal.bytes], [5, 21]);
  assert.deepEqual(json.connections, lanes);
  assert.ok(json.tasks.some((each: { id: string; kind: string }) => each.id === task.id && each.kind === 'backup'));

  const seen = await api.operator.ask(`${path}?account=${id}`);
  assert.equal(seen.status, 200, seen.text);
  const shown = seen.json.host;
  assert.deepEqual([shown.id, shown.zone, shown.agent, shown.fault], ['h-1', 'a', agent, null]);
  assert.deepEqual(shown.endpoint, { host: '127.0.0.1', port: 1 });
});

test('a part that hangs or fails has its reason instead, and the reply is 200', async () => {
  engine.stats = () => new Promise<Stats>(() => {});
  engine.hello = () => Promise.reject(new ConnectionFailed('10.1.2.3:5000 refuses'));
  Object.assign(api.services, {
    objects: {
      list: () => {
        throw new Error('/var/store is gone');
      },
    },
  });
  const { status, json, text } = await service.ask(path);
  assert.equal(status, 200);
  assert.deepEqual(json.storage, { unavailable: 'no answer within 2 s' });
  assert.deepEqual(json.engine, { unavailable: 'Database plant does not answer; retry' });
  assert.deepEqual(json.shippedJournal, { unavailable: 'a part of the service does not answer' });
  assert.ok(json.tasks.length > 0 && json.backup.id && json.host.id);
  assert.doesNotMatch(text, /10\.1\.2\.3|\/var\/store/);
  const seen = await api.operator.ask(`${path}?account=${id}`);
  assert.match(seen.json.engine.unavailable, /10\.1\.2\.3:5000 refuses/);
});

test('a database that has no process yet', async () => {
  await management.databases.createDatabase(
    { accountId: id, name: 'soon', region, volumes: 1, schema: 'flexible' },
    theService,
  );
  const { status, json } = await service.ask('/v1/databases/soon/diagnostics');
  assert.deepEqual([status, json.database.status, json.host, json.connections], [200, 'provisioning', null, null]);
  assert.equal(json.engine.unavailable, 'Database soon is provisioning; retry');
  assert.equal((await service.ask('/v1/databases/none/diagnostics')).status, 404);
});
