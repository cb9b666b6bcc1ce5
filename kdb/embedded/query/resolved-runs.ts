import type { FieldTest } from '../memory/field-test.ts';
import { RowCursor, type Segment } from '../memory/row-cursor.ts';
import type { Run } from '../memory/run.ts';
import { RunBuilder } from '../memory/run-builder.ts';
import type { SeriesStore } from '../memory/series-store.ts';

/** Rows of one tag set, resolved and filtered, as runs of their own. */
export function resolvedRuns(
  series: SeriesStore,
  id: number,
  base: readonly Segment[],
  late: readonly Segment[],
  wanted: readonly number[],
  test: FieldTest | undefined,
): Run[] {
  const rows = [...base, ...late].reduce((sum, segment) => sum + segment.end - segment.start, 0);
  const runs: Run[] = [];
  const cursor = new RowCursor(id, base, late, 1, test);
  let builder: RunBuilder | null = null;
  let era = 0;
  while (cursor.next()) {
    if (!builder || cursor.era !== era) {
      if (builder) runs.push(builder.build());
      era = cursor.era;
      builder = new RunBuilder(era, series.fields, rows);
    }
    builder.putRow(cursor, wanted);
  }
  if (builder) runs.push(builder.build());
  return runs;
}
