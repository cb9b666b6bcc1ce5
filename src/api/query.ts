import { ApiError, apiError } from '../base/errors.ts';
import type { Engine, QueryResult, QuerySpec, SeriesInfo } from '../kdb/engine.ts';
import { parameterError, SpecFault, specError } from '../query/fault.ts';
import { latestRequestOf, requestOf } from '../query/parameters.ts';
import { needsTimes, planOf } from '../query/plan.ts';
import { isPageable, pagesOf } from '../query/raw-pages.ts';
import type { QueryRequest } from '../query/request.ts';
import { readLatestRequest, readQueryRequest } from '../query/request-schema.ts';
import { runPlan } from '../query/run.ts';
import { expressionsOf, matchTags, noMatches } from '../query/tag-regex.ts';
import { filterOf, type TagMatches } from '../query/where.ts';
import { dataAccess, withinRate } from './access.ts';
import { readBody } from './body.ts';
import { definition } from './definition.ts';
import { engineCall } from './engine-call.ts';
import { explained } from './explanation.ts';
import { askedPosition } from './position.ts';
import { replyJson } from './reply.ts';
import { formatOf, replyPages, replyRows } from './rows.ts';
import { queryString, readSpec } from './schema.ts';
import { logSlowQuery } from './slow-query.ts';
import { type Context, clientGone, type Step } from './step.ts';

export const askable: readonly Step[] = [...dataAccess('read'), withinRate('querySecondsPerMinute')];

export const query: Step[] = [
  ...askable,
  function query(context: Context): Promise<void> {
    const parameters = queryString(context);
    // All fields means all that there are now, so a remembered definition will not do.
    return answer(context, context.params['series']!, parameters['field'] === undefined, {
      requestOf: (series) => requestOf(series, parameters),
      errorOf: parameterError,
    });
  },
  reply,
];

export const querySpec: Step[] = [
  ...askable,
  readBody,
  readSpec(readQueryRequest),
  function querySpec(context: Context): Promise<void> {
    const request = context.json as QueryRequest;
    const isEverything = request.select === undefined && request.fields === undefined;
    return answer(context, request.series, isEverything, { requestOf: () => request, errorOf: specError });
  },
  reply,
];

export const latest: Step[] = [
  ...askable,
  function latest(context: Context): Promise<void> {
    const parameters = queryString(context);
    return answerLatest(context, context.params['series']!, {
      requestOf: (series) => latestRequestOf(series, parameters),
      errorOf: parameterError,
    });
  },
  reply,
];

export const latestSpec: Step[] = [
  ...askable,
  readBody,
  readSpec(readLatestRequest),
  function latestSpec(context: Context): Promise<void> {
    const request = context.json as QueryRequest;
    return answerLatest(context, request.series, { requestOf: () => request, errorOf: specError });
  },
  reply,
];

export function reply(context: Context): void | Promise<void> {
  return context.respond!();
}

/** How the request came: what it asks of a series, and how what is wrong with it is told. */
interface Form {
  readonly requestOf: (series: SeriesInfo) => QueryRequest;
  readonly errorOf: (thrown: unknown) => unknown;
}

async function answer(context: Context, series: string, fresh: boolean, form: Form): Promise<void> {
  const gone = clientGone(context);
  const seen = askedPosition(context);
  context.respond = await withDefinition(context, series, fresh, form, async (known, request) => {
    const asking = new Asking(context, gone, request);
    try {
      const info = needsTimes(request) && !fresh ? (await definition(context, series, true)).info : known;
      const matches = await asking.matches(info);
      const plan = planOf(info, request, context.services.nowNs(), matches);
      const query = (spec: QuerySpec): Promise<QueryResult> => asking.query({ ...spec, ...seen });
      if (request.explain) {
        const explanation = await explained(plan, query, (spec) =>
          asking.measured((engine, signal) => engine.explain({ ...spec, ...seen }, signal)),
        );
        return () => replyJson(context, 200, explanation);
      }
      const { timeFormat = 'iso' } = request;
      const format = formatOf(context, request.format);
      if (format !== 'json' && isPageable(plan, request)) {
        const pages = await pagesOf(plan, query);
        return () => replyPages(context, pages, format, timeFormat);
      }
      const { result, next } = await runPlan(plan, query);
      return () => replyRows(context, result, format, { interval: plan.interval, timeFormat, next });
    } catch (error) {
      throw asking.overTime(error);
    }
  });
}

async function answerLatest(context: Context, series: string, form: Form): Promise<void> {
  const gone = clientGone(context);
  const seen = askedPosition(context);
  context.respond = await withDefinition(context, series, false, form, async (info, request) => {
    const asking = new Asking(context, gone, request);
    try {
      const matches = await asking.matches(info);
      const where = request.where === undefined ? null : filterOf(info, request.where, matches);
      const { fields = [] } = request;
      for (const [i, field] of fields.entries())
        if (!info.fields.some(({ name }) => name === field))
          throw new SpecFault(`fields[${i}]`, apiError('FieldNotFound', { series, field }));
      const result = await asking.measured((engine, signal) =>
        engine.latest({ series, where, fields, ...seen }, signal),
      );
      const shown = { interval: null, timeFormat: request.timeFormat ?? 'iso', next: null };
      return () => replyRows(context, result, formatOf(context, request.format), shown);
    } catch (error) {
      throw asking.overTime(error);
    }
  });
}

/** The engine calls of one query: each counts, and all have to be done in the time that it was given. */
export class Asking {
  readonly #context: Context;
  readonly #where: QueryRequest['where'];
  readonly #timeoutMs: number | undefined;
  readonly #late: AbortSignal | undefined;
  readonly #signal: AbortSignal;

  constructor(context: Context, gone: AbortSignal, { where, timeoutMs }: Pick<QueryRequest, 'where' | 'timeoutMs'>) {
    this.#context = context;
    this.#where = where;
    this.#timeoutMs = timeoutMs;
    this.#late = timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs);
    this.#signal = this.#late ? AbortSignal.any([gone, this.#late]) : gone;
  }

  /** Expressions are matched with the values that the tags have. */
  async matches(series: SeriesInfo, where = this.#where, path = 'where'): Promise<TagMatches> {
    const expressions = expressionsOf(series, where, path);
    if (expressions.length === 0) return noMatches;
    const seen = askedPosition(this.#context);
    const tags = await this.measured((engine) => engine.tags(series.series, seen));
    return matchTags(expressions, tags, this.#signal);
  }

  async query(spec: QuerySpec): Promise<QueryResult> {
    const startedMs = performance.now();
    try {
      return await this.measured((engine, signal) => engine.query(spec, signal));
    } finally {
      logSlowQuery(this.#context, spec, performance.now() - startedMs);
    }
  }

  /** The time that the engine took counts also when it ends in an error. */
  async measured<T>(call: (engine: Engine, signal: AbortSignal) => Promise<T>): Promise<T> {
    const { throttle, meter } = this.#context.services;
    const startedMs = performance.now();
    try {
      this.#signal.throwIfAborted();
      return await engineCall(this.#context, (engine) => call(engine, this.#signal));
    } finally {
      const tookMs = performance.now() - startedMs;
      throttle.take(this.#context.account!, 'querySecondsPerMinute', tookMs / 1_000);
      meter.addQuery(this.#context.database!, tookMs);
    }
  }

  /** What stopped it may be its own time limit. */
  overTime(error: unknown): unknown {
    if (!this.#late?.aborted || error instanceof SpecFault) return error;
    return apiError('QueryTooLong', { timeoutMs: this.#timeoutMs! }, { cause: error });
  }
}

/** What a definition that is no longer true can look like. */
const stale: readonly string[] = [
  'SeriesNotFound',
  'FieldNotFound',
  'TagNotFound',
  'AggregationNotSupported',
  'FilterNotSupported',
  'InvalidRequest',
  'InvalidSpec',
];

/** Runs a query with the series' definition; with a fresh one, once more, when a remembered one may be why it failed. */
export async function withDefinition<T>(
  context: Context,
  series: string,
  fresh: boolean,
  { requestOf, errorOf }: Form,
  run: (series: SeriesInfo, request: QueryRequest) => Promise<T>,
): Promise<T> {
  const attempt = async (info: SeriesInfo): Promise<T> => {
    try {
      return await run(info, requestOf(info));
    } catch (error) {
      throw errorOf(error);
    }
  };
  const { info, cached } = await definition(context, series, fresh).catch((error: unknown) => {
    throw errorOf(error);
  });
  try {
    return await attempt(info);
  } catch (error) {
    if (!cached || !(error instanceof ApiError) || !stale.includes(error.code)) throw error;
    return await attempt((await definition(context, series, true)).info);
  }
}
