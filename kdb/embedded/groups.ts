import { compareText } from './filter.ts';
import type { SeriesStore } from './series-store.ts';

/** Tag sets by the values of some tags; groups are numbered in the order of their values as text, by code point. */
export interface Groups {
  readonly count: number;
  /** Per id: its group, or -1: not selected. */
  readonly ofId: Int32Array;
  /** Per `by` tag, per group: the number of its value. */
  readonly values: readonly Int32Array[];
}

export function groupIds(series: SeriesStore, by: readonly number[], isSelected: (id: number) => boolean): Groups {
  const { tagSets } = series;
  const ofId = new Int32Array(tagSets.count).fill(-1);
  const first: number[] = [];
  if (by.length === 0) {
    for (let id = 0; id < ofId.length; id++) if (isSelected(id)) ofId[id] = 0;
    return { count: 1, ofId, values: [] };
  }
  const columns = by.map((tag) => tagSets.index[tag]!);
  const known = new Map<number | string, number>();
  for (let id = 0; id < ofId.length; id++) {
    if (!isSelected(id)) continue;
    const key = columns.length === 1 ? columns[0]![id]! : columns.map((column) => column[id]).join();
    let group = known.get(key);
    if (group === undefined) {
      group = first.push(id) - 1;
      known.set(key, group);
    }
    ofId[id] = group;
  }
  const order = first.map((_, group) => group);
  order.sort((a, b) => {
    for (const tag of by) {
      const sign = compareText(tagSets.valueOf(first[a]!, tag), tagSets.valueOf(first[b]!, tag));
      if (sign !== 0) return sign;
    }
    return 0;
  });
  const rank = new Int32Array(order.length);
  for (const [place, group] of order.entries()) rank[group] = place;
  for (let id = 0; id < ofId.length; id++) if (ofId[id]! >= 0) ofId[id] = rank[ofId[id]!]!;
  return {
    count: order.length,
    ofId,
    values: columns.map((column) => Int32Array.from(order, (group) => column[first[group]!]!)),
  };
}
