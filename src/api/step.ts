import type { Request, RequestHandler, Response } from 'restify';
import type { ApiError } from '../base/errors.ts';
import { type Log, logAtOnce } from '../base/log.ts';
import { nameRequest } from '../base/segments.ts';
import { inTrace } from '../base/trace.ts';
import type { Batch } from '../ingest/index.ts';
import type { Account, Database, Token, User } from '../management/records.ts';
import type { Written } from './insert.ts';
import { replyError } from './reply.ts';
import { nextRequestIds, type RequestIds } from './request-ids.ts';
import type { Services } from './services.ts';

/** One request on its way through its steps. A step reads what earlier steps put here and adds its own. */
export interface Context extends RequestIds {
  readonly services: Services;
  readonly request: Request;
  readonly response: Response;
  /** Name of the route: log field, metric label, test title. */
  readonly route: string;
  readonly log: Log;
  /** Path parameters, decoded; where the database is named elsewhere, set by `nameDatabase`. */
  params: Readonly<Record<string, string>>;
  /** Of an API that speaks of errors in another way. */
  errorBody?: (context: Context, error: ApiError) => object;
  /** Set by `authenticate`. */
  token?: Token;
  /** Set by `authenticate`: the token's. */
  account?: Account;
  /** Set by `authenticate` when the token is a user's. */
  user?: User;
  /** Set by `findDatabase`. */
  database?: Database;
  /** Set by `readBody`: decompressed. */
  body?: Buffer;
  /** Set by `readJson`: parsed and checked. */
  json?: unknown;
  /** Set by `readParameters`: the query string, checked. */
  parameters?: Parameters;
  /** Set by `decode`: the points of the body. */
  batch?: Batch;
  /** Set by `decode`: good points are written beside bad ones. */
  isPartial?: boolean;
  /** Set by `insert`. */
  written?: Written;
  /** Set by queries: sends what was found. */
  respond?: () => void | Promise<void>;
  /** Set by `queue`, and by `insert` when the database is away: it is written later. */
  receipt?: string;
  /** What calls of the engine took so far, added up. */
  engineMs?: number;
}

export type Parameters = Readonly<Record<string, string | readonly string[]>>;

/** A named function; it throws an ApiError to end the request. */
export type Step = (context: Context) => void | Promise<void>;

/** Makes a restify handler of a route's steps: runs them in order, turns what is thrown into a reply, logs the request once. */
export function handler(services: Services, route: string, steps: readonly Step[]): RequestHandler {
  const count = services.metrics.requestCounter(route);
  const level = probes.includes(route) ? 'debug' : 'info';
  return (request: Request, response: Response, next: () => void) => {
    const startedMs = performance.now();
    const { requestId, traceparent } = nextRequestIds(request);
    nameRequest(route);
    const context: Context = {
      services,
      request,
      response,
      route,
      requestId,
      traceparent,
      log: services.log,
      params: request.params as Record<string, string>,
    };

    let stepMs = startedMs;
    let shownSteps: Record<string, number> | undefined;

    // A promise per request would cost 5 µs, and most steps wait for nothing.
    function run(from: number): void {
      for (let i = from; i < steps.length; i++) {
        const step = steps[i]!;
        try {
          const pending = step(context);
          if (pending) {
            pending.then(
              () => {
                ended(step);
                run(i + 1);
              },
              (error: unknown) => fail(step, error),
            );
            return;
          }
          ended(step);
        } catch (error) {
          fail(step, error);
          return;
        }
      }
      finish();
    }

    function ended({ name }: Step): void {
      const nowMs = performance.now();
      if (nowMs - stepMs >= leastShownMs) {
        shownSteps ??= {};
        shownSteps[name] = toThousandths(nowMs - stepMs);
      }
      stepMs = nowMs;
    }

    function fail(step: Step, error: unknown): void {
      ended(step);
      finish(step.name, replyError(context, error));
    }

    function finish(failedIn?: string, fault?: unknown): void {
      const durationMs = performance.now() - startedMs;
      count(response.statusCode, durationMs);
      next();
      logAtOnce(services.log, {
        level,
        message: 'request',
        route,
        status: response.statusCode,
        durationMs: toThousandths(durationMs),
        ...(shownSteps && { stepsMs: shownSteps }),
        ...(context.engineMs !== undefined && { engineMs: toThousandths(context.engineMs) }),
        ...(context.token && { account: context.token.accountId }),
        ...(context.database && { database: context.database.id }),
        ...(failedIn && { failedIn, error: fault }),
      });
    }

    inTrace(traceparent, { requestId }, () => run(0));
  };
}

/** Steps that take less are not in the line of a request: most of the dozen wait for nothing. */
const leastShownMs = 0.1;

function toThousandths(value: number): number {
  return Math.round(value * 1000) / 1000;
}

/** Asked every few seconds by whatever watches the process. */
const probes: readonly string[] = ['health', 'ready'];

/** Made once: the reason that abort() makes itself carries a stack. */
const hungUp = new Error('the client hung up');

/** Aborted when the client hangs up before it has its reply. */
export function clientGone(context: Context): AbortSignal {
  const controller = new AbortController();
  context.response.once('close', () => {
    if (!context.response.writableEnded) controller.abort(hungUp);
  });
  return controller.signal;
}
