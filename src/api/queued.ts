// Writes that are stored and written later: because the caller asks for it, or because the database is away and its owner has chosen so.

import { ApiError, type ErrorCode } from '../base/errors.ts';
import type { Batch } from '../ingest/batch.ts';
import { receiptId } from '../ingest/batch-name.ts';
import { EngineError } from '../kdb/engine-error.ts';
import { fromEngine } from './engine-call.ts';
import type { Context } from './step.ts';

/** Nobody takes writes there now, or nobody said that they were taken. */
const away: readonly ErrorCode[] = ['DatabaseUnavailable', 'DatabaseOverloaded', 'DatabaseHeld', 'DeadlineExceeded'];

/** The batch is stored, and the request has its receipt. Without a batch id it gets one by its place. */
export async function keep(context: Context, batch: Batch, batchId: Uint8Array | undefined): Promise<void> {
  const { writeQueue, nowNs } = context.services;
  const { id, accountId, name } = context.database!;
  const isPartial = context.isPartial ?? false;
  try {
    const request = { batch, batchId, isPartial, arrivedNs: nowNs(), traceparent: context.traceparent };
    context.receipt = receiptId(await writeQueue.add({ id, accountId, name }, request));
  } catch (error) {
    throw error instanceof EngineError ? fromEngine(name, error) : error;
  }
}

/** Whether what the database did not take is kept for it. */
export function spills({ database }: Context, error: unknown): boolean {
  return database!.spill && error instanceof ApiError && away.includes(error.code);
}
