import { apiError } from '../base/errors.ts';
import { refusedPoints } from '../ingest/faults.ts';
import { type Batch, decoderFor, type Precision } from '../ingest/index.ts';
import { namedBatchId, nextBatchId } from '../kdb/batch-id.ts';
import type { InsertBatch, InsertReceipt } from '../kdb/engine.ts';
import { EngineError } from '../kdb/engine-error.ts';
import { dataAccess, withinRate, withinStorage } from './access.ts';
import { readBody } from './body.ts';
import { engineCall } from './engine-call.ts';
import { tellPosition } from './position.ts';
import { replyJson } from './reply.ts';
import { readParameters } from './schema.ts';
import type { Context, Step } from './step.ts';
import { defineMissing } from './strict-series.ts';
import { tableOf, tableParameters } from './table.ts';

/** Of a body that writes nothing: reading it took as long as if it did. */
const bytesPerPoint = 100;

export const write: Step[] = [
  ...dataAccess('write'),
  withinStorage,
  withinRate('pointsPerSecond'),
  readParameters({
    type: 'object',
    additionalProperties: false,
    properties: { precision: { enum: ['ns', 'us', 'ms', 's'] }, ...tableParameters },
  }),
  readBody,
  decode,
  insert,
  function reply(context: Context): void {
    const batch = context.batch!;
    if (batch.faultCount > 0) throw invalidLines(batch);
    replyJson(context, 200, { accepted: batch.points, rejected: 0, errors: [] });
  },
];

function decode(context: Context): void {
  const { nowNs } = context.services;
  const decoder = decoderFor(context.request.headers['content-type']);
  const precision = (context.parameters!['precision'] ?? 'ns') as Precision;
  const table = tableOf(context.parameters!);
  try {
    context.batch = decoder(context.body!, { precision, nowNs: nowNs(), ...(table && { table }) });
  } catch (error) {
    takeUnwritten(context, 0);
    throw error;
  }
}

function takeUnwritten({ services, account, body }: Context, lines: number): void {
  services.throttle.take(account!, 'pointsPerSecond', Math.max(lines, Math.ceil(body!.length / bytesPerPoint)));
}

async function insert(context: Context): Promise<void> {
  const { throttle, meter } = context.services;
  const batch = context.batch!;
  if (batch.points === 0) return takeUnwritten(context, batch.lines);
  const batchId = batchIdOf(context);
  // Others of the account may have come in while the body did. From here to the count nothing else runs.
  throttle.check(context.account!, 'pointsPerSecond');
  throttle.take(context.account!, 'pointsPerSecond', batch.points);
  try {
    const receipt = await insertDefined(context, { batchId, parts: batch.parts });
    tellPosition(context, receipt);
    meter.addPoints(context.database!, Number(receipt.rows));
  } catch (error) {
    const cause = (error as Error).cause;
    if (cause instanceof EngineError) {
      const refused = refusedPoints(batch, cause);
      if (refused) throw invalidLines({ ...batch, ...refused });
    }
    throw error;
  }
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

function invalidLines({ faults, faultCount, lines }: Pick<Batch, 'faults' | 'faultCount' | 'lines'>): Error {
  return apiError(
    'InvalidLines',
    { rejected: faultCount, lines },
    { extra: { accepted: 0, rejected: faultCount, errors: faults } },
  );
}
