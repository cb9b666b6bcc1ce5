// A plan, carried out: the engine is asked, and what it gives is filled, smoothed, chosen from, put in order and cut.

import { apiError } from '../base/errors.ts';
import type { QueryResult, QuerySpec } from '../kdb/engine.ts';
import { encodeCursor, encodeRowCursor, type RowCursor } from './cursor.ts';
import { downsample } from './downsample.ts';
import { memberFault } from './fault.ts';
import { fillBuckets } from './fill.ts';
import { testOf } from './having.ts';
import type { Plan } from './plan.ts';
import { inRankOrder, narrowed, rankedGroups, tagsOf } from './ranking.ts';
import type { ColumnOrder } from './request.ts';
import { cellOf, columnNamed, compareCells, groupsOf, takeRows, timesOf } from './rows.ts';
import { addWindows } from './windows.ts';

export const maxGroups = 100_000;

export interface Answer {
  readonly result: QueryResult;
  /** The `cursor` of the next page. */
  readonly next: string | null;
}

export type RunQuery = (spec: QuerySpec) => Promise<QueryResult>;

export async function runPlan(plan: Plan, query: RunQuery): Promise<Answer> {
  const { ranking, spec } = plan;
  if (ranking === null) return finish(plan, await query(spec));
  const groups = rankedGroups(await query(ranking.spec), ranking);
  return finish(plan, inRankOrder(await query(narrowed(spec, groups)), groups));
}

/** What most queries need is nothing. */
function finish(plan: Plan, found: QueryResult): Answer {
  const { fill, windows, having, order, limitPerGroup, downsample: sampling } = plan.finishing;
  const { spec, bounded, limit, after } = plan;
  const descending = spec.order === 'desc';
  requireGroups(found, spec.by.length);
  let result = found;
  if (sampling) {
    // Of a series without tags the engine gives a page.
    if (found.next) throw apiError('ResultTooLarge', { limit: spec.limit });
    result = downsample(result, sampling);
  }
  if (fill !== undefined && fill !== 'none') {
    const range = { fromNs: bounded.from ? spec.fromNs : null, toNs: bounded.until ? spec.toNs : null };
    result = fillBuckets(result, fill, spec.bucket!, range, descending);
  }
  if (windows) result = addWindows(result, windows, descending);
  if (having || typeof order === 'object' || limitPerGroup !== undefined)
    result = takeRows(result, chosenRows(result, plan));
  const next = found.next && encodeCursor(found.next);
  return limit === null && after === null ? { result, next } : pageOf(result, plan);
}

function requireGroups(result: QueryResult, tags: number): void {
  if (result.rows > maxGroups && tags > 0 && groupsOf(result).length > maxGroups)
    throw apiError('TooManyGroups', { limit: maxGroups });
}

function chosenRows(result: QueryResult, { finishing: { having, order, limitPerGroup } }: Plan): Int32Array {
  const test = having ? testOf(result, having) : () => true;
  const groups = groupsOf(result);
  const groupOf = new Int32Array(result.rows);
  for (const [number, { start, end }] of groups.entries()) groupOf.fill(number, start, end);
  let rows = Array.from({ length: result.rows }, (_, row) => row).filter(test);
  if (typeof order === 'object') rows = sorted(result, rows, order);
  if (limitPerGroup !== undefined) {
    const taken = new Int32Array(groups.length);
    rows = rows.filter((row) => taken[groupOf[row]!]!++ < limitPerGroup);
  }
  return Int32Array.from(rows);
}

/** Nulls come last. */
function sorted(result: QueryResult, rows: number[], { column: name, direction = 'asc' }: ColumnOrder): number[] {
  const column = columnNamed(result, name);
  if (!column)
    throw memberFault(
      'order.column',
      name,
      `a column of the result: ${result.columns.map((each) => each.name).join(', ')}`,
    );
  const sign = direction === 'desc' ? -1 : 1;
  const cell = cellOf(column);
  const cells = rows.map(cell);
  const places = rows.map((_, i) => i);
  places.sort((a, b) => {
    const [left, right] = [cells[a]!, cells[b]!];
    if (left === null || right === null) return Number(left === null) - Number(right === null) || a - b;
    return sign * compareCells(left, right) || a - b;
  });
  return places.map((place) => rows[place]!);
}

/** Rows behind the cursor's, up to the limit. A row that came in between or went changes no other page. */
function pageOf(result: QueryResult, { after, limit, spec, ranking, finishing }: Plan): Answer {
  const start = after === null ? 0 : rowBehind(result, after, spec.order === 'desc');
  const end = limit === null ? result.rows : Math.min(result.rows, start + limit);
  const rows = Int32Array.from({ length: end - start }, (_, i) => start + i);
  const hasOrder = ranking === null && typeof finishing.order !== 'object' && spec.select.length > 0;
  const next = hasOrder && end < result.rows && end > start ? encodeRowCursor(cursorAt(result, end - 1, spec)) : null;
  return { result: end - start === result.rows ? result : takeRows(result, rows), next };
}

function cursorAt(result: QueryResult, row: number, { fromNs, toNs }: QuerySpec): RowCursor {
  return { range: { fromNs, toNs }, group: tagsOf(result, row), timeNs: timesOf(result)?.[row] ?? null };
}

/** Rows are sorted by group, then time. */
function rowBehind(result: QueryResult, cursor: RowCursor, descending: boolean): number {
  const times = timesOf(result);
  const tags = result.columns.filter(({ kind }) => kind === 'tag').length;
  if (tags !== cursor.group.length || (times === null) !== (cursor.timeNs === null))
    throw memberFault('cursor', '…', 'the text of `next` in the result before, of the same query');
  let low = 0;
  let high = result.rows;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareRow(middle) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;

  function compareRow(row: number): number {
    for (const [i, value] of tagsOf(result, row).entries()) {
      const order = compareCells(value, cursor.group[i]!);
      if (order !== 0) return order;
    }
    return times === null ? 0 : (descending ? -1 : 1) * compareCells(times[row]!, cursor.timeNs!);
  }
}
