import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { DataDirectoryFault, keptSecret, openDataDirectory } from '../../../infra/local/data-directory.ts';
import { lastLines, openLogFolder } from '../../../infra/local/logs.ts';
import { identityOf, isAlive } from '../../../infra/local/process-table.ts';
import { earlierProcessesGone, RunFile, readRun } from '../../../infra/local/run-file.ts';

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'tsg-data-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

test('a data directory has one owner, and is free after it', (t) => {
  const path = join(folder(t), 'new');
  const owner = openDataDirectory(path);
  new RunFile(path, { urls: { 'eu-west-1': 'http://127.0.0.1:1' }, metrics: {}, proxy: null });
  assert.throws(
    () => openDataDirectory(path),
    (error) =>
      error instanceof DataDirectoryFault && error.message.includes(`process ${process.pid}, http://127.0.0.1:1`),
  );
  owner.release();
  openDataDirectory(path).release();
});

test('a data directory is free once its owner is killed', async (t) => {
  const path = folder(t);
  const source = `import { openDataDirectory } from ${JSON.stringify(join(import.meta.dirname, '../../../infra/local/data-directory.ts'))};
    globalThis.lock = openDataDirectory(${JSON.stringify(path)}); console.log('held'); setInterval(() => {}, 1000);`;
  const owner = spawn(process.execPath, ['--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => owner.kill('SIGKILL'));
  await once(owner.stdout, 'data');
  assert.throws(() => openDataDirectory(path), DataDirectoryFault);
  owner.kill('SIGKILL');
  await once(owner, 'exit');
  openDataDirectory(path).release();
});

test('a secret is made once, for its owner only', (t) => {
  const path = folder(t);
  const secret = keptSecret(path, 'admin-token', 'tsg_');
  assert.match(secret, /^tsg_[\w-]{43}$/);
  assert.equal(keptSecret(path, 'admin-token', 'tsg_'), secret);
  assert.equal(statSync(join(path, 'admin-token')).mode & 0o777, 0o600);
});

test('a start waits for what an earlier one left behind', async (t) => {
  const path = folder(t);
  const left = spawn('/bin/sh', ['-c', 'sleep 0.3'], { stdio: 'ignore' });
  const run = new RunFile(path, { urls: {}, metrics: {}, proxy: null });
  run.started('worker', left.pid!);
  run.started('gone', 2 ** 22 + 1);
  const reports: string[] = [];
  await earlierProcessesGone(path, (line) => reports.push(line));
  assert.match(reports.join(), /waiting .*: worker$/);
  assert.equal(isAlive(identityOf(left.pid!)), false);
  assert.equal(readRun(path)?.ready, false);
  run.remove();
  assert.equal(readRun(path), null);
  await earlierProcessesGone(path, assert.fail);
});

test('the logs of the run before are kept', (t) => {
  const path = folder(t);
  const logs = openLogFolder(path);
  for (const text of ['first', 'second']) {
    writeFileSync(join(logs, 'api.log'), text);
    openLogFolder(path);
    assert.equal(readFileSync(join(logs, 'api.previous.log'), 'utf8'), text);
  }
  assert.equal(lastLines(join(logs, 'api.log')), '(there is none)');
  writeFileSync(join(logs, 'api.log'), 'a\nb\nc\n');
  assert.equal(lastLines(join(logs, 'api.log'), 2), 'b\nc');
});
