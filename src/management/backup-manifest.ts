// What a backup consists of: every file of the database with its SHA-256, and the object that has its bytes. The manifest is written last,
// and is never changed.

import { createHash } from 'node:crypto';
import type { SchemaMode, SeriesDefinition } from '../kdb/engine.ts';
import type { JournalPlace } from './records.ts';

export interface ManifestFile {
  /** Index of the volume, and the name in the database's directory there. */
  readonly volume: number;
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
  /** Its key in the object store. */
  readonly object: string;
}

export interface BackupManifest {
  readonly format: 1;
  readonly backup: string;
  readonly databaseId: string;
  readonly databaseName: string;
  readonly region: string;
  readonly createdAt: string;
  /** The files have all that came before. */
  readonly begunAt: string;
  /** The files have nothing that came later. */
  readonly takenAt: string;
  readonly volumes: number;
  readonly schema: SchemaMode;
  readonly rows: number;
  /** As the management data had it: in a strict database it says what may be written. */
  readonly series: readonly SeriesDefinition[];
  /** The first journal file that a recovery up to a later time reads after these files; null: the engine ships no journal. */
  readonly journal: JournalPlace | null;
  readonly files: readonly ManifestFile[];
  /** Figures of every series and day, taken before and after the files were (backup-figures.ts). */
  readonly figures: { readonly before: ManifestObject; readonly after: ManifestObject };
}

export interface ManifestObject {
  readonly object: string;
  readonly sha256: string;
}

/** An object is not what the manifest says, or the manifest itself is not whole: no backup to restore from. */
export class BackupDamaged extends Error {}

export function backupPrefix(databaseId: string): string {
  return `backups/${databaseId}/`;
}

export function manifestKey(databaseId: string, backup: string): string {
  return `${backupPrefix(databaseId)}${backup}.json`;
}

/**
 * Objects are named by the backup that uploaded them and by what they hold. No key is ever written by two backups: what a sweep found to be
 * named by nobody stays so for ever.
 */
export function objectsPrefix(databaseId: string): string {
  return `${backupPrefix(databaseId)}objects/`;
}

export function objectKey(databaseId: string, backup: string, name: string): string {
  return `${objectsPrefix(databaseId)}${backup}/${name}`;
}

/** The backup that uploaded the object. */
export function uploaderOf(databaseId: string, key: string): string {
  return key.slice(objectsPrefix(databaseId).length).split('/')[0]!;
}

/** Every object that the manifest names. */
export function objectsOf({ files, figures }: BackupManifest): string[] {
  return [...files.map(({ object }) => object), figures.before.object, figures.after.object];
}

export function manifestText(manifest: BackupManifest): string {
  const body = JSON.stringify(manifest);
  return `${sha256(body)}\n${body}\n`;
}

/** `key` is where the text came from. */
export function readManifestText(key: string, text: string): BackupManifest {
  const [sum, body = ''] = text.split('\n');
  if (sha256(body) !== sum) throw new BackupDamaged(`the manifest ${key} is damaged`);
  const manifest = JSON.parse(body) as BackupManifest;
  if (manifest.format !== 1) throw new BackupDamaged(`the manifest ${key} has format ${manifest.format}, not 1`);
  return manifest;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
