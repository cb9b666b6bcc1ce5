import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { readRun } from './run-file.ts';

/** Somebody else runs a region on this data directory. */
export class DataDirectoryInUse extends Error {}

/** Creates the directory and takes it for this process; the lock is the operating system's, so it also ends with kill -9. */
export function openDataDirectory(dataDir: string): { release(): void } {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const lock = new DatabaseSync(join(dataDir, 'lock.sqlite'), { timeout: 0 });
  try {
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if (!/locked/.test((error as Error).message)) throw error;
    const run = readRun(dataDir);
    const who = run ? ` (process ${run.launcher.pid}, ${run.url})` : '';
    throw new DataDirectoryInUse(
      `${dataDir} is in use by another region${who}. Stop that one, or choose another directory with TSG_DATA_DIR`,
    );
  }
  return { release: () => lock.close() };
}

/** A secret that is made once and then kept in the data directory, readable by its owner only. */
export function keptSecret(dataDir: string, name: string, prefix: string): string {
  const path = join(dataDir, name);
  try {
    const kept = readFileSync(path, 'utf8').trim();
    if (kept !== '') return kept;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const secret = `${prefix}${randomBytes(32).toString('base64url')}`;
  const file = openSync(`${path}.new`, 'w', 0o600);
  writeSync(file, `${secret}\n`);
  fsyncSync(file);
  closeSync(file);
  renameSync(`${path}.new`, path);
  return secret;
}
