// Volumes that are away, read-only or damaged: nothing wrong is ever answered, the log names the file, and what was acknowledged is
// there again once the cause is mended.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, readSync, renameSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { until } from '../../until.ts';
import { type LocalRegion, startRegion } from '../region.ts';
import { Service } from '../service.ts';
import { mounted, unmount } from './mounted.ts';
import { directories, filesOf, hostLog, logged, whileDown } from './outage.ts';

/** More than a database leaves in its journal when it stops in order. */
const rowsInParts = 20_000;

let region: LocalRegion;
let service: Service;
let written = 0;

before(async () => {
  region = await startRegion();
  service = new Service(region.url, region.adminToken);
  await service.database('plant', { volumes: 2 });
});
after(() => region?.stop());

async function write(rows: number): Promise<void> {
  const lines = Array.from(
    { length: rows },
    (_, i) => `m,host=h${i % 50} n=${written + i}i ${(written + i + 1) * 1000}`,
  );
  await service.write('plant', lines.join('\n'));
  written += rows;
}

const ask = () => service.ask('/v1/databases/plant/series/m/query?aggregation=sum&field=n');

async function answers(status: number, code: string): Promise<void> {
  const reply = await ask();
  assert.deepEqual([reply.status, reply.json.code], [status, code]);
  if (status === 503) assert.ok(Number(reply.headers.get('retry-after')) > 0);
}

/** Every acknowledged point, once. */
async function whole(): Promise<void> {
  const reply = await until('the database to answer', async () => {
    const reply = await ask();
    return reply.status === 200 && reply;
  });
  assert.deepEqual(reply.json.rows, [[(written * (written - 1)) / 2]]);
}

function flipBit(path: string, at: number): void {
  const file = openSync(path, 'r+');
  const byte = Buffer.alloc(1);
  readSync(file, byte, 0, 1, at);
  writeSync(file, Buffer.of(byte[0]! ^ 1), 0, 1, at);
  closeSync(file);
}

test('a volume that is missing at the start: the start refuses and names it, callers are told to come back', async () => {
  await write(10);
  const [, volume] = directories(region);
  const before = hostLog(region);
  await whileDown(region, () => renameSync(volume!, `${volume}.away`));
  await logged(region, new RegExp(`cannot start: volume directory ${volume} is missing`), before);
  await answers(503, 'DatabaseUnavailable');
  renameSync(`${volume}.away`, volume!);
  await whole();
});

test('a bit flipped in the journal: the start refuses and names file and offset', async () => {
  for (let i = 0; i < 5; i++) await write(2);
  const before = hostLog(region);
  let journal: string;
  let at = 0;
  await whileDown(region, () => {
    const isWritten = (byte: number, i: number): boolean => i >= 100 && byte !== 0;
    journal = filesOf(region, 'journal-*.log').findLast((path) => readFileSync(path).some(isWritten))!;
    at = readFileSync(journal).findIndex(isWritten);
    flipBit(journal, at);
  });
  await logged(region, new RegExp(`cannot start: ${journal!} is damaged at offset \\d+`), before);
  await answers(503, 'DatabaseUnavailable');
  flipBit(journal!, at);
  await whole();
});

test('a second process on the same directories refuses', async () => {
  const main = join(import.meta.dirname, '..', '..', '..', 'kdb', 'embedded', 'main.ts');
  const config = join(directories(region)[0]!, 'database.json');
  const second = spawnSync(process.execPath, [main, '--config', config], { encoding: 'utf8' });
  assert.equal(second.status, 1);
  assert.match(second.stderr, /cannot start: .* is in use by another database process/);
  await whole();
});

test('bits flipped in a part: the query that reads them fails, the log names the file', async () => {
  await write(rowsInParts);
  await whileDown(region, () => {}, 'SIGTERM');
  await whole();
  const before = hostLog(region);
  const [part] = filesOf(region, 'part-*.tsg').toSorted((a, b) => statSync(b).size - statSync(a).size);
  const { size } = statSync(part!);
  const damage = () => {
    for (let eighth = 1; eighth < 8; eighth++) flipBit(part!, Math.floor((size * eighth) / 8));
  };
  await whileDown(region, damage);
  await logged(region, /a database runs/, before);
  await answers(503, 'StorageDamaged');
  await logged(region, new RegExp(`${part} is damaged at offset \\d+`), before);
  assert.ok(!(await ask()).text.includes(part!));
  damage();
  await whole();
});

test('a read-only volume: the start refuses and says so', async (t) => {
  const [home] = directories(region);
  if (!mounted(t, ['--bind', home!, home!])) return;
  t.after(() => unmount(home!));
  const before = hostLog(region);
  await whileDown(region, () => execFileSync('mount', ['-o', 'remount,ro,bind', home!]));
  await logged(region, /EROFS|read-only/, before);
  await answers(503, 'DatabaseUnavailable');
  execFileSync('mount', ['-o', 'remount,rw,bind', home!]);
  await whole();
  await write(1);
  await whole();
});
