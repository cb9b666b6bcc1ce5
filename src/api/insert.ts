// A decoded batch into the database of the request, and what became of it: formats and answers are of others.

import { randomUUID } from 'node:crypto';
import { apiError, type PointFault } from '../base/errors.ts';
import { AllowedTimes } from '../ingest/allowed-times.ts';
import type { Batch, DecodeOptions, Decoder } from '../ingest/index.ts';
import { insertGood } from '../ingest/insertion.ts';
import { type Lag, lagOf } from '../ingest/lag.ts';
import { namedBatchId, nextBatchId } from '../kdb/batch-id.ts';
import type { InsertBatch, InsertReceipt, SeriesDefinition } from '../kdb/engine.ts';
import { EngineError } from '../kdb/engine-error.ts';
import { engineCall } from './engine-call.ts';
import { tellPosition } from './position.ts';
import { keep, spills } from './queued.ts';
import type { Context } from './step.ts';
import { defineMissing } from './strict-series.ts';

/** Of a body that writes nothing: reading it took as long as if it did. */
const bytesPerPoint = 100;

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
  /** Points that were not newer than the newest of their tag set. */
  readonly late: number;
  /** Seconds from the times of the newest and the oldest point to their arrival; null when none was accepted. */
  readonly lagS: Lag | null;
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
    context.written = unwritten(batch);
  }
}

/** What is told of a write. */
export function receiptOf({ accepted, faults, faultCount, repeated, late, lagS }: Written): object {
  return {
    ...{ accepted, rejected: faultCount, errors: faults },
    ...(lagS && { late, lagS }),
    ...(repeated && { repeated }),
  };
}

export function badLines(written: Written): Error {
  const { accepted, faultCount, lines } = written;
  const code = accepted > 0 ? 'PartialWrite' : 'InvalidLines';
  return apiError(code, { rejected: faultCount, lines, accepted }, { extra: { ...receiptOf(written) } });
}

/** Step: as `insert`, but later: the batch is stored. */
export async function queue(context: Context): Promise<void> {
  const batch = context.batch!;
  if (batch.points === 0) return insert(context);
  takePoints(context, batch);
  await keep(context, batch, chosenBatchId(context));
  const { writes, nowNs } = context.services;
  writes.add(context.database!.id, 0, lagOf(batch.span!, nowNs()).newest);
  context.written = { ...unwritten(batch), accepted: batch.points };
}

async function insertBatch(context: Context, decoded: Batch): Promise<Written> {
  const { meter, writes, nowNs } = context.services;
  const lagS = lagOf(decoded.span!, nowNs());
  takePoints(context, decoded);
  // Of one that may be kept for days the database has to know for as long whether it was applied.
  const batchId = chosenBatchId(context) ?? (context.database!.spill ? namedBatchId(randomUUID()) : nextBatchId());
  try {
    const { batch, receipt } = await insertGood(decoded, context.isPartial ?? false, (parts) =>
      insertDefined(context, { batchId, parts }),
    );
    if (!receipt) return unwritten(batch);
    tellPosition(context, receipt);
    meter.addPoints(context.database!, Number(receipt.rows));
    const late = Number(receipt.late);
    const repeated = receipt.rows === 0n;
    if (!repeated) writes.add(context.database!.id, late, lagS.newest);
    return { ...unwritten(batch), accepted: batch.points, repeated, late, lagS };
  } catch (error) {
    if (!spills(context, error)) throw error;
    await keep(context, decoded, batchId);
    return { ...unwritten(decoded), accepted: decoded.points };
  }
}

/** Others of the account may have come in while the body did. From the check to the count nothing else runs. */
function takePoints({ services, account }: Context, { lines }: Batch): void {
  services.throttle.check(account!, 'pointsPerSecond');
  services.throttle.take(account!, 'pointsPerSecond', lines);
}

function unwritten({ lines, faults, faultCount }: Batch): Written {
  return { accepted: 0, lines, faults, faultCount, repeated: false, late: 0, lagS: null };
}

async function insertDefined(context: Context, batch: InsertBatch): Promise<InsertReceipt> {
  const { follower } = context.services;
  const insert = (): Promise<InsertReceipt> => engineCall(context, (engine) => engine.insert(batch));
  if (context.database!.schema === 'flexible') return follower.watch(context.database!, batch.parts, insert);
  try {
    return await insert();
  } catch (error) {
    const cause = (error as Error).cause;
    const { series } = context.services.management;
    const define = (definition: SeriesDefinition) => engineCall(context, (engine) => engine.define(definition));
    if (!(cause instanceof EngineError)) throw error;
    if (!(await defineMissing(series, context.database!, batch.parts, cause, define))) throw error;
    return insert();
  }
}

/** A request with an Idempotency-Key changes nothing the second time: the key, within its database, is the batch's name. */
function chosenBatchId({ request }: Context): Buffer | undefined {
  const key = request.headers['idempotency-key'];
  return key === undefined ? undefined : namedBatchId(`${key}`);
}
