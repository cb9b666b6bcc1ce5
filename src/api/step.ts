import type { Request, Response } from 'restify';
import type { Log } from '../base/log.ts';
import type { Database, Token } from '../management/records.ts';
import type { Services } from '../server.ts';

/** One request on its way through its steps. A step reads what earlier steps put here and adds its own. */
export interface Context {
  readonly services: Services;
  readonly request: Request;
  readonly response: Response;
  /** Name of the route: log field, metric label and test title. */
  readonly route: string;
  readonly requestId: string;
  readonly log: Log;
  readonly startedMs: number;
  /** Path parameters, decoded. */
  readonly params: Readonly<Record<string, string>>;
  /** Set by `authenticate`. */
  token?: Token;
  /** Set by `findDatabase`. */
  database?: Database;
  /** Set by `readBody` (decompressed) and `readJson` (parsed and checked). */
  body?: Buffer;
  json?: unknown;
  /** Query parameters, checked, by `readParameters`. */
  parameters?: Readonly<Record<string, unknown>>;
}

/** A named function; it throws an ApiError to end the request. */
export type Step = (context: Context) => void | Promise<void>;
