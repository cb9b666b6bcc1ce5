import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { CannotStart, Child, type ChildDefinition } from '../../../infra/local/child.ts';
import { identityOf, isAlive } from '../../../infra/local/process-table.ts';
import { stoppedWithParent } from '../../../infra/local/programs.ts';
import { until } from '../../until.ts';

const serve = (path: string) => ['/bin/sh', '-c', `echo up >>'${path}'; exec sleep 1000`];

interface Rig {
  readonly child: Child;
  readonly folder: string;
  readonly pids: number[];
  readonly reports: string[];
}

function rig(t: TestContext, define: (folder: string) => Partial<ChildDefinition>): Rig {
  const folder = mkdtempSync(join(tmpdir(), 'tsg-child-'));
  const pids: number[] = [];
  const reports: string[] = [];
  const child = new Child(
    {
      name: 'subject',
      command: serve(join(folder, 'up')),
      env: { PATH: process.env['PATH']! },
      logPath: join(folder, 'subject.log'),
      stopTimeoutMs: 5_000,
      probe: async () => assert.ok(existsSync(join(folder, 'up'))),
      ...define(folder),
    },
    { spawned: (_, pid) => pids.push(pid), report: (line) => reports.push(line) },
  );
  t.after(async () => {
    child.kill();
    await child.stop();
    rmSync(folder, { recursive: true });
  });
  return { child, folder, pids, reports };
}

const unexpected = (error: Error) => assert.fail(error);

test('a process that dies is started again and told about', async (t) => {
  const { child, pids, reports } = rig(t, () => ({}));
  await child.start(unexpected);
  process.kill(pids[0]!, 'SIGKILL');
  await until('a second process', () => pids.length === 2);
  assert.match(reports.join(), /subject was ended by SIGKILL; starting it again in 100 ms/);
  await child.stop();
  assert.equal(isAlive(identityOf(pids[1]!)), false);
  assert.equal(pids.length, 2);
});

test('a process that ends before it is ready is given up after five times, with the end of its log', async (t) => {
  const { child, pids } = rig(t, () => ({
    command: ['/bin/sh', '-c', 'echo no disk; exit 3'],
    probe: () => Promise.reject(new Error('not up')),
  }));
  const error = await new Promise<CannotStart>((resolve) => child.start(resolve));
  assert.ok(error instanceof CannotStart);
  assert.match(error.message, /subject cannot start: it ended with code 3, 5 times in a row/);
  assert.match(error.message, /no disk/);
  assert.equal(pids.length, 5);
});

test('a program that does not exist cannot start', async (t) => {
  const { child } = rig(t, (folder) => ({ command: [join(folder, 'nothing')] }));
  assert.match(
    (await new Promise<CannotStart>((resolve) => child.start(resolve))).message,
    /could not be run \(.*ENOENT/,
  );
});

test('a process that does not stop is killed', async (t) => {
  const { child, pids, reports } = rig(t, (folder) => ({
    command: ['/bin/sh', '-c', `trap '' TERM; echo up >'${folder}/up'; while :; do sleep 0.05; done`],
    stopTimeoutMs: 100,
  }));
  await child.start(unexpected);
  await child.stop();
  assert.match(reports.join(), /subject did not stop within 0.1 s and is killed/);
  assert.equal(isAlive(identityOf(pids[0]!)), false);
});

test('stop while it waits to start again does not start it', async (t) => {
  const { child, pids, reports } = rig(t, () => ({
    command: ['/bin/sh', '-c', 'exit 1'],
    probe: () => Promise.reject(new Error('not up')),
  }));
  void child.start(unexpected);
  await until('a first end', () => reports.length > 0);
  const started = pids.length;
  await child.stop();
  assert.equal(pids.length, started);
});

test('stop before start does nothing', async (t) => {
  await rig(t, () => ({})).child.stop();
});

test('a guarded program has its own process id, exit code and output, and leaves nothing behind', async () => {
  const [command, ...rest] = stoppedWithParent(['/bin/sh', '-c', 'echo $$; exit 7']);
  const guarded = spawn(command!, rest, { detached: true, stdio: ['pipe', 'pipe', 'inherit'] });
  const output = guarded.stdout.toArray();
  const [code] = await once(guarded, 'exit');
  assert.equal(code, 7);
  assert.equal(Number(Buffer.concat(await output)), guarded.pid);
  await until('its process group is empty', () => isGroupEmpty(guarded.pid!));
});

test('a guarded program ends when its parent is killed', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tsg-guard-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const command = stoppedWithParent([
    '/bin/sh',
    '-c',
    `echo $$ >'${folder}/pid.new'; mv '${folder}/pid.new' '${folder}/pid'; exec sleep 1000`,
  ]);
  const source = `const [a, ...b] = ${JSON.stringify(command)}; require('node:child_process').spawn(a, b, { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });`;
  const parent = spawn(process.execPath, ['-e', source], { stdio: 'ignore' });
  t.after(() => parent.kill('SIGKILL'));
  await until('the program runs', () => existsSync(join(folder, 'pid')));
  const program = identityOf(Number(readFileSync(join(folder, 'pid'), 'utf8')));
  assert.ok(isAlive(program));
  parent.kill('SIGKILL');
  await until('the program is gone', () => !isAlive(program));
});

function isGroupEmpty(group: number): boolean {
  try {
    process.kill(-group, 0);
    return false;
  } catch {
    return true;
  }
}
