// Parameters of a query string as the spec has them.

import { apiError } from '../base/errors.ts';
import { parseDecimalNs, unitNs } from '../base/time.ts';
import { type AggregateOp, supportsField } from '../kdb/aggregates.ts';
import type { FieldDefinition, QuerySpec, SeriesDefinition, SeriesInfo } from '../kdb/engine.ts';
import { maxWidthNs } from './bucket-width.ts';
import { parseConditions, splitList } from './condition.ts';
import { parameterError, parameterFault } from './fault.ts';
import {
  type QueryParameters,
  queryParametersSchema,
  type RawParameters,
  readExportParameters,
  readLatestParameters,
  readQueryParameters,
} from './parameter-schema.ts';
import { planOf } from './plan.ts';
import type { BucketRequest, Fill, QueryRequest, Selection, TimeFormat } from './request.ts';
import { noMatches } from './tag-regex.ts';

/** What the parameters ask of this series. */
export function requestOf(series: SeriesDefinition, raw: RawParameters): QueryRequest {
  return fromParameters(series, readQueryParameters(raw));
}

/** As requestOf, for the newest values. */
export function latestRequestOf(series: SeriesDefinition, raw: RawParameters): QueryRequest {
  return fromParameters(series, readLatestParameters(raw));
}

export interface BuiltQuery {
  readonly spec: QuerySpec;
  /** Width of the buckets; null without buckets. */
  readonly intervalNs: bigint | null;
  readonly timeFormat: TimeFormat;
}

/** What an export asks of the engine, page by page. `nowNs` is what relative times are relative to. */
export function buildSpec(series: SeriesDefinition, raw: RawParameters, nowNs: bigint): BuiltQuery {
  const { limit, ...parameters } = readExportParameters(raw);
  const info: SeriesInfo = { ...series, tagSets: 0n, rows: 0n, firstNs: null, lastNs: null };
  try {
    const request = fromParameters(series, parameters);
    const { spec } = planOf(info, request, nowNs, noMatches);
    const intervalNs = spec.bucket?.kind === 'width' ? spec.bucket.widthNs : null;
    const cut = limit !== undefined && { limit: Number(limit), cut: true };
    return { spec: { ...spec, ...cut }, intervalNs, timeFormat: request.timeFormat ?? 'iso' };
  } catch (error) {
    throw parameterError(error);
  }
}

function fromParameters(series: SeriesDefinition, given: QueryParameters): QueryRequest {
  const { from, until, order, cursor, limit, points, downsample, fill, format } = given;
  const bucket = bucketOf(given);
  const hasBuckets = bucket !== undefined || (points !== undefined && downsample === undefined);
  const aggregation = given.aggregation ?? (hasBuckets ? 'avg' : null);
  const fields = parseFields(series, given.field ?? []);
  const groupBy = names('group-by', given['group-by'] ?? []);
  const where = parseConditions(series, given.where ?? []);
  const timeFormat = given['time-format'];
  const perGroup = given['limit-per-group'];
  const timeoutMs = given['timeout-ms'];
  const alone = aggregation === null ? (['p', 'weight'] as const).find((name) => given[name] !== undefined) : undefined;
  if (alone) throw apiError('InvalidRequest', { reason: `${alone} is of an aggregation; name that too` });
  if (downsample !== undefined && points === undefined)
    throw apiError('InvalidRequest', { reason: 'downsample needs points: how many of each group' });
  // Member by member: objects that are spread into one would take 4 µs of every query.
  const request: { -readonly [member in keyof QueryRequest]: QueryRequest[member] } = { series: series.series };
  if (from !== undefined) request.from = from;
  if (until !== undefined) request.until = until;
  if (where) request.where = where;
  if (groupBy.length > 0) request.groupBy = groupBy;
  if (aggregation !== null) request.select = aggregates(series, aggregation, given, fields);
  else if (fields.length > 0) request.fields = fields.map(({ name }) => name);
  if (bucket) request.bucket = bucket;
  if (downsample) request.downsample = { method: downsample, points: Number(points) };
  else if (points !== undefined) request.points = Number(points);
  if (fill !== undefined) request.fill = fillOf(fill);
  if (order) request.order = order;
  if (limit !== undefined) request.limit = Number(limit);
  if (perGroup !== undefined) request.limitPerGroup = Number(perGroup);
  if (cursor !== undefined) request.cursor = cursor;
  if (format) request.format = format;
  if (timeFormat) request.timeFormat = timeFormat;
  if (timeoutMs !== undefined) request.timeoutMs = Number(timeoutMs);
  if (given.explain === 'true') request.explain = true;
  return request;
}

function bucketOf(given: QueryParameters): BucketRequest | undefined {
  const { interval, 'interval-sec': seconds, 'time-zone': timeZone, offset } = given;
  const both = interval !== undefined && seconds !== undefined;
  if (both) throw apiError('InvalidRequest', { reason: 'interval stands beside interval-sec; give one of them' });
  const width = seconds === undefined ? interval : `${parseSeconds(seconds)}ns`;
  if (width === undefined) {
    const alone = timeZone === undefined ? (offset === undefined ? undefined : 'offset') : 'time-zone';
    if (alone) throw apiError('InvalidRequest', { reason: `${alone} is of buckets; give interval` });
    return undefined;
  }
  return { width, ...(timeZone !== undefined && { timeZone }), ...(offset !== undefined && { offset }) };
}

function parseSeconds(text: string): bigint {
  const widthNs = parseDecimalNs(text, unitNs.s);
  if (widthNs === undefined || widthNs === 0n || widthNs > maxWidthNs) {
    throw parameterFault(
      'interval-sec',
      text,
      `${queryParametersSchema.properties['interval-sec'].description}, at most ${maxWidthNs / unitNs.s}`,
    );
  }
  return widthNs;
}

function fillOf(text: string): Fill {
  if (text === 'none' || text === 'null' || text === 'previous' || text === 'linear') return text;
  return { value: text === 'true' ? true : text === 'false' ? false : text };
}

function parseFields(series: SeriesDefinition, lists: readonly string[]): FieldDefinition[] {
  const known = new Map(series.fields.map((field) => [field.name, field]));
  return names('field', lists).map((name) => {
    const field = known.get(name);
    if (!field) throw apiError('FieldNotFound', { series: series.series, field: name });
    return field;
  });
}

/** Each name once, in the order given. */
function names(parameter: 'field' | 'group-by', lists: readonly string[]): string[] {
  const all = lists.flatMap(splitList);
  if (all.includes(''))
    throw parameterFault(parameter, lists.join(','), queryParametersSchema.properties[parameter].description);
  return [...new Set(all)];
}

/** Of the fields that are named, or of all that it works on; columns have the fields' names. */
function aggregates(
  series: SeriesDefinition,
  aggregation: AggregateOp,
  { p, weight }: QueryParameters,
  asked: readonly FieldDefinition[],
): Selection[] {
  const fields = asked.length > 0 ? asked : series.fields.filter(({ type }) => supportsField(aggregation, type));
  // A series without fields has no points either: nothing to aggregate, but a select without entries would ask for raw points.
  if (series.fields.length === 0)
    throw apiError('InvalidRequest', { reason: `series ${series.series} has no field to aggregate yet` });
  const refused = fields.length === 0 ? series.fields[0] : undefined;
  if (refused) throw apiError('AggregationNotSupported', { aggregation, field: refused.name, type: refused.type });
  if (p === undefined && weight === undefined)
    return fields.map(({ name }) => ({ field: name, aggregation, as: name }));
  const more = { ...(p !== undefined && { p: Number(p) }), ...(weight !== undefined && { weight }) };
  return fields.map(({ name }) => ({ field: name, aggregation, as: name, ...more }));
}
