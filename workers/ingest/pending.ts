// Stored batches that wait for their database, oldest first.

import { buffer } from 'node:stream/consumers';
import { ObjectNotFound, type ObjectStore } from '../../src/base/object-store.ts';
import { batchKey, batchPrefixes, markerKey, outcomeKey, placeOf } from '../../src/ingest/batch-name.ts';
import type { BatchOutcome } from '../../src/ingest/outcome.ts';
import { BatchDamaged, decodeStoredBatch, type ReplayMarker, type StoredBatch } from '../../src/ingest/stored-batch.ts';

export interface PendingBatch {
  readonly name: string;
  readonly atMs: number;
  /** Or why it cannot be read, ever. */
  readonly stored: StoredBatch | BatchDamaged;
}

interface Marker {
  readonly name: string;
  readonly atMs: number;
  readonly isReplay: boolean;
}

/** The oldest, at most so many and so many bytes, but one at least. */
export async function readPending(
  objects: ObjectStore,
  databaseId: string,
  limits: { readonly batches: number; readonly bytes: number },
): Promise<PendingBatch[]> {
  const pending: PendingBatch[] = [];
  let bytes = 0;
  for (const marker of await oldestMarkers(objects, databaseId, limits.batches)) {
    const { stored, size } = await readBatch(objects, databaseId, marker);
    if (pending.length > 0 && bytes + size > limits.bytes) break;
    bytes += size;
    pending.push({ name: marker.name, atMs: marker.atMs, stored });
  }
  return pending;
}

async function oldestMarkers(objects: ObjectStore, databaseId: string, most: number): Promise<Marker[]> {
  const markers: Marker[] = [];
  for await (const { key, bytes, at } of objects.list(`${batchPrefixes.queued}${databaseId}/`)) {
    const place = placeOf(key);
    if (place) markers.push({ name: place.name, atMs: at.getTime(), isReplay: bytes > 0 });
    if (markers.length === most) break;
  }
  return markers;
}

async function readBatch(
  objects: ObjectStore,
  databaseId: string,
  { name, isReplay }: Marker,
): Promise<{ stored: StoredBatch | BatchDamaged; size: number }> {
  try {
    const replay = isReplay ? await readMarker(objects, databaseId, name) : undefined;
    const bytes = await buffer(await objects.get(replay?.batch ?? batchKey(databaseId, name)));
    const stored = decodeStoredBatch(bytes);
    const database = replay?.database ?? stored.database;
    if (database.id !== databaseId) throw new BatchDamaged(`it is of database ${database.id}`);
    return { stored: { ...stored, database }, size: bytes.length };
  } catch (error) {
    if (error instanceof BatchDamaged) return { stored: error, size: 0 };
    if (error instanceof ObjectNotFound) return { stored: new BatchDamaged('its points are gone'), size: 0 };
    throw error;
  }
}

async function readMarker(objects: ObjectStore, databaseId: string, name: string): Promise<ReplayMarker> {
  try {
    return JSON.parse((await buffer(await objects.get(markerKey(databaseId, name)))).toString()) as ReplayMarker;
  } catch (error) {
    if (error instanceof SyntaxError) throw new BatchDamaged('its marker cannot be read');
    throw error;
  }
}

/** A worker that ended between an outcome and its marker has left both; it was at the oldest. */
export async function finishOldest(objects: ObjectStore, databaseId: string): Promise<void> {
  const [oldest] = await oldestMarkers(objects, databaseId, 1);
  if (oldest && (await objects.head(outcomeKey(databaseId, oldest.name))))
    await objects.remove(markerKey(databaseId, oldest.name));
}

export async function finish(
  objects: ObjectStore,
  databaseId: string,
  name: string,
  outcome: BatchOutcome,
): Promise<void> {
  await objects.put(outcomeKey(databaseId, name), JSON.stringify(outcome));
  await objects.remove(markerKey(databaseId, name));
}
