// What belongs to no backup any more is removed: manifests of those that expire, objects that no manifest names, journals that are older
// than every backup.
//
// A backup that is being made loses nothing, without any lock. Each backup uploads under keys of its own, its record is there before its
// first object, and the backup whose objects it may name besides cannot expire meanwhile. So the objects are listed first and the records
// read after that: an object that is named by no backup then will never be named by one, even if the sweep stops here for an hour.

import type { ObjectStore } from '../../src/base/object-store.ts';
import { manifestKey, objectsOf, objectsPrefix, uploaderOf } from '../../src/management/backup-manifest.ts';
import type { Backups } from '../../src/management/backups.ts';
import type { Backup } from '../../src/management/records.ts';
import { shippedChecksumKey } from '../../src/management/shipped-journal.ts';
import { shippedJournals, uselessJournals } from './journals.ts';
import { loadManifest } from './stored-manifest.ts';

export interface SweepOptions {
  readonly databaseId: string;
  /** There will be no other backup of it. */
  readonly isGone: boolean;
  readonly backups: Pick<Backups, 'listBackups' | 'remove'>;
  readonly objects: ObjectStore;
  readonly signal: AbortSignal;
}

/** Gives how many objects it removed. */
export async function sweepBackups({ databaseId, isGone, backups, objects, signal }: SweepOptions): Promise<number> {
  const expiring = (await backups.listBackups(databaseId)).filter(({ status }) => status === 'expiring');
  for (const { id } of expiring) await objects.remove(manifestKey(databaseId, id));
  const stored = await keysOf(objects, objectsPrefix(databaseId));
  const records = await backups.listBackups(databaseId);
  const named = await namedBy(records, objects);
  const running = new Set(records.flatMap(({ id, status }) => (status === 'running' ? [id] : [])));
  const unnamed = stored.filter((key) => !named.has(key) && !running.has(uploaderOf(databaseId, key)));
  const useless = uselessJournals(await shippedJournals(objects, databaseId), records, isGone);
  const journals = useless.flatMap((file) => [file.key, shippedChecksumKey(databaseId, file)]);
  for (const key of [...unnamed, ...journals]) {
    signal.throwIfAborted();
    await objects.remove(key);
  }
  for (const backup of expiring) await backups.remove(backup);
  return unnamed.length + journals.length;
}

async function keysOf(objects: ObjectStore, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of objects.list(prefix)) keys.push(key);
  return keys;
}

/** A manifest that cannot be read ends the sweep: nobody knows what it named. */
async function namedBy(records: readonly Backup[], objects: ObjectStore): Promise<ReadonlySet<string>> {
  const named = new Set<string>();
  for (const record of records) {
    if (record.status !== 'complete') continue;
    for (const object of objectsOf(await loadManifest(objects, record))) named.add(object);
  }
  return named;
}
