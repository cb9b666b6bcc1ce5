// `npm run check`: types, lint, imports, unit tests. `npm test`: the same, then the engine suite and the system tests.
// `npm run test:kdb`: the engine suite on the q that TSG_Q names.
// Usage: node test/run.ts check | all | kdb

import { spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from 'node:test';
import { reportFile, type Totals } from './report.ts';

const root = join(import.meta.dirname, '..');
const unit = ['base', 'kdb', 'ingest', 'query', 'management', 'tasks', 'workers', 'agent', 'api', 'auth', 'infra'];

const stages: Record<string, readonly string[]> = {
  unit: ['test/*.test.ts', ...unit.map((folder) => `test/${folder}/**/*.test.ts`)],
  engines: ['test/engines/**/*.test.ts'],
  q: ['test/engines/q.suite.ts'],
  system: ['test/system/**/*.test.ts'],
};
const plans: Record<string, readonly string[]> = {
  check: ['unit'],
  all: ['unit', 'engines', 'system'],
  kdb: ['q'],
};

/** A file that takes longer hangs; it is stopped and counts as failed. */
const fileTimeoutMs = 300_000;

const plan = plans[process.argv[2] ?? ''];
if (!plan) {
  console.error('Usage: node test/run.ts check | all | kdb');
  process.exit(2);
}

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interrupted.abort());

// Tests that need a program which is absent write a line each (test/programs.ts).
const folder = mkdtempSync(join(tmpdir(), 'tsg-tests-'));
const notRunFile = join(folder, 'not-run');
process.env['TSG_NOT_RUN_FILE'] = notRunFile;

const totals: Totals = { passed: 0, failed: 0, skipped: 0 };
if (plan !== plans['kdb']) {
  program('types', ['node_modules/typescript/bin/tsc', '--noEmit', '-p', '.']);
  program('lint', ['node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '.']);
}
for (const stage of plan) await suite(stage);
closing();

/** A check that is a program of its own counts as one test. */
function program(name: string, args: readonly string[]): void {
  const startedMs = performance.now();
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  totals[status === 0 ? 'passed' : 'failed']++;
  console.log(`${status === 0 ? '✔' : '✖'} ${name} (${seconds(performance.now() - startedMs)})`);
}

async function suite(stage: string): Promise<void> {
  const files = stages[stage]!.flatMap((pattern) => globSync(pattern, { cwd: root })).sort();
  console.log(`\n${stage}`);
  const lanes = Array.from({ length: 2 }, async () => {
    while (files.length > 0 && !interrupted.signal.aborted) await testFile(files.shift()!);
  });
  await Promise.all(lanes);
}

/** One run per file: its events stay together, and a file that hangs is stopped alone. */
async function testFile(file: string): Promise<void> {
  const startedMs = performance.now();
  const signal = AbortSignal.any([interrupted.signal, AbortSignal.timeout(fileTimeoutMs)]);
  const events = await run({ files: [join(root, file)], cwd: root, signal }).toArray();
  const report = reportFile(file, events, performance.now() - startedMs);
  for (const key of ['passed', 'failed', 'skipped'] as const) totals[key] += report.totals[key];
  console.log(report.lines.join('\n'));
}

function closing(): void {
  const notRun = existsSync(notRunFile) ? readFileSync(notRunFile, 'utf8').trimEnd().split('\n') : [];
  rmSync(folder, { recursive: true });
  console.log(['', ...notRun, `ℹ tests ${totals.passed + totals.failed + totals.skipped}`].join('\n'));
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
