import { apiError } from '../base/errors.ts';
import { parseDecimalNs, unitNs } from '../base/time.ts';
import type {
  Aggregate,
  AggregateOp,
  FieldDefinition,
  LatestSpec,
  QuerySpec,
  SeriesDefinition,
} from '../kdb/engine.ts';
import { parseConditions, splitList } from './condition.ts';
import { decodeCursor } from './cursor.ts';
import { parameterFault } from './fault.ts';
import {
  maxRows,
  queryParametersSchema,
  type RawParameters,
  readLatestParameters,
  readQueryParameters,
  type TimeFormat,
} from './parameter-schema.ts';
import { parseTimeRange } from './time-range.ts';

/** 30 years: the bucket of the earliest time, 1707, still starts after -2^63 ns. */
const maxIntervalNs = 946_684_800n * unitNs.s;

export interface BuiltQuery<Spec = QuerySpec> {
  readonly spec: Spec;
  /** Width of the buckets; null without buckets. */
  readonly intervalNs: bigint | null;
  readonly timeFormat: TimeFormat;
}

/** What the parameters ask of this series. `nowNs` is what relative times are relative to. */
export function buildSpec(series: SeriesDefinition, raw: RawParameters, nowNs: bigint): BuiltQuery {
  const parameters = readQueryParameters(raw);
  const range = parseTimeRange(parameters.from, parameters.until, nowNs);
  const intervalNs = parseInterval(parameters['interval-sec']);
  const aggregation = parameters.aggregation ?? (intervalNs === null ? null : 'avg');
  const fields = parseFields(series, parameters.field ?? []);
  const by = parseGroupBy(series, parameters['group-by'] ?? []);
  const spec: QuerySpec = {
    series: series.series,
    ...range,
    where: parseConditions(series, parameters.where ?? []),
    by,
    // Aligned to 1970, so that a bucket is the same whatever the range.
    bucket: intervalNs === null ? null : { kind: 'width', widthNs: intervalNs, originNs: 0n },
    select: aggregation === null ? [] : aggregates(series, aggregation, fields),
    fields: aggregation === null ? fields.map((field) => field.name) : [],
    order: parameters.order ?? 'asc',
    limit: parameters.limit === undefined ? maxRows : Number(parameters.limit),
    cut: parameters.limit !== undefined,
    after: parameters.cursor === undefined ? null : decodeCursor(parameters.cursor),
  };
  if (spec.after && (aggregation !== null || by.length > 0)) {
    throw apiError('InvalidRequest', {
      reason:
        'cursor continues raw points without group-by; leave out cursor, or aggregation, interval-sec and group-by',
    });
  }
  return { spec, intervalNs, timeFormat: parameters['time-format'] ?? 'iso' };
}

/** As buildSpec, for the newest values. */
export function buildLatest(series: SeriesDefinition, raw: RawParameters): BuiltQuery<LatestSpec> {
  const parameters = readLatestParameters(raw);
  const fields = parseFields(series, parameters.field ?? []).map((field) => field.name);
  const spec = { series: series.series, where: parseConditions(series, parameters.where ?? []), fields };
  return { spec, intervalNs: null, timeFormat: parameters['time-format'] ?? 'iso' };
}

function parseInterval(text: string | undefined): bigint | null {
  if (text === undefined) return null;
  const widthNs = parseDecimalNs(text, unitNs.s);
  if (widthNs === undefined || widthNs === 0n || widthNs > maxIntervalNs) {
    throw parameterFault(
      'interval-sec',
      text,
      `${queryParametersSchema.properties['interval-sec'].description}, at most ${maxIntervalNs / unitNs.s}`,
    );
  }
  return widthNs;
}

function parseFields(series: SeriesDefinition, lists: readonly string[]): FieldDefinition[] {
  const known = new Map(series.fields.map((field) => [field.name, field]));
  return names('field', lists).map((name) => {
    const field = known.get(name);
    if (!field) throw apiError('FieldNotFound', { series: series.series, field: name });
    return field;
  });
}

function parseGroupBy(series: SeriesDefinition, lists: readonly string[]): string[] {
  const by = names('group-by', lists);
  const unknown = by.find((name) => !series.tags.includes(name));
  if (unknown !== undefined) throw apiError('TagNotFound', { series: series.series, tag: unknown });
  return by;
}

/** Each name once, in the order given. */
function names(parameter: 'field' | 'group-by', lists: readonly string[]): string[] {
  const all = lists.flatMap(splitList);
  if (all.includes(''))
    throw parameterFault(parameter, lists.join(','), queryParametersSchema.properties[parameter].description);
  return [...new Set(all)];
}

function aggregates(series: SeriesDefinition, op: AggregateOp, asked: readonly FieldDefinition[]): Aggregate[] {
  const fields = asked.length > 0 ? asked : series.fields.filter((field) => supports(op, field));
  // A series without fields has no points either: nothing to aggregate, but a select without entries would ask for raw points.
  if (series.fields.length === 0)
    throw apiError('InvalidRequest', { reason: `series ${series.series} has no field to aggregate yet` });
  const refused = fields.length === 0 ? series.fields[0] : fields.find((field) => !supports(op, field));
  if (refused) throw apiError('AggregationNotSupported', { aggregation: op, field: refused.name, type: refused.type });
  return fields.map((field) => ({ op, field: field.name, as: field.name }));
}

function supports(op: AggregateOp, field: FieldDefinition): boolean {
  return op === 'count' || op === 'first' || op === 'last' || field.type === 'float' || field.type === 'long';
}
