// The groups with the highest or lowest values: they are found by a query of their own, and the query itself is narrowed to them.

import type { Filter, QueryResult, QuerySpec } from '../kdb/engine.ts';
import type { RankingPlan } from './plan.ts';
import { cellOf, compareCells, groupsOf, isNull, takeRows } from './rows.ts';

type TagText = readonly string[];

/** Values of the groups' tags, the first in rank first. Groups without a value come last, those of one value in their order. */
export function rankedGroups(result: QueryResult, { from, groups }: Pick<RankingPlan, 'from' | 'groups'>): TagText[] {
  const column = result.columns.at(-1)!;
  const cell = cellOf(column);
  const none = isNull(column);
  const sign = from === 'top' ? -1 : 1;
  const rows = Array.from({ length: result.rows }, (_, row) => row).sort((a, b) => {
    if (none(a) || none(b)) return Number(none(a)) - Number(none(b)) || a - b;
    return sign * compareCells(cell(a)!, cell(b)!) || a - b;
  });
  return rows.slice(0, groups).map((row) => tagsOf(result, row));
}

export function tagsOf({ columns }: QueryResult, row: number): string[] {
  return columns.flatMap((column) => (column.kind === 'tag' ? [column.dictionary[column.index[row]!]!] : []));
}

/** No groups at all need no filter: there are no points. */
export function narrowed(spec: QuerySpec, groups: readonly TagText[]): QuerySpec {
  if (groups.length === 0) return spec;
  const among = (values: TagText, tag: string): Filter => ({ op: 'in', tag, values });
  const one = (tags: TagText): Filter => ({ op: 'and', of: tags.map((value, i) => among([value], spec.by[i]!)) });
  const filter: Filter = spec.by.length === 1 ? among(groups.flat(), spec.by[0]!) : { op: 'or', of: groups.map(one) };
  return { ...spec, where: spec.where ? { op: 'and', of: [spec.where, filter] } : filter };
}

/** The groups in the order of their rank. */
export function inRankOrder(result: QueryResult, groups: readonly TagText[]): QueryResult {
  const ranks = new Map(groups.map((tags, rank) => [JSON.stringify(tags), rank]));
  const found = groupsOf(result).map((group) => ({
    ...group,
    rank: ranks.get(JSON.stringify(tagsOf(result, group.start))) ?? groups.length,
  }));
  found.sort((a, b) => a.rank - b.rank);
  const rows = found.flatMap(({ start, end }) => Array.from({ length: end - start }, (_, i) => start + i));
  return takeRows(result, Int32Array.from(rows));
}
