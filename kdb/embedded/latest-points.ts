import type { LatestSpec, QueryResult } from '../../src/kdb/engine.ts';
import { compileFilter, fieldNumber } from './filter.ts';
import type { Pace } from './pace.ts';
import { fieldColumn, tagColumn, timeColumn, valueColumn } from './result.ts';
import type { SeriesStore } from './series-store.ts';

/** One row per tag set, in the order of their ids: the newest time and the newest value of each field. */
export async function latestPoints(series: SeriesStore, spec: LatestSpec, pace: Pace): Promise<QueryResult> {
  const fields =
    spec.fields.length > 0
      ? spec.fields.map((name) => fieldNumber(series, name))
      : series.fields.map((_, field) => field);
  const filter = compileFilter(spec.where, series);
  const { latest } = series;
  const ids: number[] = [];
  const eras: number[] = [];
  const offsets: number[] = [];
  for (let id = 0; id < series.tagSets.count; id++) {
    const newest = series.newest(id);
    if (!newest) continue;
    const decision = filter.decide(id);
    const passes =
      typeof decision === 'boolean' ? decision : decision((field) => latest.get(series.fields[field]!, field, id));
    if (!passes) continue;
    ids.push(id);
    eras.push(newest.era);
    offsets.push(newest.offset);
    if ((id & 4095) === 4095 && pace.isDue) await pace.rest();
  }
  const columns = [
    timeColumn('time', eras, offsets, ids.length),
    ...series.tags.map((_, tag) => tagColumn(series, tag, ids, ids.length)),
    ...fields.map((number) => {
      const field = series.fields[number]!;
      const numbers = field.type === 'float' || field.type === 'long' ? latest.numbers(number, ids) : null;
      if (numbers) return fieldColumn(field.name, field.type, { kind: 'number', values: numbers });
      return valueColumn(
        field.name,
        field.type,
        ids.map((id) => latest.get(field, number, id)),
      );
    }),
  ];
  return { columns, rows: ids.length, next: null };
}
