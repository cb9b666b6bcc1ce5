// The columns of an export are those that the series had when it began, whatever is added while it runs.

import type { Column, Filter, QueryResult, QuerySpec, SeriesDefinition } from '../../src/kdb/engine.ts';
import { NotExportable } from './not-exportable.ts';
import type { RunQuery } from './pages.ts';

/** For raw points. Those that have a tag which came later are left out: without it they would be other points. */
export function pinned(query: RunQuery, { tags, fields }: SeriesDefinition): RunQuery {
  const newTags = new Set<string>();
  return async (spec) => {
    const named = spec.fields.length > 0 ? spec : { ...spec, fields: fields.map(({ name }) => name) };
    for (;;) {
      const result = await query(withoutTags(named, newTags));
      const added = tagsOf(result).filter((tag) => !tags.includes(tag) && !newTags.has(tag));
      if (added.length === 0) return checked(result, newTags, fields);
      for (const tag of added) newTags.add(tag);
    }
  };
}

function withoutTags(spec: QuerySpec, tags: ReadonlySet<string>): QuerySpec {
  const absent = [...tags].map((tag): Filter => ({ op: 'in', tag, values: [''] }));
  if (absent.length === 0) return spec;
  return { ...spec, where: { op: 'and', of: spec.where ? [spec.where, ...absent] : absent } };
}

function tagsOf({ columns }: QueryResult): string[] {
  return columns.filter(({ kind }) => kind === 'tag').map(({ name }) => name);
}

function checked(result: QueryResult, newTags: ReadonlySet<string>, fields: SeriesDefinition['fields']): QueryResult {
  const columns = result.columns.filter(({ kind, name }) => kind !== 'tag' || !newTags.has(name));
  const types = new Map<string, Column['kind']>(fields.map(({ name, type }) => [name, type]));
  const isOther = columns.some(({ kind, name }) => kind !== 'time' && kind !== 'tag' && types.get(name) !== kind);
  if (isOther) throw new NotExportable('the series was dropped and defined anew while it was exported');
  return { ...result, columns };
}
