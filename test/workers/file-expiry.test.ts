import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DirectoryStore } from '../../src/base/objects/directory.ts';
import type { Task } from '../../src/management/records.ts';
import { FileExpiry } from '../../workers/file-expiry.ts';
import { silent } from '../management/region.ts';
import { temporaryFolder } from '../servers.ts';

const ended = '11111111-2222-3333-4444-555555555555';
const running = 'ops-99999999-2222-3333-4444-555555555555';

test('what imports need goes after 7 days, bad rows after 90, what operators put there never', async (t) => {
  const folder = temporaryFolder();
  t.after(folder.remove);
  const objects = new DirectoryStore({ path: folder.path, link: () => '' });
  const names = ['part-00001', 'plan.json', 'rejects.ndjson', 'rejects/0000000001', 'started'];
  for (const id of [ended, running]) for (const name of names) await objects.put(`imports/db-0f/${id}/${name}`, 'x');
  for (const name of ['file.csv', `${ended}.csv`, '2024/part-00001', `${ended}/mine.csv`])
    await objects.put(`imports/db-0f/${name}`, 'x');
  const tasks = { getTask: async (id: string) => ({ state: id === running ? 'running' : 'failed' }) as Task };
  const removedAfter = (days: number): Promise<number> =>
    new FileExpiry({ objects, tasks, clock: () => Date.now() + days * 86_400_000, log: silent }).removeExpired();
  assert.deepEqual([await removedAfter(6.9), await removedAfter(7.1), await removedAfter(90.1)], [0, 4, 1]);
  const left: string[] = [];
  for await (const { key } of objects.list('imports/')) left.push(key);
  assert.equal(left.length, 4 + names.length);
});
