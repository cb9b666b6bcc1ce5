// What became of a write that was queued.

import { buffer } from 'node:stream/consumers';
import { apiError } from '../base/errors.ts';
import { ObjectNotFound, type ObjectStore, ObjectStoreFault } from '../base/object-store.ts';
import { batchesKeptDays, batchTimeMs, markerKey, outcomeKey, readReceiptId } from '../ingest/batch-name.ts';
import { type BatchOutcome, outcomeOf } from '../ingest/outcome.ts';
import { dataAccess } from './access.ts';
import { replyJson } from './reply.ts';
import type { Context, Step } from './step.ts';

export const getReceipt: Step[] = [
  ...dataAccess('write'),
  async function getReceipt(context: Context): Promise<void> {
    const { id: databaseId, name: database } = context.database!;
    const receipt = context.params['receipt']!;
    const place = readReceiptId(receipt);
    const state = place && (await stateOf(context.services.objects, databaseId, place.name));
    const outcome = typeof state === 'object' ? outcomeOf(state, place!.request) : state;
    if (!place || !outcome) throw apiError('ReceiptNotFound', { receipt, database, days: batchesKeptDays });
    const queuedAt = new Date(batchTimeMs(place.name)).toISOString();
    const told = typeof state === 'object' ? { ...(outcome as object), appliedAt: state.at } : { state: outcome };
    replyJson(context, 200, { receipt, queuedAt, ...told });
  },
];

type State = BatchOutcome | 'queued' | undefined;

async function stateOf(objects: ObjectStore, databaseId: string, name: string): Promise<State> {
  try {
    const outcome = await readOutcome(objects, databaseId, name);
    if (outcome) return outcome;
    if (await objects.head(markerKey(databaseId, name))) return 'queued';
    // It may have been applied between the two looks.
    return await readOutcome(objects, databaseId, name);
  } catch (error) {
    if (error instanceof ObjectStoreFault) throw apiError('ObjectStoreUnavailable', {}, { cause: error });
    throw error;
  }
}

async function readOutcome(objects: ObjectStore, databaseId: string, name: string): Promise<BatchOutcome | undefined> {
  try {
    return JSON.parse((await buffer(await objects.get(outcomeKey(databaseId, name)))).toString()) as BatchOutcome;
  } catch (error) {
    if (error instanceof ObjectNotFound) return undefined;
    throw error;
  }
}
