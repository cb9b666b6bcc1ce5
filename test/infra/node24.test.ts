import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, before, test } from 'node:test';
import { identityOf, isAlive } from '../../infra/local/process-table.ts';
import { findProgram } from '../../infra/local/programs.ts';
import { until } from '../until.ts';

const launcher = join(import.meta.dirname, '..', '..', 'infra', 'node24.mjs');
const folder = mkdtempSync(join(tmpdir(), 'tsg-node24-'));
const script = join(folder, 'script.ts');

/** Does as told, and says who it is and what it was given. */
const source = `
const [order]: string[] = process.argv.slice(2);
if (order === 'fail') process.exitCode = 7;
if (order === 'wait') setInterval(() => {}, 1_000);
if (order === 'stop') {
  setInterval(() => {}, 1_000);
  process.on('SIGTERM', () => process.exit(3));
}
console.log(JSON.stringify({ pid: process.pid, major: Number(process.versions.node.split('.')[0]), args: process.argv.slice(1) }));
`;

before(() => writeFileSync(script, source));
after(() => rmSync(folder, { recursive: true }));

/** This one, and an older one where the machine has it: the launcher then starts the installed one. */
const nodes = [process.execPath, olderNode()].filter((path) => path !== undefined);

for (const node of nodes) {
  const version = execFileSync(node, ['-p', 'process.version'], { encoding: 'utf8' }).trim();

  test(`${version}: the script runs under Node 24 or later with its arguments`, async () => {
    const { said, ended } = await launch(node, ['a', '--b']);
    assert.ok(said.major >= 24);
    assert.deepEqual(said.args, [script, 'a', '--b']);
    assert.deepEqual(await ended, [0, null]);
  });

  test(`${version}: its exit code comes through`, async () => {
    assert.deepEqual(await (await launch(node, ['fail'])).ended, [7, null]);
  });

  test(`${version}: SIGTERM reaches it, and how it ends comes through`, async () => {
    for (const [order, expected] of [
      ['stop', [3, null]],
      ['wait', [null, 'SIGTERM']],
    ] as const) {
      const { child, ended } = await launch(node, [order]);
      child.kill('SIGTERM');
      assert.deepEqual(await ended, expected);
    }
  });

  test(`${version}: it does not outlive the launcher`, async () => {
    const { child, said } = await launch(node, ['stop']);
    const runner = identityOf(said.pid);
    child.kill('SIGKILL');
    await until('the script is gone', () => !isAlive(runner));
  });
}

interface Launched {
  readonly child: ChildProcess;
  readonly said: { readonly pid: number; readonly major: number; readonly args: readonly string[] };
  readonly ended: Promise<unknown[]>;
}

async function launch(node: string, args: readonly string[]): Promise<Launched> {
  const child = spawn(node, [launcher, script, ...args], { stdio: ['ignore', 'pipe', 'inherit'], timeout: 30_000 });
  const ended = once(child, 'exit');
  const [line] = await once(child.stdout, 'data');
  return { child, said: JSON.parse(String(line)), ended };
}

function olderNode(): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((entry) => findProgram('node', entry))
    .find(
      (path) =>
        path && Number(execFileSync(path, ['-p', 'parseInt(process.versions.node)'], { encoding: 'utf8' })) < 24,
    );
}
