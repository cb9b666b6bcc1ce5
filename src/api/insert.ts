// A decoded batch into the database of the request, and what became of it: formats and answers are of others.

import { apiError, type PointFault } from '../base/errors.ts';
import { AllowedTimes } from '../ingest/allowed-times.ts';
import { maxNamed } from '../ingest/fault-list.ts';
import { refusedPoints, withoutRefused } from '../ingest/faults.ts';
import type { Batch, DecodeOptions, Decoder } from '../ingest/index.ts';
import { namedBatchId, nextBatchId } from '../kdb/batch-id.ts';
import type { InsertBatch, InsertReceipt } from '../kdb/engine.ts';
import { EngineError } from '../kdb/engine-error.ts';
import { engineCall } from './engine-call.ts';
import { tellPosition } from './position.ts';
import type { Context } from './step.ts';
import { defineMissing } from './strict-series.ts';

/** Of a body that writes nothing: reading it took as long as if it did. */
const bytesPerPoint = 100;
/** An engine names one cause at a time, and is asked again without the points that it means. So often, or nothing is written. */
const maxRefusals = 32;

/** What became of the points of a body. */
export interface Written {
  readonly accepted: number;
  /** Points of the body, bad ones included. */
  readonly lines: number;
  /** The first 100 by name. */
  readonly faults: readonly PointFault[];
  readonly faultCount: number;
  /** A request with the same Idempotency-Key was applied before, and this one changed nothing. */
  readonly repeated: boolean;
}

type BodyOptions = Pick<DecodeOptions, 'precision' | 'table' | 'partial'>;

/** With `partial`, good points are written beside bad ones. */
export function decodeBody(context: Context, decoder: Decoder, options: BodyOptions): void {
  const nowNs = context.services.nowNs();
  const times = new AllowedTimes(context.database!, nowNs);
  context.isPartial = options.partial ?? false;
  try {
    context.batch = decoder(context.body!, { ...options, nowNs, times });
  } catch (error) {
    takeUnwritten(context, 0);
    throw error;
  }
}

function takeUnwritten({ services, account, body }: Context, lines: number): void {
  services.throttle.take(account!, 'pointsPerSecond', Math.max(lines, Math.ceil(body!.length / bytesPerPoint)));
}

/** Step: the batch is applied, or each of its points that is not has a fault. */
export async function insert(context: Context): Promise<void> {
  const batch = context.batch!;
  if (batch.points > 0) {
    context.written = await insertBatch(context, batch);
  } else {
    takeUnwritten(context, batch.lines);
    context.written = writtenOf(batch, 0, false);
  }
}

export function badLines({ accepted, faults, faultCount, lines }: Written): Error {
  return apiError(
    accepted > 0 ? 'PartialWrite' : 'InvalidLines',
    { rejected: faultCount, lines, accepted },
    { extra: { accepted, rejected: faultCount, errors: faults } },
  );
}

async function insertBatch(context: Context, decoded: Batch): Promise<Written> {
  const { throttle, meter } = context.services;
  const batchId = batchIdOf(context);
  // Others of the account may have come in while the body did. From here to the count nothing else runs.
  throttle.check(context.account!, 'pointsPerSecond');
  throttle.take(context.account!, 'pointsPerSecond', decoded.lines);
  let batch = decoded;
  for (let refusals = 0; batch.points > 0; refusals++) {
    try {
      const receipt = await insertDefined(context, { batchId, parts: batch.parts });
      tellPosition(context, receipt);
      meter.addPoints(context.database!, Number(receipt.rows));
      return writtenOf(batch, batch.points, receipt.rows === 0n);
    } catch (error) {
      const cause = (error as Error).cause;
      if (!(cause instanceof EngineError)) throw error;
      const rest = context.isPartial && refusals < maxRefusals ? withoutRefused(batch, cause, maxNamed) : null;
      const refused = rest ?? refusedPoints(batch, cause);
      if (refused === null) throw error;
      if (rest === null) return writtenOf({ ...batch, ...refused }, 0, false);
      batch = rest;
    }
  }
  return writtenOf(batch, 0, false);
}

function writtenOf({ lines, faults, faultCount }: Batch, accepted: number, repeated: boolean): Written {
  return { accepted, lines, faults, faultCount, repeated };
}

async function insertDefined(context: Context, batch: InsertBatch): Promise<InsertReceipt> {
  const { follower } = context.services;
  const insert = (): Promise<InsertReceipt> => engineCall(context, (engine) => engine.insert(batch));
  if (context.database!.schema === 'flexible') return follower.watch(context.database!, batch.parts, insert);
  try {
    return await insert();
  } catch (error) {
    const cause = (error as Error).cause;
    if (!(cause instanceof EngineError) || !(await defineMissing(context, batch.parts, cause))) throw error;
    return insert();
  }
}

/** A request with an Idempotency-Key changes nothing the second time: the key, within its database, is the batch's name. */
function batchIdOf(context: Context): Buffer {
  const key = context.request.headers['idempotency-key'];
  return key === undefined ? nextBatchId() : namedBatchId(`${key}`);
}
