import { execFileSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import type { TestContext } from 'node:test';

/** Path of a program on PATH, or undefined. */
export function findProgram(name: string): string | undefined {
  try {
    return execFileSync('/bin/sh', ['-c', 'command -v "$0"', name], { encoding: 'utf8' }).trim() || undefined;
  } catch {
    return undefined;
  }
}

/**
 * True when the program is there. Otherwise the test is reported as not run (a failure under CI=true) and has to return:
 * `if (!requireProgram(t, 'redis-server', 'apt-get install redis-server')) return;`
 */
export function requireProgram(t: TestContext, name: string, install: string): boolean {
  return findProgram(name) !== undefined || notRun(t, install);
}

/** Reports a test as not run, which fails it under CI=true; `remedy` says what would let it run. Always false. */
export function notRun(t: TestContext, remedy: string): false {
  skipped(t, remedy);
  if (process.env['CI'] === 'true') throw new Error(`NOT RUN: ${t.fullName} (${remedy})`);
  return false;
}

/** The same for what no CI has: a licence. */
export function skipped(t: TestContext, remedy: string): void {
  const line = `NOT RUN: ${t.fullName} (${remedy})`;
  console.log(line);
  // test/run.ts counts the lines of this file at the end.
  if (process.env['TSG_NOT_RUN_FILE']) appendFileSync(process.env['TSG_NOT_RUN_FILE'], `${line}\n`);
  t.skip(remedy);
}
