import { ApiError } from '../base/errors.ts';
import type { Engine, QueryResult, QuerySpec, SeriesDefinition } from '../kdb/engine.ts';
import { buildLatest, buildSpec } from '../query/parameters.ts';
import { dataAccess, withinRate } from './access.ts';
import { definition } from './definition.ts';
import { engineCall } from './engine-call.ts';
import { askedPosition } from './position.ts';
import { replyRows } from './rows.ts';
import { queryString } from './schema.ts';
import { logSlowQuery } from './slow-query.ts';
import { type Context, clientGone, type Step } from './step.ts';

export const query: Step[] = [
  ...dataAccess('read'),
  withinRate('querySecondsPerMinute'),
  async function query(context: Context): Promise<void> {
    const parameters = queryString(context);
    const signal = clientGone(context);
    const seen = askedPosition(context);
    // All fields means all that there are now, so a remembered definition will not do.
    const { built, result } = await withDefinition(context, parameters['field'] === undefined, async (series) => {
      const built = buildSpec(series, parameters, context.services.nowNs());
      return { built, result: await ask(context, { ...built.spec, ...seen }, signal) };
    });
    context.rows = { result, format: built };
  },
  reply,
];

export const latest: Step[] = [
  ...dataAccess('read'),
  withinRate('querySecondsPerMinute'),
  async function latest(context: Context): Promise<void> {
    const parameters = queryString(context);
    const signal = clientGone(context);
    const seen = askedPosition(context);
    const { built, result } = await withDefinition(context, false, async (series) => {
      const built = buildLatest(series, parameters);
      return { built, result: await measured(context, (engine) => engine.latest({ ...built.spec, ...seen }, signal)) };
    });
    context.rows = { result, format: built };
  },
  reply,
];

function reply(context: Context): Promise<void> {
  const { result, format } = context.rows!;
  return replyRows(context, result, format);
}

async function ask(context: Context, spec: QuerySpec, signal: AbortSignal): Promise<QueryResult> {
  const startedMs = performance.now();
  try {
    return await measured(context, (engine) => engine.query(spec, signal));
  } finally {
    logSlowQuery(context, spec, performance.now() - startedMs);
  }
}

/** The time that the engine took counts also when it ends in an error. */
async function measured<T>(context: Context, call: (engine: Engine) => Promise<T>): Promise<T> {
  const { throttle, meter } = context.services;
  const startedMs = performance.now();
  try {
    return await engineCall(context, call);
  } finally {
    const tookMs = performance.now() - startedMs;
    throttle.take(context.account!, 'querySecondsPerMinute', tookMs / 1_000);
    meter.addQuery(context.database!, tookMs);
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
];

/** Runs a query with the series' definition; with a fresh one, once more, when a remembered one may be why it failed. */
async function withDefinition<T>(
  context: Context,
  fresh: boolean,
  run: (series: SeriesDefinition) => Promise<T>,
): Promise<T> {
  const { info, cached } = await definition(context, fresh);
  try {
    return await run(info);
  } catch (error) {
    if (!cached || !(error instanceof ApiError) || !stale.includes(error.code)) throw error;
    return await run((await definition(context, true)).info);
  }
}
