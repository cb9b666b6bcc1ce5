import { createHash } from 'node:crypto';
import type { BackupFile } from '../../../src/kdb/engine.ts';
import { EngineError } from '../../../src/kdb/engine-error.ts';
import { backupNamePattern } from '../../../src/management/host-agent.ts';
import { type FileLayer, writeDurably } from './files.ts';
import type { Journal } from './journal.ts';
import { generationOf } from './journal-file.ts';
import { manifestBytes, manifestName } from './manifest.ts';
import { partName } from './part.ts';
import type { Storage } from './storage.ts';

const hashChunkBytes = 1 << 20;

/** Of files that never change, by name: parts and states. A database of 100 GB takes minutes to read. */
export type Checksums = Map<string, string>;

/**
 * Copies the database as it is at this moment below `backup-<name>` on each volume: parts and state as links (they never change), the manifest, and the
 * journal up to what is synced. The copy opens as a database. Nothing may checkpoint meanwhile; inserts go on.
 */
export async function writeBackup(
  storage: Storage,
  journal: Journal,
  checksums: Checksums,
  name: string,
): Promise<BackupFile[]> {
  if (!new RegExp(`^${backupNamePattern}$`).test(name))
    throw new EngineError('BadCall', 'a backup is named by up to 100 letters, digits, dots, dashes and underscores');
  const { files, volumes, manifest } = storage;
  const folder = `backup-${name}`;
  const journalFiles = journal.files();
  for (const volume of volumes) {
    await files.remove(`${volume}/${folder}`);
    await files.makeDirectory(`${volume}/${folder}`);
  }
  const names: { volume: number; name: string }[] = [];
  for (const { number, volume } of manifest.parts) {
    await files.link(`${volumes[volume]}/${partName(number)}`, `${volumes[volume]}/${folder}/${partName(number)}`);
    names.push({ volume, name: partName(number) });
  }
  if (manifest.state) {
    await files.link(`${volumes[0]}/${manifest.state.name}`, `${volumes[0]}/${folder}/${manifest.state.name}`);
    names.push({ volume: 0, name: manifest.state.name });
  }
  for (const { path, bytes } of journalFiles) {
    const journalName = path.slice(path.lastIndexOf('/') + 1);
    const [prefix] = await files.readAt(path, [[0, bytes]]);
    await writeDurably(files, `${volumes[0]}/${folder}`, journalName, [prefix!]);
    names.push({ volume: 0, name: journalName });
  }
  await writeDurably(files, `${volumes[0]}/${folder}`, manifestName, [
    manifestBytes({ ...manifest, journal: journalFiles[0]!.generation, recovered: null }),
  ]);
  names.push({ volume: 0, name: manifestName });
  for (const volume of volumes) await files.syncDirectory(`${volume}/${folder}`);
  const copied: BackupFile[] = [];
  const known = new Map(checksums);
  checksums.clear();
  for (const { volume, name: file } of names) {
    const path = `${volumes[volume]}/${folder}/${file}`;
    const sha256 = known.get(file) ?? (await checksumOf(files, path));
    if (neverChanges(file)) checksums.set(file, sha256);
    copied.push({ volume, path: `${folder}/${file}`, bytes: BigInt(await files.size(path)), sha256 });
  }
  return copied;
}

function neverChanges(name: string): boolean {
  return name !== manifestName && generationOf(name) === null;
}

async function checksumOf(files: FileLayer, path: string): Promise<string> {
  const bytes = await files.size(path);
  const hash = createHash('sha256');
  for (let at = 0; at < bytes; at += hashChunkBytes) {
    const [chunk] = await files.readAt(path, [[at, Math.min(hashChunkBytes, bytes - at)]]);
    hash.update(chunk!);
  }
  return hash.digest('hex');
}
