// A volume without room: writes wait, reads go on, nothing that was acknowledged is lost; a restore says why it fails, and leaves nothing.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { globSync, mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { until } from '../../until.ts';
import { type LocalRegion, startRegion } from '../region.ts';
import { Service } from '../service.ts';
import { mounted, unmount } from './mounted.ts';

test('a full disk refuses writes with StorageFull, answers queries, and takes writes again by itself', async (t) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'tsg-full-'));
  const host = join(dataDir, 'regions', 'eu-west-1', 'host');
  let region: LocalRegion | undefined;
  t.after(async () => {
    try {
      await region?.stop();
    } finally {
      unmount(host);
      rmSync(dataDir, { recursive: true, force: true });
    }
  });
  mkdirSync(host, { recursive: true });
  if (!mounted(t, ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', host])) return;
  region = await startRegion({ dataDir });
  const service = new Service(region.url, region.adminToken);
  await service.database('plant', { volumes: 2 });

  let acknowledged = 0;
  const write = (text = 'x') =>
    service.ask('/v1/databases/plant/write', {
      body: Array.from(
        { length: 10 },
        (_, i) => `m,host=h${i} n=${acknowledged}i,text="${text}" ${acknowledged + 1}`,
      ).join('\n'),
      headers: { 'Content-Type': 'text/plain' },
    });
  const stored = async () => {
    const rows = await service.rows('plant', 'm', { aggregation: 'count', field: 'n' });
    return Number(rows[0]![0]);
  };

  // Somebody else takes most of the room.
  const ballast = join(host, 'ballast');
  const { bavail, bsize } = statfsSync(host);
  writeFileSync(ballast, Buffer.alloc(bavail * bsize - (6 << 20)));
  const refused = await until('the disk to be full', async () => {
    const reply = await write('x'.repeat(20_000));
    if (reply.status !== 200) return reply;
    acknowledged++;
    return undefined;
  });
  assert.deepEqual([refused.status, refused.json.code], [503, 'StorageFull']);
  assert.ok(Number.isInteger(Number(refused.headers.get('retry-after'))));
  assert.ok(acknowledged > 0);
  assert.equal(await stored(), acknowledged * 10);

  // The database ends while the disk is full to the last byte: it comes back, and goes on reading.
  const rest = statfsSync(host);
  writeFileSync(`${ballast}-2`, Buffer.alloc(rest.bavail * rest.bsize));
  await region.replace(Object.keys(region.pids().databases)[0]!);
  const again = await until('reads', async () =>
    service.rows('plant', 'm', { aggregation: 'count', field: 'n' }).catch(() => undefined),
  );
  assert.deepEqual(again, [[acknowledged * 10]]);

  rmSync(ballast);
  rmSync(`${ballast}-2`);
  await until('writes to be taken again', async () => (await write()).status === 200);
  acknowledged++;
  assert.equal(await stored(), acknowledged * 10);

  // What is left is enough for a host to be chosen, and not for the backup.
  for (let i = 1; i <= 50; i++)
    await service.write('plant', `noise text="${randomBytes(45_000).toString('base64')}" ${i}`);
  const made = await service.ask('/v1/databases/plant/backups', { body: {} });
  const { backup } = (await endOf(made.json.task.id)).result;
  const { bytes } = (await service.ask(`/v1/backups/${backup}`)).json.backup;
  const room = statfsSync(host);
  const leave = Math.max(bytes / 2, room.blocks * room.bsize * 0.07);
  assert.ok(leave < bytes, `a backup of ${bytes} bytes is too small for this test`);
  writeFileSync(ballast, Buffer.alloc(room.bavail * room.bsize - leave));
  const [plantId] = Object.keys(region.pids().databases);
  const restore = async () =>
    endOf((await service.ask('/v1/restores', { body: { backup, name: 'copy' } })).json.task.id);
  const failed = await restore();
  assert.deepEqual([failed.state, failed.attempts], ['failed', 1]);
  assert.match(failed.error, /^StorageFull: the volumes of the host have no room for the \d+ bytes of the backup$/);
  assert.equal((await service.ask('/v1/databases/copy')).status, 404);
  assert.deepEqual([...new Set(globSync(join(host, '*', 'db-*')).map((path) => basename(path)))], [plantId]);
  assert.equal(await stored(), acknowledged * 10);
  rmSync(ballast);
  assert.equal((await restore()).state, 'succeeded');
  const [[copied] = []] = await service.rows('copy', 'm', { aggregation: 'count', field: 'n' });
  assert.equal(Number(copied), acknowledged * 10);

  async function endOf(task: string) {
    return until(
      `task ${task} to end`,
      async () => {
        const { json } = await service.ask(`/v1/tasks/${task}`);
        return ['succeeded', 'failed'].includes(json.task.state) && json.task;
      },
      60_000,
    );
  }
});
