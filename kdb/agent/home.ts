// The directories of a database on its host: one per volume, and in the first of them the file that its process is started with.
// What is there is the host's own truth: after a reboot it is enough to start everything again.

import { access, constants, mkdir, open, readdir, readFile, rename, rm, statfs } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { DatabaseConfig } from '../database-config.ts';

/** What the home's first configuration is made of; its port and its directories are chosen here. */
export type NewHome = Omit<DatabaseConfig, 'port' | 'volumes'> & { readonly volumes: number };

const configName = 'database.json';
/** Stands there instead while the directories are being made. */
const draftName = 'creating.json';
const deletingSuffix = '.deleting';

/** The host has fewer volumes than the database wants. */
export class TooFewVolumes extends Error {}

export function configPath({ volumes }: DatabaseConfig): string {
  return join(volumes[0]!, configName);
}

/**
 * Every database of the host. Half-removed ones are removed; anything else on the volumes is left alone. A volume or a file that
 * cannot be read is reported and hides its own databases only.
 */
export async function findHomes(
  volumes: readonly string[],
  fault: (error: unknown) => void,
): Promise<DatabaseConfig[]> {
  const found: DatabaseConfig[] = [];
  for (const volume of volumes) {
    const names = await readdir(volume).catch((error: unknown) => {
      fault(error);
      return [];
    });
    for (const name of names) {
      try {
        if (name.endsWith(deletingSuffix)) await finishRemoval(join(volume, name));
        const config = await readConfig(join(volume, name, configName));
        if (config) found.push(config);
      } catch (error) {
        fault(error);
      }
    }
  }
  return found;
}

/** Safe to repeat after a crash at any point: the draft fixes the choice of volumes. */
export async function createHome(volumes: readonly string[], fields: NewHome): Promise<DatabaseConfig> {
  const { databaseId } = fields;
  for (const volume of volumes) {
    const path = join(volume, databaseId, configName);
    if (await isThere(path)) throw new Error(`${path} is there, but its database was not found at start`);
  }
  const draft = await findDraft(volumes, databaseId);
  const config = {
    ...fields,
    port: 0,
    volumes: draft?.volumes ?? (await emptiest(volumes, fields.volumes)).map((volume) => join(volume, databaseId)),
  };
  const [home, ...others] = config.volumes as [string, ...string[]];
  await mkdir(home, { recursive: true, mode: 0o700 });
  await writeConfig(join(home, draftName), config);
  for (const directory of others) await mkdir(directory, { recursive: true, mode: 0o700 });
  await Promise.all(config.volumes.map((directory) => syncDirectory(dirname(directory))));
  await rename(join(home, draftName), join(home, configName));
  await syncDirectory(home);
  return config;
}

export async function changeHome(config: DatabaseConfig): Promise<void> {
  await writeConfig(configPath(config), config);
}

/** Also of one that was never finished; nothing happens when there is none. Its process must have ended. */
export async function removeHome(volumes: readonly string[], databaseId: string): Promise<void> {
  for (const volume of volumes) {
    const home = join(volume, databaseId);
    const names = await readdir(home).catch(whenMissing<string[]>([]));
    if (!names.includes(configName) && !names.includes(draftName)) continue;
    // From here on it is no database any more, and a crash only delays the rest.
    await rename(home, home + deletingSuffix);
    await syncDirectory(volume);
    await finishRemoval(home + deletingSuffix);
  }
}

/** The home goes last: it names the others. */
async function finishRemoval(deleting: string): Promise<void> {
  const config = (await readConfig(join(deleting, configName))) ?? (await readConfig(join(deleting, draftName)));
  const id = basename(deleting, deletingSuffix);
  for (const directory of config?.volumes.slice(1) ?? []) {
    if (basename(directory) === id) await rm(directory, { recursive: true, force: true });
  }
  await rm(deleting, { recursive: true, force: true });
}

async function findDraft(volumes: readonly string[], databaseId: string): Promise<DatabaseConfig | undefined> {
  for (const volume of volumes) {
    const draft = await readConfig(join(volume, databaseId, draftName));
    if (draft) return draft;
  }
  return undefined;
}

/** Those with fewest databases, and among these with most room. A volume that is not mounted does not count. */
async function emptiest(volumes: readonly string[], count: number): Promise<string[]> {
  const measured = await Promise.all(
    volumes.map(async (volume) => {
      const names = await readdir(volume).catch(whenMissing(undefined));
      if (!names) return [];
      const { bavail, bsize } = await statfs(volume);
      return [{ volume, databases: names.length, freeBytes: bavail * bsize }];
    }),
  );
  const usable = measured.flat();
  if (count > usable.length) throw new TooFewVolumes(`${count} volumes are wanted, the host has ${usable.length}`);
  return usable
    .toSorted((a, b) => a.databases - b.databases || b.freeBytes - a.freeBytes)
    .slice(0, count)
    .map(({ volume }) => volume);
}

async function readConfig(path: string): Promise<DatabaseConfig | undefined> {
  const text = await readFile(path, 'utf8').catch(whenMissing(undefined));
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as DatabaseConfig;
  } catch (error) {
    throw new Error(`${path} is damaged`, { cause: error });
  }
}

/** Whole or not at all; it holds a password. */
async function writeConfig(path: string, config: DatabaseConfig): Promise<void> {
  const file = await open(`${path}.new`, 'w', 0o600);
  try {
    await file.writeFile(`${JSON.stringify(config, null, 2)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
  await syncDirectory(dirname(path));
}

export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** The directories of a database, to be read and written: none of its volumes is away or read-only. */
export async function areThere(directories: readonly string[]): Promise<boolean> {
  const checks = await Promise.allSettled(directories.map((path) => access(path, constants.R_OK | constants.W_OK)));
  return checks.every(({ status }) => status === 'fulfilled');
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(() => true, whenMissing(false));
}

/** ENOTDIR: a file lies where a database's directory would be. */
export function whenMissing<T>(value: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return value;
    throw error;
  };
}
