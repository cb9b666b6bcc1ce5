import { type ApiError, apiError, type ErrorCode, errorRegistry } from '../base/errors.ts';
import type { Engine } from '../kdb/engine.ts';
import { ConnectionLost, EngineError } from '../kdb/engine-error.ts';
import { isSame } from '../kdb/engines.ts';
import type { Context } from './step.ts';

/**
 * Calls the engine of the request's database. When nobody answers there, or no writes are taken, the database may have moved since its record
 * was cached: the record is read afresh and, if it names another place, the call is made once more there. Calls are safe to repeat: inserts
 * carry a batch id.
 */
export async function engineCall<T>(context: Context, call: (engine: Engine) => Promise<T>): Promise<T> {
  const startedMs = performance.now();
  try {
    return await callWhereItIs(context, call);
  } finally {
    context.engineMs = (context.engineMs ?? 0) + performance.now() - startedMs;
  }
}

async function callWhereItIs<T>(context: Context, call: (engine: Engine) => Promise<T>): Promise<T> {
  const { engines, management } = context.services;
  try {
    return await call(engines.client(context.database!));
  } catch (error) {
    const mayHaveMoved =
      error instanceof ConnectionLost || (error instanceof EngineError && error.code === 'DatabaseHeld');
    if (!mayHaveMoved) throw fromEngine(context.database!.name, error);
    const { accountId, name, endpoint } = context.database!;
    const database = await management.databases.getDatabase(accountId, name, { fresh: true });
    if (!database) throw apiError('DatabaseNotFound', { database: name });
    const moved = database.endpoint && !isSame(database.endpoint, endpoint!);
    if (!moved) throw fromEngine(name, error);
    context.database = database;
    return await call(engines.client(database)).catch((again: unknown) => {
      throw fromEngine(name, again);
    });
  }
}

/** Engine codes that have another name outside. */
const outside: Partial<Record<EngineError['code'], ErrorCode>> = {
  EngineBusy: 'DatabaseOverloaded',
  Cancelled: 'DatabaseUnavailable',
  CatalogueChanged: 'Conflict',
};

/** As the API has it. */
export function fromEngine(database: string, error: unknown): unknown {
  if (error instanceof ConnectionLost) return apiError('DatabaseUnavailable', { database }, { cause: error });
  if (!(error instanceof EngineError)) return error;
  const code = outside[error.code] ?? error.code;
  if (!(code in errorRegistry)) return apiError('InternalError', {}, { cause: error });
  return apiError(
    code as ErrorCode,
    { database, what: `Database ${database}`, ...error.details },
    { cause: error },
  ) satisfies ApiError;
}
