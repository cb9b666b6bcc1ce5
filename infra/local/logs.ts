import { closeSync, existsSync, fstatSync, mkdirSync, openSync, readdirSync, readSync, renameSync } from 'node:fs';
import { join } from 'node:path';

/** The folder of the log files, with those of the run before kept as <name>.previous.log. */
export function openLogFolder(dataDir: string): string {
  const folder = join(dataDir, 'logs');
  mkdirSync(folder, { recursive: true });
  for (const file of readdirSync(folder)) {
    const name = /^(.+)(?<!\.previous)\.log$/.exec(file)?.[1];
    if (name) renameSync(join(folder, file), join(folder, `${name}.previous.log`));
  }
  return folder;
}

/** The end of a log file, for a message. */
export function lastLines(path: string, count = 15): string {
  if (!existsSync(path)) return '(there is none)';
  const file = openSync(path, 'r');
  const { size } = fstatSync(file);
  const tail = Buffer.alloc(Math.min(size, 16_384));
  readSync(file, tail, 0, tail.length, size - tail.length);
  closeSync(file);
  return tail.toString('utf8').trimEnd().split('\n').slice(-count).join('\n') || '(it is empty)';
}
