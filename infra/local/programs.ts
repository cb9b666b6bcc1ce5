import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');

/** The command of a Node process of this project. */
export function node(script: string, ...rest: string[]): string[] {
  return [process.execPath, join(root, script), ...rest];
}

/** Path of a program, or undefined when none of that name is on `path` (colon-separated, like PATH). */
export function findProgram(name: string, path: string): string | undefined {
  return path
    .split(delimiter)
    .filter(Boolean)
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

/** Where npm put the program that stands in for DynamoDB. By path: its package for another platform may be there too. */
export function dynoxide(): string {
  const name = `@dynoxide/${process.platform}-${process.arch}`;
  const path = join(root, 'node_modules', name, 'dynoxide');
  if (existsSync(path)) return path;
  throw new Error(
    `${name} is not installed; npm ci (without --omit=optional) installs it where it exists (linux, darwin; x64, arm64)`,
  );
}

/**
 * A command that also ends when its standard input ends, for programs that do not do so by themselves: the shell leaves a
 * guard behind and becomes the program, so that its process id, signals and exit code are the program's own. Standard input
 * also ends when the program has ended; then there is nothing to kill.
 */
export function stoppedWithParent(command: readonly string[]): string[] {
  const guard = 'read -r _ <&3; kill $$ && sleep 3 && kill -9 $$';
  return ['/bin/sh', '-c', `exec 3<&0; (${guard}) >/dev/null 2>&1 & exec "$@" </dev/null 3<&-`, 'guarded', ...command];
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
