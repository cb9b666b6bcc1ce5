// What a series is made of: how a definition extends another, by the rules of the database process, so that what is stored is never
// refused there.

import { apiError } from '../base/errors.ts';
import { maxFieldsPerSeries, maxTagsPerSeries } from '../base/limits.ts';
import type { FieldDefinition, SeriesDefinition } from '../kdb/engine.ts';

type Columns = Pick<SeriesDefinition, 'tags' | 'fields'>;

/** `have` and all that `wanted` adds to it. A field keeps its type. */
export function extended(have: Columns, { series, tags, fields }: SeriesDefinition): SeriesDefinition {
  const types = new Map(have.fields.map(({ name, type }) => [name, type]));
  for (const { name: field, type } of fields) {
    const known = types.get(field) ?? type;
    if (known !== type) throw apiError('FieldTypeClash', { series, field, have: known, given: type });
    types.set(field, type);
  }
  const allTags = [...new Set([...have.tags, ...tags])];
  const both = allTags.find((tag) => types.has(tag));
  if (both !== undefined) throw apiError('TagFieldClash', { series, name: both });
  if (allTags.length > maxTagsPerSeries) throw apiError('TooManyFields', { series, limit: maxTagsPerSeries });
  if (types.size > maxFieldsPerSeries) throw apiError('TooManyFields', { series, limit: maxFieldsPerSeries });
  return { series, tags: allTags, fields: [...types].map(([name, type]) => ({ name, type })) };
}

/** The same tags and fields, in any order. */
export function sameColumns(one: Columns, other: Columns): boolean {
  return one.tags.length === other.tags.length && one.fields.length === other.fields.length && holdsColumns(one, other);
}

/** `one` has every tag and field of the other, with its type. */
export function holdsColumns(one: Columns, other: Columns): boolean {
  const tags = new Set(one.tags);
  const fields = new Set(one.fields.map(fieldText));
  return other.tags.every((tag) => tags.has(tag)) && other.fields.every((field) => fields.has(fieldText(field)));
}

function fieldText({ name, type }: FieldDefinition): string {
  return `${type} ${name}`;
}
