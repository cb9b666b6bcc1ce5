import { spawnSync } from 'node:child_process';
import type { TestContext } from 'node:test';
import { notRun } from '../../programs.ts';

/** Mounts; the last of the arguments is the place. False where that is not allowed: the test is reported as not run. */
export function mounted(t: TestContext, args: readonly [...string[], string]): boolean {
  const { status, stderr, error } = spawnSync('mount', args, { encoding: 'utf8' });
  return status === 0 || notRun(t, `run as root on Linux: ${error?.message ?? stderr.trim()}`);
}

/** Also when something is still open there. */
export function unmount(path: string): void {
  spawnSync('umount', ['--lazy', path]);
}
