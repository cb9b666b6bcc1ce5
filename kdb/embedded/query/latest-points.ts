import type { LatestSpec, QueryResult, Column as ResultColumn } from '../../../src/kdb/engine.ts';
import type { SeriesStore } from '../memory/series-store.ts';
import type { Pace } from '../pace.ts';
import { compileFilter, fieldNumber } from './filter.ts';
import { fieldColumn, tagColumn, timeColumn, valueColumn } from './result.ts';

/** One row per tag set, in the order of their ids: the newest time and the newest value of each field. */
export async function latestPoints(series: SeriesStore, spec: LatestSpec, pace: Pace): Promise<QueryResult> {
  const fields =
    spec.fields.length > 0
      ? spec.fields.map((name) => fieldNumber(series, name))
      : series.fields.map((_, field) => field);
  const filter = compileFilter(spec.where, series);
  const { latest } = series;
  const candidates = filter.candidates;
  const most = candidates?.length ?? series.tagSets.count;
  const found = { ids: new Int32Array(most), eras: new Int32Array(most), offsets: new Float64Array(most) };
  let rows = 0;
  for (let i = 0; i < most; i++) {
    if ((i & 4095) === 4095 && pace.isDue) await pace.rest();
    const id = candidates ? candidates[i]! : i;
    const newest = series.newest(id);
    if (!newest) continue;
    const decision = filter.decide(id);
    const passes =
      typeof decision === 'boolean' ? decision : decision.row((field) => latest.get(series.fields[field]!, field, id));
    if (!passes) continue;
    found.ids[rows] = id;
    found.eras[rows] = newest.era;
    found.offsets[rows++] = newest.offset;
  }
  const ids = found.ids.subarray(0, rows);
  const columns: ResultColumn[] = [timeColumn('time', found.eras, found.offsets, rows)];
  for (const [tag] of series.tags.entries()) {
    if (pace.isDue) await pace.rest();
    columns.push(tagColumn(series, tag, ids, rows));
  }
  for (const number of fields) {
    if (pace.isDue) await pace.rest();
    const field = series.fields[number]!;
    const numbers = field.type === 'float' || field.type === 'long' ? latest.numbers(number, ids) : null;
    columns.push(
      numbers
        ? fieldColumn(field.name, field.type, { kind: 'number', values: numbers })
        : valueColumn(
            field.name,
            field.type,
            Array.from(ids, (id) => latest.get(field, number, id)),
          ),
    );
  }
  return { columns, rows, next: null };
}
