import { text } from 'node:stream/consumers';
import { ObjectNotFound, type ObjectStore } from '../../src/base/object-store.ts';
import {
  BackupDamaged,
  type BackupManifest,
  manifestKey,
  readManifestText,
} from '../../src/management/backup-manifest.ts';
import type { Backup } from '../../src/management/records.ts';

export async function loadManifest(
  store: ObjectStore,
  { databaseId, id }: Pick<Backup, 'databaseId' | 'id'>,
): Promise<BackupManifest> {
  const key = manifestKey(databaseId, id);
  try {
    return readManifestText(key, await text(await store.get(key)));
  } catch (error) {
    if (error instanceof ObjectNotFound) throw new BackupDamaged(`the manifest ${key} is missing`);
    throw error;
  }
}
