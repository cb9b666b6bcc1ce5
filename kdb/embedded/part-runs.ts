import type { Column } from './columns.ts';
import type { LoadedSlice, Part, PartSlice } from './part.ts';
import type { Run } from './run.ts';
import type { SliceCache } from './slice-cache.ts';

/** The wanted slices of a part as runs with the given fields. */
export async function readRuns(
  cache: SliceCache,
  part: Part,
  series: number,
  fields: readonly number[],
  isWanted: (slice: PartSlice) => boolean,
): Promise<Run[]> {
  const slices = (await part.slices()).filter((slice) => slice.series === series && isWanted(slice));
  const wanted = slices.flatMap((slice) => [
    { slice, field: null },
    ...fields.filter((field) => slice.columns[field]).map((field) => ({ slice, field })),
  ]);
  const loaded = await cache.load(part, wanted);
  const runs = new Map<PartSlice, Run>();
  for (const [i, { slice, field }] of wanted.entries()) {
    if (field === null) {
      const { ids, starts, times } = loaded[i] as LoadedSlice;
      const { era, rows, minOffset, maxOffset } = slice;
      runs.set(slice, { era, rows, ids, starts, times, columns: [], minOffset, maxOffset, bytes: 0 });
    } else (runs.get(slice)!.columns as (Column | undefined)[])[field] = loaded[i] as Column;
  }
  return [...runs.values()];
}
