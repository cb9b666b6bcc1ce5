// Queries of an export: again when the database does not answer, also at another address when it was moved meanwhile.

import { setTimeout as delay } from 'node:timers/promises';
import type { Engine, QueryResult, QuerySpec } from '../../src/kdb/engine.ts';
import { EngineError, type EngineErrorCode } from '../../src/kdb/engine-error.ts';
import { type Connection, Permanent } from '../kinds/kind.ts';

const attempts = 8;
const firstDelayMs = 250;
interface DatabaseOptions {
  readonly connect: () => Promise<Connection>;
  readonly signal: AbortSignal;
}

/** The database answers with this. What it says may name what is inside the service: it is the cause. */
export class DatabaseFault extends Error {
  constructor(cause: unknown) {
    super(cause instanceof EngineError ? `the database answers with ${cause.code}` : 'the database does not answer', {
      cause,
    });
  }
}

export class ExportedDatabase {
  readonly #options: DatabaseOptions;
  #connection: Promise<Connection> | undefined;

  constructor(options: DatabaseOptions) {
    this.#options = options;
  }

  query(spec: QuerySpec): Promise<QueryResult> {
    return this.call((engine) => engine.query(spec, this.#options.signal));
  }

  async call<T>(work: (engine: Engine) => Promise<T>): Promise<T> {
    const { signal } = this.#options;
    for (let attempt = 1; ; attempt++) {
      try {
        this.#connection ??= this.#options.connect();
        return await work(await this.#connection);
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof Permanent || (error instanceof EngineError && !passing.includes(error.code))) throw error;
        if (attempt === attempts) throw new DatabaseFault(error);
        if (!(error instanceof EngineError)) await this.close();
        await delay(firstDelayMs * 2 ** (attempt - 1), undefined, { signal });
      }
    }
  }

  async close(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    await (await connection?.catch(() => undefined))?.close();
  }
}

/** Of the database, not of the query. A volume may come back, a damaged part be restored, a process be replaced by one without the bug. */
const passing: readonly EngineErrorCode[] = [
  ...(['EngineBusy', 'DatabaseHeld', 'DeadlineExceeded', 'Cancelled', 'StorageFull'] as const),
  ...(['StorageFailed', 'StorageDamaged', 'InternalError'] as const),
];
