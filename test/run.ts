// `npm run check`: types, lint, imports, unit tests. `npm test`: the same with the engine suite and the system tests.
// `npm run test:faults`: what takes too long for every change: kinds of tasks × steps × kill, moves whose parts are killed, queues with a
// thousand tasks. `npm run test:kdb`: the engine suite on the q that TSG_Q names.
// Usage: node test/run.ts check | all | faults | kdb

import { spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from 'node:test';
import { reportFile, type Totals } from './report.ts';

const root = join(import.meta.dirname, '..');
const unit = ['base', 'kdb', 'ingest', 'query', 'management', 'tasks', 'workers', 'agent', 'api', 'auth', 'infra'];

const unitTests = ['test/*.test.ts', ...unit.map((folder) => `test/${folder}/**/*.test.ts`)];
const plans: Record<string, readonly string[]> = {
  check: unitTests,
  all: ['test/system/**/*.test.ts', 'test/engines/**/*.test.ts', ...unitTests],
  faults: ['test/system/faults/*.suite.ts'],
  kdb: ['test/engines/q.suite.ts'],
};

/** They begin first, so that none is left alone at the end; those that wait for the most part are beside those that compute. */
const longest = [
  'test/system/regions/broken.test.ts',
  'test/workers/feed-consumer.test.ts',
  'test/system/faults/tasks.test.ts',
  'test/workers/replicator.test.ts',
  'test/system/durability/kill.test.ts',
  'test/system/tasks.test.ts',
  'test/system/regions/whole.test.ts',
  'test/system/start.test.ts',
  'test/system/durability/damage.test.ts',
  'test/workers/moves/move.test.ts',
];

/** One more than CI has cores: a third of the time tests wait for what they have broken to come back. */
const lanes = 3;

const plan = plans[process.argv[2] ?? ''];
if (!plan) {
  console.error('Usage: node test/run.ts check | all | faults | kdb');
  process.exit(2);
}

/** A file that takes longer hangs; it is stopped and counts as failed. */
const fileTimeoutMs = plan === plans['faults'] ? 1_800_000 : 450_000;

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interrupted.abort());

// Tests that need a program which is absent write a line each (test/programs.ts).
const folder = mkdtempSync(join(tmpdir(), 'tsg-tests-'));
const notRunFile = join(folder, 'not-run');
process.env['TSG_NOT_RUN_FILE'] = notRunFile;

const totals: Totals = { passed: 0, failed: 0, skipped: 0 };
const tookMs: Record<string, number> = {};
if (plan === plans['check'] || plan === plans['all']) {
  program('types', ['node_modules/typescript/bin/tsc', '--noEmit', '-p', '.']);
  program('lint', ['node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '.']);
}
await suite(inOrder([...new Set(plan.flatMap((pattern) => globSync(pattern, { cwd: root }).sort()))]));
closing();

/** A check that is a program of its own counts as one test. */
function program(name: string, args: readonly string[]): void {
  const startedMs = performance.now();
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  totals[status === 0 ? 'passed' : 'failed']++;
  console.log(`${status === 0 ? '✔' : '✖'} ${name} (${seconds(performance.now() - startedMs)})`);
}

function inOrder(files: readonly string[]): string[] {
  const first = longest.filter((file) => files.includes(file));
  return [...first, ...files.filter((file) => !first.includes(file))];
}

async function suite(files: string[]): Promise<void> {
  const lane = async (): Promise<void> => {
    while (files.length > 0 && !interrupted.signal.aborted) await testFile(files.shift()!);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

/** One run per file: its events stay together, and a file that hangs is stopped alone. */
async function testFile(file: string): Promise<void> {
  const startedMs = performance.now();
  const signal = AbortSignal.any([interrupted.signal, AbortSignal.timeout(fileTimeoutMs)]);
  const events = await run({ files: [join(root, file)], cwd: root, signal }).toArray();
  tookMs[file] = performance.now() - startedMs;
  const report = reportFile(file, events, tookMs[file]);
  for (const key of ['passed', 'failed', 'skipped'] as const) totals[key] += report.totals[key];
  console.log(report.lines.join('\n'));
}

function closing(): void {
  const notRun = existsSync(notRunFile) ? readFileSync(notRunFile, 'utf8').trimEnd().split('\n') : [];
  rmSync(folder, { recursive: true });
  const slowest = Object.entries(tookMs).sort(([, a], [, b]) => b - a);
  const times = slowest.slice(0, 10).map(([file, ms]) => `  ${seconds(ms)} ${file}`);
  console.log(
    [
      '',
      'The slowest files:',
      ...times,
      '',
      ...notRun,
      `ℹ tests ${totals.passed + totals.failed + totals.skipped}`,
    ].join('\n'),
  );
  console.log(
    `ℹ pass ${totals.passed}\nℹ fail ${totals.failed}\nℹ skipped ${totals.skipped}\nℹ not run ${notRun.length}`,
  );
  console.log(`${totals.passed} passed, ${totals.failed} failed`);
  const mustRunAll = process.env['CI'] === 'true' && plan !== plans['kdb'];
  const incomplete = interrupted.signal.aborted || (mustRunAll && notRun.length > 0);
  process.exit(totals.failed > 0 || incomplete ? 1 : 0);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
