// Files that are uploaded in parts become points, also where the worker is killed on the way.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { until } from '../until.ts';
import { type LocalRegion, startRegion } from './region.ts';
import { Service } from './service.ts';

const rows = 60_000;
const distinct = 45_000;
const hosts = 7;
const startNs = 1_700_000_000_000_000_000n;
/** So that there is a middle for the worker to die in. */
const pointsPerSecond = 12_000;

let region: LocalRegion;
let service: Service;

before(async () => {
  region = await startRegion();
  const operator = new Service(region.url, region.adminToken);
  const account = await operator.ask('/v1/accounts', { body: { name: 'acme', limits: { pointsPerSecond } } });
  service = operator.as(account.json.token);
  await service.database('plant');
});
after(() => region?.stop());

interface Point {
  readonly time: string;
  readonly host: string;
  readonly v: number;
  readonly n: number;
  readonly note: string | null;
}

/** Some points are written twice, far apart: the later one stays. */
function point(i: number): Point {
  const k = i % distinct;
  const note = i % 500 === 0 ? `line ${i}\n"said", once` : null;
  return { time: String(startNs + BigInt(k) * 1_000_003n), host: `h${k % hosts}`, v: i / 8, n: i - 60_000, note };
}

const csvText = (text: string | null): string => (text === null ? '' : `"${text.replaceAll('"', '""')}"`);
const isBad = (i: number): boolean => i % 20_000 === 10_017;

function csv(): Buffer {
  const lines = Array.from({ length: rows }, (_, i) => {
    const { time, host, v, n, note } = point(i);
    return isBad(i) ? `${time},${host},many,${n},` : `${time},${host},${v},${n},${csvText(note)}`;
  });
  return Buffer.from(`time,host,v,n,note\n${lines.join('\n')}\n`);
}

function lineProtocol(): Buffer {
  const lines = Array.from({ length: rows }, (_, i) => {
    const { time, host, v, n, note } = point(i);
    const text = note === null ? '' : `,note="${note.replaceAll('"', '\\"')}"`;
    return isBad(i) ? `lines,host=${host} v=many ${time}` : `lines,host=${host} v=${v},n=${n}i${text} ${time}`;
  });
  return gzipSync(lines.join('\n'), { level: 1 });
}

/** What the file says, row by row, in the order of the reply. Null never erases: a note stays when the row that overwrites has none. */
function expected(): unknown[][] {
  const points = new Map<string, Point>();
  for (let i = 0; i < rows; i++) {
    if (isBad(i)) continue;
    const given = point(i);
    points.set(given.time, { ...given, note: given.note ?? points.get(given.time)?.note ?? null });
  }
  return [...points.values()]
    .toSorted((a, b) => (a.host === b.host ? (BigInt(a.time) < BigInt(b.time) ? -1 : 1) : a.host < b.host ? -1 : 1))
    .map(({ time, host, v, n, note }) => [time, host, v, n, note]);
}

async function upload(file: Buffer, params: object): Promise<string> {
  const path = '/v1/databases/plant/imports';
  const made = await service.ask(path, { body: { source: { upload: true }, maxRejects: 10, ...params } });
  assert.equal(made.status, 202, made.text);
  const { id } = made.json.task;
  // Cut anywhere, in any order.
  const size = Math.ceil(file.length / 3) + 1;
  for (const n of [2, 3, 1]) {
    const part = await service.ask(`${path}/${id}/parts/${n}`, {
      method: 'PUT',
      body: file.subarray((n - 1) * size, n * size),
    });
    assert.equal(part.status, 200, part.text);
  }
  const started = await service.ask(`${path}/${id}/start`, { method: 'POST' });
  assert.equal(started.status, 202, started.text);
  return id;
}

/** As far as it has come; 0 where it does not run. */
async function imported(id: string): Promise<number> {
  const { task } = (await service.ask(`/v1/tasks/${id}`)).json;
  if (task.state !== 'running') return 0;
  const path = '/v1/databases/plant/series/cells/query?aggregation=count&field=n';
  return (await service.ask(path)).json.rows?.[0]?.[0] ?? 0;
}

const files = [csv(), lineProtocol()] as const;
const want = expected();

test('two files in parts, and a worker that is killed twice while it imports them', async () => {
  const tasks = [
    await upload(files[0], { series: 'cells', tagColumns: ['host'] }),
    await upload(files[1], {}),
  ] as const;
  let before = 0;
  for (let kills = 0; kills < 2; kills++) {
    before = await until(
      'the import to be under way',
      async () => {
        const now = await imported(tasks[0]);
        return now > before && now;
      },
      60_000,
    );
    await region.replace('worker');
  }
  for (const id of tasks) await service.taskDone(id);
  for (const [i, series] of ['cells', 'lines'].entries()) {
    const { task } = (await service.ask(`/v1/tasks/${tasks[i]}`)).json;
    const bad = Array.from({ length: rows }, (_, row) => row).filter(isBad);
    assert.deepEqual([task.result.rows, task.result.rejected], [rows - bad.length, bad.length]);
    // It ran when the worker was killed; the other one may not have begun by then.
    if (series === 'cells') assert.ok(task.history.length > 1, `${task.history.length} attempts`);
    const found = await service.rows('plant', series, { 'group-by': 'host', 'time-format': 'ns', field: 'v,n,note' });
    assert.equal(found.length, want.length);
    for (const [row, values] of want.entries())
      if (`${found[row]}` !== `${values}`) assert.deepEqual(found[row], values);
    const rejects = (await service.ask(`/v1/databases/plant/imports/${tasks[i]}/rejects`)).text.trimEnd().split('\n');
    assert.equal(rejects.length, bad.length);
  }
  // What the killed workers had not written yet is lost to the usage.
  await until('the usage to have imported points', async () => {
    const { days } = (await service.ask('/v1/usage')).json;
    return days.some(({ points }: { points: number }) => points > 0);
  });
});
