import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { identityOf, isAlive } from '../../infra/local/process-table.ts';
import { readRun } from '../../infra/local/run-file.ts';
import { requireProgram } from '../programs.ts';
import { until } from '../until.ts';
import { processesOf } from './processes.ts';
import { type LocalRegion, startRegion } from './region.ts';

const root = join(import.meta.dirname, '..', '..');
const dataDir = mkdtempSync(join(tmpdir(), 'tsg-start-'));
let region: LocalRegion;

before(async () => {
  region = await startRegion({ dataDir });
});
after(async () => {
  await region?.stop();
  rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
});

/** The lines to copy from the banner, given to a shell as they are. */
async function runCurlLines(): Promise<string[]> {
  const lines = region.output.split('\n').filter((line) => line.startsWith('curl '));
  assert.equal(lines.length, 3);
  const outputs = [];
  for (const line of lines) outputs.push((await promisify(execFile)('/bin/sh', ['-c', line])).stdout);
  return outputs;
}

function queryUsage(): Promise<unknown> {
  const path = '/v1/databases/plant/series/cpu/query?aggregation=max&field=usage';
  return until(`an answer of ${path}`, async () => {
    const response = await fetch(region.url + path, {
      headers: { Authorization: `Bearer ${region.adminToken}` },
    }).catch(() => undefined);
    return response?.ok && response.json();
  });
}

test('the printed curl lines work one after another', async (t) => {
  if (!requireProgram(t, 'curl', 'apt-get install curl')) return;
  const [created, written, queried] = (await runCurlLines()).map((output) => JSON.parse(output));
  assert.equal(created.database.name, 'plant');
  assert.partialDeepStrictEqual(written, { accepted: 2, rejected: 0 });
  assert.deepEqual(queried.rows, [
    ['a', 21.5],
    ['b', 48],
  ]);
});

test('the banner names what is real and what is absent', () => {
  assert.match(region.output, new RegExp(`API +${region.url}\n`));
  assert.match(region.output, /Redis +(\S+(redis|valkey)-server \d|absent)/);
  assert.match(region.output, /kdb\+ +absent/);
});

test('a second start on the same data directory is refused', async () => {
  const { code, output } = await launch({ TSG_DATA_DIR: dataDir, PORT: '0' });
  assert.equal(code, 1);
  assert.match(
    output,
    new RegExp(`^${dataDir} is in use by another run \\(process ${region.launcherPid}, ${region.url}\\)`),
  );
});

const refused: readonly (readonly [what: string, env: Record<string, string>, message: RegExp])[] = [
  ['a wrong PORT', { PORT: '80x' }, /^PORT is 80x; it must be an integer from 0 to 65535\n$/],
  ['a data directory that cannot be made', { TSG_DATA_DIR: '/dev/null/x' }, /\/dev\/null\/x/],
  [
    'a data directory with a comma',
    { TSG_DATA_DIR: '/tmp/a,b' },
    /^TSG_DATA_DIR is \/tmp\/a,b; its path must not have a comma\n$/,
  ],
];

for (const [what, env, message] of refused) {
  test(`${what} is refused`, async () => {
    const { code, output } = await launch(env);
    assert.equal(code, 1);
    assert.match(output, message);
    assert.doesNotMatch(output, /\n +at /);
  });
}

test('a port in use is refused', async (t) => {
  const other = mkdtempSync(join(tmpdir(), 'tsg-start-'));
  t.after(() => rmSync(other, { recursive: true }));
  const { port } = new URL(region.url);
  const { code, output } = await launch({ TSG_DATA_DIR: other, PORT: port });
  assert.equal(code, 1);
  assert.match(output, new RegExp(`^Port ${port} is in use by another program. Set PORT`));
});

test('every process that is killed is replaced', async () => {
  await queryUsage();
  const { databases, ...others } = region.pids();
  const names = [
    ...Object.keys(others).filter((name) => others[name as keyof typeof others] !== undefined),
    ...Object.keys(databases),
  ];
  await Promise.all(names.map((name) => region.replace(name)));
  assert.equal(names.length, others.redis === undefined ? 7 : 8);
  await queryUsage();
});

test('after kill -9 of the launcher nothing goes on, and a start right after it has all data', async () => {
  const before = await queryUsage();
  const { databases, ...others } = region.pids();
  const processes = [...Object.values(others), ...Object.values(databases)].map((pid) => identityOf(pid!));
  region.killLauncher();
  await region.start();
  assert.deepEqual(processes.filter(isAlive), []);
  assert.deepEqual(await queryUsage(), before);
});

test('after kill -9 of everything the next start has all data', async () => {
  const before = await queryUsage();
  await region.killAll();
  await region.start();
  assert.deepEqual(await queryUsage(), before);
});

test('after an orderly stop the next start has all data', async () => {
  const before = await queryUsage();
  await region.restart();
  assert.deepEqual(await queryUsage(), before);
});

test('Ctrl-C on npm start, which reaches every process of the terminal, stops it in order', async () => {
  await region.stop();
  const { npm, output } = await npmStart();
  const ended = once(npm, 'exit');
  process.kill(-npm.pid!, 'SIGINT');
  assert.deepEqual(await ended, [0, null]);
  assert.match(await output, /Stopping…\nStopped\.\n/);
  assert.doesNotMatch(await output, /npm err/i);
  assert.deepEqual(await processesOf(dataDir), []);
});

test('kill -9 of npm ends what npm start has started', async () => {
  const { npm } = await npmStart();
  npm.kill('SIGKILL');
  await until('everything to be gone', async () => (await processesOf(dataDir)).length === 0, 60_000);
});

/** In its own process group, as a terminal gives it one. */
async function npmStart(): Promise<{ npm: ChildProcess; output: Promise<string> }> {
  const npm = spawn('npm', ['start'], {
    cwd: root,
    env: environment({ TSG_DATA_DIR: dataDir, PORT: '0' }),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  after(() => npm.kill('SIGTERM'));
  const output = Promise.all([npm.stdout.toArray(), npm.stderr.toArray()]).then((all) =>
    Buffer.concat(all.flat()).toString(),
  );
  await until('npm start to be ready', () => readRun(dataDir)?.ready, 90_000);
  return { npm, output };
}

async function launch(env: Record<string, string>): Promise<{ code: number; output: string }> {
  const child = spawn(process.execPath, [join(root, 'infra/local/main.ts')], {
    env: environment(env),
    timeout: 30_000,
  });
  const [out, err, [code]] = await Promise.all([child.stdout.toArray(), child.stderr.toArray(), once(child, 'exit')]);
  return { code, output: Buffer.concat([...out, ...err]).toString() };
}

function environment(env: Record<string, string>): Record<string, string | undefined> {
  return {
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(TSG_|PORT$|NODE_TEST_)/.test(name))),
    ...env,
  };
}
