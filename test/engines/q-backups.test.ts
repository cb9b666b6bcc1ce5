// A backup of kdb/q does not hold up its writer: checksums that end when the test says so; run by our interpreter of q.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { BackupFile } from '../../src/kdb/engine.ts';
import { until } from '../until.ts';
import { batchOf, point } from './points.ts';
import { clientOf, interpreter, scriptsWith, startQ } from './q-process.ts';
import { volumesFor } from './store-in-temp.ts';

/** A sha256sum for the processes that the test starts: it waits for the file `go` of the folder, and fails while there is one `fail`. */
function sumsOnCommand(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'tsg-sums-'));
  const { PATH } = process.env;
  const wait = `until test -e '${folder}/go' || test ! -d '${folder}'; do sleep 0.05; done`;
  const fail = `if test -e '${folder}/fail'; then echo 'no sums today' >&2; exit 1; fi`;
  const script = ['#!/bin/sh', wait, fail, `PATH='${PATH}' exec sha256sum "$@"`, ''].join('\n');
  writeFileSync(join(folder, 'sha256sum'), script, { mode: 0o755 });
  process.env.PATH = `${folder}:${PATH}`;
  t.after(() => {
    process.env.PATH = PATH;
    rmSync(folder, { recursive: true });
  });
  return folder;
}

/** Of the processes that work in a folder. */
function pidsIn(folder: string): number[] {
  return readdirSync('/proc').flatMap((name) => {
    try {
      return /^\d+$/.test(name) && readlinkSync(`/proc/${name}/cwd`) === folder ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}

test('inserts, merges and other backups go on while checksums are made', async (t) => {
  const folder = sumsOnCommand(t);
  const volumes = volumesFor(t, 2);
  const main = scriptsWith(t, { inlineRows: '-1' });
  const running = await startQ(interpreter, volumes, { main });
  t.after(() => running.stop('SIGKILL'));
  const client = clientOf(running);
  t.after(() => client.close());
  const insert = (i: number) =>
    client.insert(batchOf([point('m', { host: `h${i % 3}` }, BigInt(i), { f: i, s: `text ${i}` })]));
  const isUnderWay = (name: string) => existsSync(join(volumes[1]!, `backup-${name}/making/log`));
  for (const i of [0, 1, 2]) await insert(i);
  await client.checkpoint();
  for (const i of [3, 4]) await insert(i);

  const first = client.backup('first');
  await until('the first', () => isUnderWay('first'));
  const journal = (await client.tail({ series: 'm', generation: -1n, offset: 0n, maxRows: 1 })).offset;
  await insert(5);
  const second = client.backup('second');
  await until('the second', () => isUnderWay('second'));
  await assert.rejects(client.backup('first'), /EngineBusy/);
  const leaver = clientOf(running);
  const left = assert.rejects(leaver.backup('left'));
  await until('one whose client leaves', () => isUnderWay('left'));
  await leaver.close();
  await left;
  // Twice: what the backups hold is named by no manifest any more.
  for (const i of [6, 7]) {
    await insert(i);
    await client.checkpoint();
  }

  writeFileSync(join(folder, 'go'), '');
  const contents = ({ volume, path }: BackupFile) => readFileSync(join(volumes[volume]!, path));
  for (const [name, given] of Object.entries({ first: await first, second: await second })) {
    for (const file of given) {
      assert.equal(file.sha256, createHash('sha256').update(contents(file)).digest('hex'), file.path);
      assert.equal(file.bytes, BigInt(contents(file).length), file.path);
    }
    const found = volumes.flatMap((volume) =>
      readdirSync(join(volume, `backup-${name}`)).map((file) => `backup-${name}/${file}`),
    );
    assert.deepEqual(given.map(({ path }) => path).sort(), found.sort());
    assert.equal(found.filter((path) => path.endsWith('-f1-text')).length, 2, 'one for each slice');
  }
  const journalOf = (files: readonly BackupFile[]) => files.find(({ path }) => path.endsWith('.log'))!.bytes;
  assert.equal(journalOf(await first), journal);
  assert.ok(journalOf(await second) > journal);

  // One whose processes are killed is answered, and its name is free.
  rmSync(join(folder, 'go'));
  const killed = assert.rejects(client.backup('killed'), /StorageFailed/);
  const home = join(volumes[1]!, 'backup-killed');
  await until('checksums are made', () => pidsIn(home).length > 0);
  await until('none is left', () => {
    const pids = pidsIn(home);
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    return pids.length === 0;
  });
  writeFileSync(join(folder, 'go'), '');
  await killed;
  assert.ok((await client.backup('killed')).length > 0);

  // The name of one whose client left is free, and so is that of one that failed.
  assert.ok((await client.backup('left')).length > 0);
  writeFileSync(join(folder, 'fail'), '');
  await assert.rejects(client.backup('bad'), /StorageFailed.*no sums today/);
  rmSync(join(folder, 'fail'));
  assert.ok((await client.backup('bad')).length > 0);
  await insert(8);
});
