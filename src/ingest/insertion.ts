// A batch into a database that may refuse points of it.

import type { InsertPart, InsertReceipt } from '../kdb/engine.ts';
import { EngineError } from '../kdb/engine-error.ts';
import type { Batch } from './batch.ts';
import { maxNamed } from './fault-list.ts';
import { refusedPoints, withoutRefused } from './faults.ts';

/** An engine names one cause at a time, and is asked again without the points that it means. So often, or nothing is written. */
const maxRefusals = 32;

export interface Insertion {
  /** With what was refused among its faults. */
  readonly batch: Batch;
  /** Undefined: nothing of it was written. */
  readonly receipt: InsertReceipt | undefined;
}

/** `insert` throws an EngineError, or what has one as its cause. What is not about points is thrown on. */
export async function insertGood(
  decoded: Batch,
  isPartial: boolean,
  insert: (parts: readonly InsertPart[]) => Promise<InsertReceipt>,
): Promise<Insertion> {
  let batch = decoded;
  for (let refusals = 0; batch.points > 0; refusals++) {
    try {
      return { batch, receipt: await insert(batch.parts) };
    } catch (error) {
      const refusal = error instanceof EngineError ? error : (error as Error).cause;
      if (!(refusal instanceof EngineError)) throw error;
      const rest = isPartial && refusals < maxRefusals ? withoutRefused(batch, refusal, maxNamed) : null;
      const refused = rest ?? refusedPoints(batch, refusal);
      if (refused === null) throw error;
      if (rest === null) return { batch: { ...batch, ...refused }, receipt: undefined };
      batch = rest;
    }
  }
  return { batch, receipt: undefined };
}
