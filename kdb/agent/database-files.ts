// The files of a database as workers see them: a backup's are read, those of a database that is being filled are written.

import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { backupNamePattern } from '../../src/management/host-agent.ts';
import { syncDirectory, whenMissing } from './home.ts';

/** Every name that an engine makes for what it keeps, and no other: names come from the network. Those of q are as in kdb/q/backup.q. */
const fileName =
  /^(manifest(\.json)?|state-\d{10}\.bin|part-\d{10}(\.tsg|-(d|id|time|f\d{1,4}(-text)?))|journal-\d{10}\.log)$/;
const backupFolder = new RegExp(`^backup-${backupNamePattern}$`);
const backupName = new RegExp(`^${backupNamePattern}$`);
const unfinishedSuffix = '.put';

/** There is no such file, or its name is none. */
export class FileNotFound extends Error {}

/** What came is not what was to come. */
export class FileCorrupt extends Error {}

export interface FileRange {
  readonly from: number;
  /** The last byte; undefined: to the end. */
  readonly to: number | undefined;
}

export interface OpenedFile {
  readonly bytes: number;
  /** From the first to the last byte given. */
  readonly from: number;
  readonly to: number;
  readonly stream: Readable;
}

/** `path` is a file of the database, or of a backup: `backup-<name>/<file>`. A range that begins behind the end is null. */
export async function readDatabaseFile(
  directory: string,
  path: readonly string[],
  range: FileRange | null,
): Promise<OpenedFile | null> {
  const name = path.at(-1) ?? '';
  const isKnown = fileName.test(name) && (path.length === 1 || (path.length === 2 && backupFolder.test(path[0]!)));
  if (!isKnown) throw new FileNotFound('no such file');
  const file = await open(join(directory, ...path), 'r').catch(whenMissing(undefined));
  if (!file) throw new FileNotFound('no such file');
  try {
    const { size } = await file.stat();
    const from = range?.from ?? 0;
    const to = Math.min(range?.to ?? size - 1, size - 1);
    if (range && from >= size) {
      await file.close();
      return null;
    }
    // An empty file has no last byte to read up to.
    return { bytes: size, from, to, stream: file.createReadStream({ start: from, ...(size > 0 && { end: to }) }) };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/**
 * Takes in a file; it has its name, and lasts, only when it is whole. `finish` runs what gives it the name: that must not meet the database's start.
 */
export async function writeDatabaseFile(
  directory: string,
  name: string,
  sha256: string,
  contents: AsyncIterable<Uint8Array>,
  finish: (rename: () => Promise<void>) => Promise<void>,
): Promise<void> {
  if (!fileName.test(name)) throw new FileNotFound('no file of a database has such a name');
  const temporary = join(directory, `${name}.${randomUUID()}${unfinishedSuffix}`);
  const file = await open(temporary, 'wx', 0o600).catch(whenMissing(undefined));
  if (!file) throw new FileNotFound('the directory of the database is gone');
  try {
    if ((await writeAll(file, contents)) !== sha256) throw new FileCorrupt(`${name} does not have the checksum given`);
    await finish(async () => {
      await rename(temporary, join(directory, name)).catch(missingAsNotFound);
      await syncDirectory(directory);
    });
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Gives the SHA-256. */
async function writeAll(file: FileHandle, contents: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of contents) {
      hash.update(chunk);
      for (let at = 0; at < chunk.length; ) at += (await file.write(chunk, at)).bytesWritten;
    }
    await file.sync();
    return hash.digest('hex');
  } finally {
    await file.close();
  }
}

/** What an agent that was killed had not taken in whole. */
export async function removeUnfinishedFiles(directories: readonly string[]): Promise<void> {
  for (const directory of directories) {
    for (const name of await readdir(directory).catch(whenMissing<string[]>([])))
      if (name.endsWith(unfinishedSuffix)) await rm(join(directory, name), { force: true });
  }
}

/** Also of a backup that was not finished; nothing happens when there is none. */
export async function removeBackup(directories: readonly string[], name: string): Promise<void> {
  if (!backupName.test(name)) throw new FileNotFound('no backup has such a name');
  for (const directory of directories) {
    await rm(join(directory, `backup-${name}`), { recursive: true, force: true });
  }
}

function missingAsNotFound(error: NodeJS.ErrnoException): never {
  throw error.code === 'ENOENT' ? new FileNotFound('the directory of the database is gone') : error;
}
