// The whole service on kdb/q, run by the interpreter of the tests: what q itself would be started for.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { until } from '../until.ts';
import { type LocalRegion, startRegion } from './region.ts';
import { Service } from './service.ts';

const program = join(import.meta.dirname, '..', 'kdb', 'q', 'interpreter', 'q');

let region: LocalRegion;
let service: Service;
before(async () => {
  region = await startRegion({ env: { TSG_Q: program } });
  service = new Service(region.url, region.adminToken);
  await service.database('plant', { volumes: 2 });
});
after(() => region?.stop());

const fromPlant = (): Promise<unknown[][]> => service.rows('plant', 'cpu', { from: '2023-11-14' });

test('what is written is read, from a reader that has to have seen it', async () => {
  for (let i = 0; i < 5; i++) {
    const { headers, status, text } = await service.ask('/v1/databases/plant/write?precision=s', {
      headers: { 'Content-Type': 'text/plain' },
      body: `cpu,host=a usage=${i},cores=4i ${1_700_000_000 + i}\ncpu,host=b usage=${10 * i} ${1_700_000_000 + i}`,
    });
    assert.equal(status, 200, text);
    assert.match(headers.get('x-tsg-position') ?? '', /^\S+$/);
    assert.equal((await fromPlant()).length, 2 * i + 2);
  }
  const averages = await service.rows('plant', 'cpu', {
    from: '2023-11-14',
    'interval-sec': '60',
    field: 'usage',
    'group-by': 'host',
  });
  assert.deepEqual(averages, [
    ['a', '2023-11-14T22:13:00Z', 2],
    ['b', '2023-11-14T22:13:00Z', 20],
  ]);
});

test('a writer that is killed comes back with every point', async () => {
  const rows = await fromPlant();
  await region.replace(Object.keys(region.pids().databases)[0]!);
  await until(
    'the database answers',
    async () => (await service.ask('/v1/databases/plant/series/cpu/query')).status === 200,
    60_000,
  );
  assert.deepEqual(await fromPlant(), rows);
});

test('a backup is restored on another number of volumes', async () => {
  const rows = await fromPlant();
  const { json: made } = await service.ask('/v1/databases/plant/backups', { body: {} });
  await service.taskDone(made.task.id);
  const { json: listed } = await service.ask('/v1/databases/plant/backups');
  await service.write('plant', 'cpu,host=a usage=1 1750000000', '?precision=s');
  const { json: restored } = await service.ask('/v1/restores', {
    body: { backup: listed.backups[0].id, name: 'copy', volumes: 3 },
  });
  await service.taskDone(restored.task.id);
  assert.deepEqual(await service.rows('copy', 'cpu', { from: '2023-11-14' }), rows);
  assert.equal(await service.write('copy', 'cpu,host=c usage=1 1700000000', '?precision=s'), 1);
});
