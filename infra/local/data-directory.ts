import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { readRun } from './run-file.ts';

/** It cannot be used, or somebody else runs a region on it. */
export class DataDirectoryFault extends Error {}

/** Creates the directory and takes it for this process; the lock is the operating system's, so it also ends with kill -9. */
export function openDataDirectory(dataDir: string): { release(): void } {
  let lock: DatabaseSync | undefined;
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    lock = new DatabaseSync(join(dataDir, 'lock.sqlite'), { timeout: 0 });
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock?.close();
    const { message } = error as Error;
    if (!/locked/.test(message))
      throw new DataDirectoryFault(`${dataDir} cannot be used as data directory: ${message}`);
    const run = readRun(dataDir);
    const who = run ? ` (process ${run.launcher.pid}, ${Object.values(run.urls)[0]})` : '';
    throw new DataDirectoryFault(
      `${dataDir} is in use by another run${who}. Stop that one, or choose another directory with TSG_DATA_DIR`,
    );
  }
  const held = lock;
  return { release: () => held.close() };
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
