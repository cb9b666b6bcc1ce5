// A request, checked against its series: what the engine is asked, and what is done with the rows that it gives.

import { apiError } from '../base/errors.ts';
import { columnNameFault } from '../base/limits.ts';
import { endOfTimeNs, formatIsoNs, minTimeNs } from '../base/time.ts';
import { type AggregateOp, needOf, supportsField } from '../kdb/aggregates.ts';
import type { Aggregate, Bucket, FieldDefinition, QuerySpec, SeriesInfo } from '../kdb/engine.ts';
import { bucketEdges } from './bucket-edges.ts';
import { mondayDay, parseOffset, parseWidth, widthForPoints } from './bucket-width.ts';
import { decodeCursor, decodeRowCursor, isRowCursor, type RowCursor } from './cursor.ts';
import { memberFault, quoted, SpecFault } from './fault.ts';
import { intervalText } from './interval.ts';
import { maxRows } from './parameter-schema.ts';
import type { Aggregation, QueryRequest, Ranking } from './request.ts';
import { parseTime, type TimeRange } from './time-range.ts';
import { filterOf, type TagMatches } from './where.ts';

/** Fields of a request that all are about rows of buckets. */
type Finishing = Pick<QueryRequest, 'fill' | 'windows' | 'having' | 'order' | 'limitPerGroup' | 'downsample'>;

export interface Plan {
  readonly spec: QuerySpec;
  /** Width of the buckets; null without buckets. */
  readonly interval: string | null;
  /** Which groups `spec` is narrowed to, found first. */
  readonly ranking: RankingPlan | null;
  readonly finishing: Finishing;
  /** The time range was given, so that filling knows where to begin and end. */
  readonly bounded: { readonly from: boolean; readonly until: boolean };
  /** Of a result that has been made whole. Raw points without groups are cut by the engine. */
  readonly limit: number | null;
  readonly after: RowCursor | null;
}

export interface RankingPlan {
  readonly spec: QuerySpec;
  readonly from: 'top' | 'bottom';
  readonly groups: number;
}

/** `first` and `last` of the series need to be those of now where buckets of a range without bounds are cut: see needsTimes. */
export function planOf(series: SeriesInfo, request: QueryRequest, nowNs: bigint, matches: TagMatches): Plan {
  const { top, bottom, groupBy = [], limit, order = 'asc', fields = [] } = request;
  const after = request.cursor === undefined ? null : request.cursor;
  const rowCursor = after !== null && isRowCursor(after) ? decodeRowCursor(after) : null;
  const range = rowCursor?.range ?? rangeOf(request, nowNs);
  for (const [i, tag] of groupBy.entries())
    if (!series.tags.includes(tag))
      throw new SpecFault(`groupBy[${i}]`, apiError('TagNotFound', { series: series.series, tag }));
  for (const [i, field] of fields.entries()) fieldOf(series, field, `fields[${i}]`);
  requireTogether(request);
  const where = request.where === undefined ? null : filterOf(series, request.where, matches);
  const reach = rowCursor === null && needsTimes(request) ? reachOf(series, request, range) : range;
  const { bucket, interval } = bucketOf(request, reach);
  const select = selectOf(series, request);
  const isRaw = select.length === 0;
  const { fromNs, toNs } = reach;
  const whole = { series: series.series, fromNs, toNs, where, by: groupBy, after: null };
  const finishing = finishingOf(request);
  const isFinished = top !== undefined || bottom !== undefined || Object.keys(finishing).length > 0;
  const isPaged = !isRaw && limit !== undefined;
  const spec: QuerySpec = {
    ...whole,
    bucket,
    select,
    fields: isRaw ? fields : [],
    order: typeof order === 'string' ? order : 'asc',
    // One more than asked for tells whether there are more.
    limit: isFinished || rowCursor || limit === undefined ? maxRows : isPaged ? limit + 1 : limit,
    cut: limit !== undefined && !isFinished && !rowCursor,
    after: after !== null && !rowCursor ? cursorOf(after, isRaw && groupBy.length === 0 && !isFinished) : null,
  };
  return {
    spec: request.downsample ? sampled(series, spec, request) : spec,
    interval,
    ranking: rankingOf(series, whole, request),
    finishing,
    bounded: { from: request.from !== undefined, until: request.until !== undefined },
    limit: limit !== undefined && (isPaged || isFinished) ? limit : null,
    after: rowCursor,
  };
}

/** Whether the plan depends on the first and last time of the series as they are now. */
export function needsTimes({ from, until, bucket, points }: QueryRequest): boolean {
  const isCalendar = bucket !== undefined && (bucket.timeZone !== undefined || /[oy]$/.test(bucket.width));
  return (isCalendar || points !== undefined) && (from === undefined || until === undefined);
}

/** A range without bounds, where there are points. */
function reachOf({ firstNs, lastNs }: SeriesInfo, { from, until }: QueryRequest, range: TimeRange): TimeRange {
  const fromNs = from === undefined ? between(range.fromNs, firstNs ?? 0n, range.toNs - 1n) : range.fromNs;
  const toNs = until === undefined ? between(fromNs + 1n, (lastNs ?? fromNs) + 1n, range.toNs) : range.toNs;
  return { fromNs, toNs };
}

function between(least: bigint, value: bigint, greatest: bigint): bigint {
  return value < least ? least : value > greatest ? greatest : value;
}

function rangeOf({ from, until }: QueryRequest, nowNs: bigint): TimeRange {
  const fromNs = from === undefined ? minTimeNs : timeOf('from', from, nowNs);
  const toNs = until === undefined ? endOfTimeNs : timeOf('until', until, nowNs);
  if (fromNs >= toNs)
    throw new SpecFault('from', apiError('InvalidRange', { from: formatIsoNs(fromNs), until: formatIsoNs(toNs) }));
  return { fromNs, toNs };
}

function timeOf(member: 'from' | 'until', given: string | number, nowNs: bigint): bigint {
  try {
    return parseTime(member, typeof given === 'number' ? plainText(given) : given, nowNs);
  } catch (error) {
    throw new SpecFault(member, error as ReturnType<typeof apiError>);
  }
}

/** Without an exponent. */
function plainText(value: number): string {
  const text = String(value);
  return text.includes('e') ? value.toFixed(9) : text;
}

function fieldOf(series: SeriesInfo, name: string, path: string): FieldDefinition {
  const field = series.fields.find((candidate) => candidate.name === name);
  if (!field) throw new SpecFault(path, apiError('FieldNotFound', { series: series.series, field: name }));
  return field;
}

/** Members that only make sense beside others, or without them. */
function requireTogether(request: QueryRequest): void {
  const { select, groupBy = [], order } = request;
  const has = (member: keyof QueryRequest): boolean => request[member] !== undefined;
  const hasBuckets = has('bucket') || has('points');
  const refuse = (member: keyof QueryRequest, reason: string): never => {
    throw new SpecFault(member, reason);
  };
  if (has('bucket') && has('points')) refuse('points', 'stands beside bucket; give one of them');
  if (select && has('fields')) refuse('fields', 'is for raw points; name fields in select');
  if (!select && hasBuckets) refuse('select', 'is missing: buckets hold aggregates');
  if (!hasBuckets && has('fill') && request.fill !== 'none') refuse('fill', 'fills buckets; give bucket or points');
  for (const member of ['windows', 'having', 'top', 'bottom'] as const)
    if (!select && has(member)) refuse(member, 'is for aggregates; give select');
  if (has('top') && has('bottom')) refuse('bottom', 'stands beside top; give one of them');
  for (const member of ['top', 'bottom', 'limitPerGroup'] as const)
    if (has(member) && groupBy.length === 0) refuse(member, 'is of groups; give groupBy');
  if (typeof order === 'object' && !select) refuse('order', 'raw points are in the order of time: give asc or desc');
  if (has('downsample')) {
    if (select) refuse('downsample', 'is for raw points; leave out select');
    if (request.fields?.length !== 1) refuse('downsample', 'is of one field; name it in fields');
  }
  if (has('cursor')) {
    const raw = !select && (groupBy.length > 0 || isRowCursor(request.cursor!));
    const other = (['top', 'bottom', 'downsample'] as const).find(has) ?? (typeof order === 'object' ? 'order' : null);
    if (raw || other !== null)
      refuse(
        'cursor',
        `cannot go on in ${other === null ? 'raw points of groups' : `a result with ${other === 'order' ? 'an order by column' : other}`}`,
      );
  }
}

function cursorOf(text: string, isPossible: boolean): QuerySpec['after'] {
  const cursor = decodeCursor(text);
  if (!isPossible) throw memberFault('cursor', text, 'the text of `next` in the result before, of the same query');
  return cursor;
}

function selectOf(series: SeriesInfo, { select = [], groupBy = [] }: QueryRequest): Aggregate[] {
  const taken = new Set(['time', ...groupBy]);
  return select.map((asked, i) => {
    const path = `select[${i}]`;
    const as = asked.as ?? nameOf(asked);
    const aggregate = aggregateOf(series, asked, as, path);
    const fault = columnNameFault(as);
    if (fault) throw new SpecFault(`${path}.as`, `${quoted(as)} ${fault}`);
    if (taken.has(as)) throw new SpecFault(`${path}.as`, `there is a column ${quoted(as)} already`);
    taken.add(as);
    return aggregate;
  });
}

/** avg_usage, percentile_99_usage. */
function nameOf({ aggregation, p, field }: Aggregation): string {
  return [aggregation, ...(p === undefined ? [] : [p]), field].join('_');
}

/** Checked: the field has the type for it, and what it needs is there. */
function aggregateOf(series: SeriesInfo, asked: Aggregation, as: string, path: string): Aggregate {
  const { field: name, aggregation, p, weight } = asked;
  requireSupport(series, aggregation, name, path, 'field');
  const need = needOf(aggregation);
  for (const member of ['p', 'weight'] as const) {
    if ((asked[member] === undefined) === (member !== need)) continue;
    throw new SpecFault(`${path}.${member}`, need === member ? 'is missing' : `does not go with ${aggregation}`);
  }
  if (weight !== undefined) requireSupport(series, aggregation, weight, path, 'weight');
  if (need === undefined) return { op: aggregation, field: name, as };
  return { op: aggregation, field: name, as, ...(p !== undefined && { p }), ...(weight !== undefined && { weight }) };
}

function requireSupport(
  series: SeriesInfo,
  aggregation: AggregateOp,
  name: string,
  path: string,
  member: string,
): void {
  const { type } = fieldOf(series, name, `${path}.${member}`);
  if (!supportsField(aggregation, type))
    throw new SpecFault(
      `${path}.${member === 'field' ? 'aggregation' : member}`,
      apiError('AggregationNotSupported', { aggregation, field: name, type }),
    );
}

function bucketOf(
  { bucket, points }: QueryRequest,
  reach: TimeRange,
): { bucket: Bucket | null; interval: string | null } {
  if (points !== undefined) {
    const widthNs = widthForPoints(reach.toNs - reach.fromNs, points);
    return { bucket: { kind: 'width', widthNs, originNs: 0n }, interval: intervalText(widthNs) };
  }
  if (bucket === undefined) return { bucket: null, interval: null };
  const width = parseWidth(bucket.width, 'bucket.width');
  const offsetNs = bucket.offset === undefined ? 0n : parseOffset(bucket.offset, 'bucket.offset');
  const zone = bucket.timeZone ?? 'UTC';
  if (width.unit !== 'month' && zone === 'UTC') {
    const day = BigInt(width.unit === 'day' && width.count % 7 === 0 ? mondayDay : 0);
    const widthNs = width.unit === 'ns' ? width.count : BigInt(width.count) * dayNs;
    const text = width.unit === 'ns' ? intervalText(widthNs) : bucket.width;
    return { bucket: { kind: 'width', widthNs, originNs: floored(day * dayNs + offsetNs, widthNs) }, interval: text };
  }
  try {
    return { bucket: { kind: 'edges', edgesNs: bucketEdges(width, zone, offsetNs, reach) }, interval: bucket.width };
  } catch (error) {
    if (error instanceof RangeError) throw memberFault('bucket.timeZone', zone, 'an IANA time zone like Europe/Berlin');
    throw error;
  }
}

const dayNs = 86_400_000_000_000n;

/** An origin within one width of 1970: the engines count buckets from it. */
function floored(originNs: bigint, widthNs: bigint): bigint {
  const rest = originNs % widthNs;
  return rest < 0n ? rest + widthNs : rest;
}

function rankingOf(
  series: SeriesInfo,
  whole: Omit<QuerySpec, 'bucket' | 'select' | 'fields' | 'order' | 'limit' | 'cut'>,
  { top, bottom }: QueryRequest,
): RankingPlan | null {
  const from = top ? 'top' : 'bottom';
  const asked: Ranking | undefined = top ?? bottom;
  if (asked === undefined) return null;
  // A tag may have any name; the column's own is not looked at.
  const as = whole.by.includes('rank') ? `rank of ${whole.by.join(' ')}` : 'rank';
  const spec: QuerySpec = {
    ...{ ...whole, select: [aggregateOf(series, asked, as, from)], bucket: null, fields: [] },
    ...{ order: 'asc', limit: maxRows, cut: false },
  };
  return { spec, from, groups: asked.groups };
}

/** What is asked for of it. */
function finishingOf(request: QueryRequest): Finishing {
  const { fill, windows, having, order, limitPerGroup, downsample } = request;
  const finishing: { -readonly [member in keyof Finishing]: Finishing[member] } = {};
  if (fill !== undefined && fill !== 'none') finishing.fill = fill;
  if (windows !== undefined && windows.length > 0) finishing.windows = windows;
  if (having) finishing.having = having;
  if (typeof order === 'object') finishing.order = order;
  if (limitPerGroup !== undefined) finishing.limitPerGroup = limitPerGroup;
  if (downsample) finishing.downsample = downsample;
  return finishing;
}

/** Every point that has the field, by groups: of what is not grouped each tag set is one. */
function sampled(series: SeriesInfo, spec: QuerySpec, { fields, groupBy }: QueryRequest): QuerySpec {
  const field = fieldOf(series, fields![0]!, 'fields[0]');
  if (field.type !== 'float' && field.type !== 'long')
    throw new SpecFault('fields[0]', `${quoted(field.name)} is ${field.type}; to downsample takes numbers`);
  const given = { op: 'not', of: { op: 'null', field: field.name } } as const;
  return {
    ...spec,
    by: groupBy && groupBy.length > 0 ? groupBy : series.tags,
    where: spec.where ? { op: 'and', of: [spec.where, given] } : given,
  };
}
