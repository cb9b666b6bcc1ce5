import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DirectoryStore } from '../../src/base/objects/directory.ts';
import { importRejectsKey } from '../../src/ingest/import.ts';
import { temporaryFolder } from '../servers.ts';
import { openApi } from './api.ts';

test('imports are made, listed, and give their bad rows', async (t) => {
  const folder = temporaryFolder();
  t.after(folder.remove);
  const objects = new DirectoryStore({ path: folder.path, link: () => 'http://link' });
  const api = await openApi(t);
  Object.assign(api.services, { objects });
  const { id, service } = await api.account('a');
  const database = await api.database(id, 'plant');
  const path = '/v1/databases/plant/imports';
  const refused: readonly (readonly [body: object, reason: RegExp])[] = [
    [{}, /source/],
    [{ source: { url: 'http://example.com/x' } }, /pattern/],
    [{ source: { url: 'https://' } }, /no address/],
    [{ source: { object: '../other' } }, /pattern/],
    [{ source: { object: '..' } }, /pattern/],
    [{ source: { object: 'a/./b' } }, /pattern/],
    [{ source: { object: 'x', upload: true } }, /more than 1/],
    [{ source: { upload: true }, format: 'csv' }, /series/],
    [{ source: { upload: true }, timeFormat: '%q' }, /timeFormat/],
    [{ source: { upload: true }, maxRejects: -1 }, /maxRejects/],
  ];
  for (const [body, reason] of refused) {
    const reply = await service.ask(path, { body });
    assert.equal(reply.status, 400, reply.text);
    assert.match(reply.json.message, reason);
  }
  const made = await service.ask(path, { body: { source: { upload: true }, series: 'cpu' } });
  assert.equal(made.status, 202, made.text);
  const task = made.json.task.id;
  const list = await service.ask(path);
  assert.deepEqual([list.status, list.json.imports.map((each: { id: string }) => each.id)], [200, [task]]);
  const missing = await service.ask(`${path}/${task}/rejects`);
  assert.deepEqual([missing.status, missing.json.code], [404, 'FileNotFound']);
  await objects.put(importRejectsKey(database.id, task), '{"line":3}\n');
  assert.equal((await service.ask(`${path}/${task}/rejects`)).text, '{"line":3}\n');
  const other = (await api.account('b')).service;
  assert.equal((await other.ask(`${path}/${task}/rejects`)).status, 404);
});
