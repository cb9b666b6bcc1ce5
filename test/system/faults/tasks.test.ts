// Tasks that move bytes while the processes that work on them are killed and the object store fails; kills.suite.ts has every kind.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { StoredRegion } from './stored-region.ts';

const rows = 60_000;
/** Five days, in the order of time. */
const stepNs = (5n * 86_400_000_000_000n) / BigInt(rows);
const lines = Array.from({ length: rows }, (_, i) => {
  const fields = `f=${i / 8},l=${i}i,b=${i % 2 === 0},s="a "${i % 100}"`.replace('a "', 'a \\"');
  return `m,host=h${i % 20} ${fields} ${1_700_000_000_000_000_000n + BigInt(i) * stepNs}`;
});
const contents = Buffer.from(`${lines.join('\n')}\n`);

let stored: StoredRegion;
let backup: string;
let plantId: string;

before(async () => {
  stored = await StoredRegion.start();
  await stored.service.database('plant', { volumes: 2 });
  [plantId] = Object.keys(stored.region.pids().databases) as [string];
});
after(() => stored?.stop());

function kill(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
  } catch (error) {
    // It is being restarted at this moment: dead as wanted.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

type Victim = 'worker' | 'agent' | 'plant';

function pidOf(victim: Victim): number | undefined {
  const pids = stored.region.pids();
  return victim === 'plant' ? pids.databases[plantId] : pids[victim];
}

/**
 * Kills the victim at the so-manieth request for such keys, then what came in its place at the so-manieth from then on, and so on. Of
 * the requests that kill one half is done and one half is not; the killed worker hears of neither.
 */
function killAt(
  keys: RegExp,
  plan: readonly (readonly [victim: Victim, requests: number])[],
): { left: () => string[] } {
  const left = [...plan];
  const dead = new Set<number>();
  let seen = 0;
  stored.watch(({ key }) => {
    if (left.length === 0 || !keys.test(key)) return 'answered';
    const [victim, requests] = left[0]!;
    const pid = pidOf(victim);
    // Of one that is dead, or before its successor is there.
    if (pid === undefined || dead.has(pid) || ++seen < requests) return 'answered';
    dead.add(pid);
    left.shift();
    seen = 0;
    kill(pid);
    return left.length % 2 === 0 ? 'refused' : 'answered';
  });
  return { left: () => left.map(([victim, requests]) => `${victim} after ${requests}`) };
}

const workers = (...requests: number[]) => requests.map((each): [Victim, number] => ['worker', each]);

test('import: its worker is killed at the beginning, on its way and at the end; no row is lost or there twice', async () => {
  const id = await stored.upload('plant', contents, 4);
  const { left } = killAt(/imports\//, workers(2, 5, 3));
  await stored.startImport('plant', id);
  const { result } = await stored.succeeded(id);
  assert.deepEqual([left(), result.rows, result.rejected], [[], rows, 0]);
  await stored.sameContents('plant', contents);
});

test('export: its worker is killed at the first file and on its way', async () => {
  const { left } = killAt(/exports\//, workers(1, 4));
  const id = await stored.beginExport('plant', 20_000);
  await stored.ended(id);
  assert.deepEqual(left(), []);
  assert.ok((await stored.exported('plant', id)).equals(contents));
});

test('backup: its worker is killed before and between the files', async () => {
  const { left } = killAt(/backups\//, workers(2, 7));
  const id = await stored.begin('/v1/databases/plant/backups', {});
  ({ backup } = (await stored.succeeded(id)).result);
  assert.deepEqual(left(), []);
  const { json } = await stored.service.ask(`/v1/backups/${backup}`);
  assert.deepEqual([json.backup.status, json.backup.rows], ['complete', rows]);
});

test('restore: its worker and its agent are killed while the files come', async () => {
  const { left } = killAt(/backups\//, [...workers(2), ['agent', 2], ...workers(3)]);
  const id = await stored.begin('/v1/restores', { backup, name: 'copy', volumes: 3 });
  const { result } = await stored.succeeded(id);
  assert.deepEqual([left(), result.rows], [[], rows]);
  await stored.sameContents('copy', contents);
});

test('backup, import and export while their database, the agent and the store fail, 1 request in 5', async () => {
  await stored.service.database('other', {});
  const importing = await stored.upload('other', contents, 4);
  const left: Victim[] = ['plant', 'agent', 'worker'];
  let requests = 0;
  stored.watch(() => {
    requests++;
    const victim = requests % 12 === 0 ? left.shift() : undefined;
    if (victim) kill(pidOf(victim));
    if (requests % 5 !== 0) return 'answered';
    return requests % 10 === 0 ? 'lost' : 'refused';
  });
  await stored.startImport('other', importing);
  const [made, written] = [
    await stored.begin('/v1/databases/plant/backups', { full: true }),
    await stored.beginExport('plant', 20_000),
  ];
  for (const id of [importing, made, written]) await stored.succeeded(id);
  stored.watch(() => 'answered');
  assert.deepEqual(left, []);
  assert.ok((await stored.exported('plant', written)).equals(contents));
  await stored.sameContents('other', contents);
  ({ backup } = (await stored.succeeded(made)).result);
});

test('a flipped byte: the restore refuses, names the file, and leaves nothing', async () => {
  const { json } = await stored.service.ask(`/v1/backups/${backup}`);
  assert.equal(json.backup.status, 'complete');
  const keys = await stored.keys(new RegExp(`backups/${plantId}/objects/.*${backup}`));
  const [first] = keys;
  const bytes = await stored.object(first!);
  const flipped = Buffer.from(bytes);
  flipped[flipped.length >> 1]! ^= 1;
  await stored.putObject(first!, flipped);
  const task = await stored.ended(await stored.begin('/v1/restores', { backup, name: 'flipped' }));
  assert.deepEqual([task.state, task.attempts], ['failed', 1]);
  assert.match(task.error!, /is damaged/);
  assert.ok(task.error!.includes(first!.split('/').at(-1)!), task.error!);
  assert.equal((await stored.service.ask('/v1/databases/flipped')).status, 404);
  await stored.putObject(first!, bytes);
  await stored.succeeded(await stored.begin('/v1/restores', { backup, name: 'flipped' }));
  await stored.sameContents('flipped', contents);
});

test('expiry of backups: its worker is killed while objects go, and what another backup names stays', async () => {
  const { json } = await stored.service.ask('/v1/backups');
  const others = json.backups.filter(({ id }: { id: string }) => id !== backup);
  assert.ok(others.length > 0);
  const { left } = killAt(/backups\//, workers(3));
  for (const { id } of others) await stored.succeeded(await stored.begin(`/v1/backups/${id}`, undefined, 'DELETE'));
  assert.deepEqual(left(), []);
  const restored = await stored.begin('/v1/restores', { backup, name: 'kept', volumes: 1 });
  assert.equal((await stored.succeeded(restored)).result.rows, rows);
});
