import type { Column } from '../memory/columns.ts';
import type { Run } from '../memory/run.ts';
import type { Decoded, LoadedSlice, Part, PartSlice } from './part.ts';
import type { ReadCost } from './read-cost.ts';
import type { SliceCache } from './slice-cache.ts';

/** Every row and column of a part, by series number. */
export async function readAllRuns(part: Part): Promise<Map<number, Run[]>> {
  const slices = await part.slices();
  const wanted = slices.flatMap((slice) => [
    { slice, field: null },
    ...Object.keys(slice.columns).map((field) => ({ slice, field: Number(field) })),
  ]);
  const runs = assemble(wanted, await part.load(wanted));
  return new Map(
    [...Map.groupBy(runs, ([slice]) => slice.series)].map(([series, own]) => [series, own.map(([, run]) => run)]),
  );
}

/** The wanted slices of a part as runs with the given fields. */
export async function readRuns(
  cache: SliceCache,
  part: Part,
  series: number,
  fields: readonly number[],
  isWanted: (slice: PartSlice) => boolean,
  cost: ReadCost | null,
): Promise<Run[]> {
  const slices = (await part.slices()).filter((slice) => slice.series === series && isWanted(slice));
  const wanted = slices.flatMap((slice) => [
    { slice, field: null },
    ...fields.filter((field) => slice.columns[field]).map((field) => ({ slice, field })),
  ]);
  return [...assemble(wanted, await cache.load(part, wanted, cost)).values()];
}

function assemble(
  wanted: readonly { readonly slice: PartSlice; readonly field: number | null }[],
  loaded: readonly Decoded[],
): Map<PartSlice, Run> {
  const runs = new Map<PartSlice, Run>();
  for (const [i, { slice, field }] of wanted.entries()) {
    if (field === null) {
      const { ids, starts, times } = loaded[i] as LoadedSlice;
      const { era, rows, minOffset, maxOffset } = slice;
      runs.set(slice, { era, rows, ids, starts, times, columns: [], minOffset, maxOffset, bytes: 0 });
    } else (runs.get(slice)!.columns as (Column | undefined)[])[field] = loaded[i] as Column;
  }
  return runs;
}
