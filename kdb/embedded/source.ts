import { timeOf } from './era.ts';
import type { Window } from './row-cursor.ts';
import type { Run } from './run.ts';
import type { SeriesStore } from './series-store.ts';

/** What one query sees of a series: it stays the same whatever is written meanwhile. */
export interface Source {
  readonly series: SeriesStore;
  /** First and last stored time within the range; null when it is empty. */
  span(fromNs: bigint, toNs: bigint): { firstNs: bigint; lastNs: bigint } | null;
  /** The range in windows, in the order of time. */
  windows(
    fromNs: bigint,
    toNs: bigint,
    fields: readonly number[],
    ids: readonly number[],
    order: 'asc' | 'desc',
  ): AsyncIterable<Window> | Iterable<Window>;
}

/** A series without parts: all of it is in memory. */
export function hotSource(series: SeriesStore, fields: readonly number[]): Source {
  const base = series.runs(fields);
  const late = series.late.runs(series.fields);
  return {
    series,
    span: (fromNs, toNs) => spanOf([...base, ...late], fromNs, toNs),
    windows: (fromNs, toNs) => [{ fromNs, toNs, base, late }],
  };
}

export function spanOf(runs: readonly Run[], fromNs: bigint, toNs: bigint): { firstNs: bigint; lastNs: bigint } | null {
  let span: { firstNs: bigint; lastNs: bigint } | null = null;
  for (const run of runs) {
    if (run.rows === 0) continue;
    const firstNs = timeOf(run.era, run.minOffset);
    const lastNs = timeOf(run.era, run.maxOffset);
    if (firstNs < toNs && lastNs >= fromNs)
      span = span
        ? { firstNs: least(span.firstNs, firstNs), lastNs: greatest(span.lastNs, lastNs) }
        : { firstNs, lastNs };
  }
  return span && { firstNs: greatest(span.firstNs, fromNs), lastNs: least(span.lastNs, toNs - 1n) };
}

export function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

export function greatest(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
