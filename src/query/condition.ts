// `where` conditions of a query string, host=a, host!=a,b, usage>=90, as the spec has them. Whether a name is a tag or a field is known from the series.

import { apiError } from '../base/errors.ts';
import type { SeriesDefinition } from '../kdb/engine.ts';
import { parameterFault, quoted } from './fault.ts';
import type { Where, WhereOperator } from './request.ts';

/** All of them must hold; undefined when there are none. */
export function parseConditions(series: SeriesDefinition, texts: readonly string[]): Where | undefined {
  const all = texts.map((text) => parseCondition(series, text));
  return all.length > 1 ? { and: all } : all[0];
}

function parseCondition(series: SeriesDefinition, text: string): Where {
  // The name ends at the first operator that no backslash escapes.
  const m = /^((?:\\.|[^\\=<>!]|!(?!=)|\\$)+)(!=|<=|>=|=|<|>)(.*)$/s.exec(text);
  if (!m) throw parameterFault('where', text, 'a condition like host=a, host!=a,b or usage>=90');
  const name = withoutEscapes(m[1]!);
  const operator = m[2] as WhereOperator;
  const values = splitList(m[3]!);
  const isEquality = operator === '=' || operator === '!=';
  const column = columnOf(series, name, isEquality);
  if (!isEquality && values.length > 1) {
    throw apiError('InvalidRequest', {
      reason: `where: ${quoted(name + operator + values.join(','))} compares with several values; only = and != take a list`,
    });
  }
  if (values.length === 1) return { ...column, op: operator, value: values[0]! };
  return { ...column, op: operator === '=' ? 'in' : 'not in', value: values };
}

function columnOf({ series, tags, fields }: SeriesDefinition, name: string, isEquality: boolean): Where {
  if (tags.includes(name)) return { tag: name };
  if (fields.some((field) => field.name === name)) return { field: name };
  throw isEquality
    ? apiError('TagNotFound', { series, tag: name })
    : apiError('FieldNotFound', { series, field: name });
}

/** Items of a comma-separated list; a backslash before a comma makes it part of the item. */
export function splitList(text: string): string[] {
  const items: string[] = [];
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === ',') {
      items.push(withoutEscapes(text.slice(start, i)));
      start = i + 1;
    }
  }
  items.push(withoutEscapes(text.slice(start)));
  return items;
}

/** Any other backslash stands for itself, so that C:\temp needs no care. */
function withoutEscapes(text: string): string {
  return text.replace(/\\([\\,=!<>])/g, '$1');
}
