import { ApiError, apiError } from '../base/errors.ts';
import type { AsofSpec, SeriesInfo } from '../kdb/engine.ts';
import { parseOffset } from '../query/bucket-width.ts';
import { encodeCursor } from '../query/cursor.ts';
import { memberFault, SpecFault, specError } from '../query/fault.ts';
import { planOf } from '../query/plan.ts';
import type { AsofRequest } from '../query/request.ts';
import { readAsofRequest } from '../query/request-schema.ts';
import { filterOf } from '../query/where.ts';
import { readBody } from './body.ts';
import { definition } from './definition.ts';
import { askedPosition } from './position.ts';
import { Asking, askable, reply, withDefinition } from './query.ts';
import { formatOf, replyRows } from './rows.ts';
import { readSpec } from './schema.ts';
import { type Context, clientGone, type Step } from './step.ts';

export const asofSpec: Step[] = [
  ...askable,
  readBody,
  readSpec(readAsofRequest),
  async function asofSpec(context: Context): Promise<void> {
    const request = context.json as AsofRequest;
    const gone = clientGone(context);
    const form = { requestOf: () => request, errorOf: specError };
    context.respond = await withDefinition(context, request.series, false, form, async (info) => {
      const asking = new Asking(context, gone, request);
      try {
        const spec = await specOf(context, asking, info, request);
        const result = await asking.measured((engine, signal) => engine.asof(spec, signal));
        const next = result.next && encodeCursor(result.next);
        const shown = { interval: null, timeFormat: request.timeFormat ?? 'iso', next };
        return () => replyRows(context, result, formatOf(context, request.format), shown);
      } catch (error) {
        throw asking.overTime(error);
      }
    });
  },
  reply,
];

async function specOf(context: Context, asking: Asking, info: SeriesInfo, request: AsofRequest): Promise<AsofSpec> {
  const { other: asked, by, tolerance, ...ofPoints } = request;
  const { spec } = planOf(info, ofPoints, context.services.nowNs(), await asking.matches(info));
  const { series, fromNs, toNs, where, fields, order, limit, after } = spec;
  const other = await otherSeries(context, asked.series);
  for (const [i, field] of (asked.fields ?? []).entries())
    if (!other.fields.some(({ name }) => name === field))
      throw new SpecFault(`other.fields[${i}]`, apiError('FieldNotFound', { series: other.series, field }));
  for (const [i, tag] of (by ?? []).entries())
    for (const { series: name, tags } of [info, other])
      if (!tags.includes(tag)) throw new SpecFault(`by[${i}]`, apiError('TagNotFound', { series: name, tag }));
  const path = 'other.where';
  return {
    ...{ series, fromNs, toNs, where, fields, order, limit, after },
    by: by ?? info.tags.filter((tag) => other.tags.includes(tag)),
    other: {
      series: other.series,
      where: asked.where ? filterOf(other, asked.where, await asking.matches(other, asked.where, path), path) : null,
      fields: asked.fields ?? [],
    },
    toleranceNs: tolerance === undefined ? null : toleranceOf(tolerance),
    ...askedPosition(context),
  };
}

/** As it is now: what is remembered of the points' series is asked anew when something is not there, of this one nothing is. */
async function otherSeries(context: Context, series: string): Promise<SeriesInfo> {
  try {
    return (await definition(context, series, true)).info;
  } catch (error) {
    if (error instanceof ApiError && error.code === 'SeriesNotFound') throw new SpecFault('other.series', error);
    throw error;
  }
}

function toleranceOf(text: string): bigint {
  const toleranceNs = parseOffset(text, 'tolerance');
  if (toleranceNs < 0n) throw memberFault('tolerance', text, 'a span like 5s or 1h');
  return toleranceNs;
}
