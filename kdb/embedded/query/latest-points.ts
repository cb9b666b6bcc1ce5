import type { LatestSpec, QueryResult, Column as ResultColumn } from '../../../src/kdb/engine.ts';
import { ColumnBuilder } from '../memory/columns.ts';
import type { SeriesStore } from '../memory/series-store.ts';
import type { Pace } from '../pace.ts';
import { compileFilter, fieldsNamed } from './filter.ts';
import { fieldColumn, tagColumn, timeColumn } from './result.ts';

/** Tag sets whose rows are made in one turn: a row is of one moment, times ten fields that takes half a millisecond. */
const setsPerTurn = 1024;

/** One row per tag set, in the order of their ids: the newest time and the newest value of each field. */
export async function latestPoints(series: SeriesStore, spec: LatestSpec, pace: Pace): Promise<QueryResult> {
  const fields = fieldsNamed(spec.fields, series);
  const filter = compileFilter(spec.where, series);
  const { candidates } = filter;
  const most = candidates?.length ?? series.tagSets.count;
  const ids = new Int32Array(most);
  const eras = new Int32Array(most);
  const offsets = new Float64Array(most);
  const values = fields.map((field) => new ColumnBuilder(series.fields[field]!.type, most));
  let rows = 0;
  for (let from = 0; from < most; from += setsPerTurn) {
    if (from > 0 && pace.isDue) await pace.rest();
    const { latest } = series;
    const first = rows;
    for (let i = from; i < Math.min(most, from + setsPerTurn); i++) {
      const id = candidates ? candidates[i]! : i;
      const newest = series.newest(id);
      if (!newest) continue;
      const decision = filter.decide(id);
      const passes =
        typeof decision === 'boolean'
          ? decision
          : decision.row((field) => latest.get(series.fields[field]!, field, id));
      if (!passes) continue;
      ids[rows] = id;
      eras[rows] = newest.era;
      offsets[rows++] = newest.offset;
    }
    for (const [i, field] of fields.entries()) latest.copy(series.fields[field]!, field, ids, first, rows, values[i]!);
  }
  const columns: ResultColumn[] = [timeColumn('time', eras, offsets, rows)];
  for (const [tag] of series.tags.entries()) {
    if (pace.isDue) await pace.rest();
    columns.push(tagColumn(series, tag, ids, rows));
  }
  for (const [i, field] of fields.entries()) {
    if (pace.isDue) await pace.rest();
    const { name, type } = series.fields[field]!;
    columns.push(fieldColumn(name, type, values[i]!.peek(rows)));
  }
  return { columns, rows, next: null };
}
