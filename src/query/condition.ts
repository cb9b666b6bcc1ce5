// `where` conditions: host=a, host!=a,b, usage>=90. Whether a name is a tag or a field is known from the series.

import { apiError } from '../base/errors.ts';
import type { Comparison, FieldConstant, FieldDefinition, Filter, SeriesDefinition } from '../kdb/engine.ts';
import { parameterFault, quoted } from './fault.ts';

const comparisons: Readonly<Record<string, Comparison>> = {
  '=': 'eq',
  '!=': 'ne',
  '<': 'lt',
  '<=': 'le',
  '>': 'gt',
  '>=': 'ge',
};

/** All of them must hold; null when there are none. */
export function parseConditions(series: SeriesDefinition, texts: readonly string[]): Filter | null {
  const filters = texts.map((text) => parseCondition(series, text));
  return filters.length === 0 ? null : combine('and', filters);
}

function parseCondition(series: SeriesDefinition, text: string): Filter {
  // The name ends at the first operator that no backslash escapes.
  const m = /^((?:\\.|[^\\=<>!]|!(?!=)|\\$)+)(!=|<=|>=|=|<|>)(.*)$/s.exec(text);
  if (!m) throw parameterFault('where', text, 'a condition like host=a, host!=a,b or usage>=90');
  const name = withoutEscapes(m[1]!);
  const operator = m[2]!;
  const values = splitList(m[3]!);
  if (series.tags.includes(name)) return tagFilter(name, operator, values);
  const field = series.fields.find((candidate) => candidate.name === name);
  if (field) return fieldFilter(field, operator, values);
  throw operator === '=' || operator === '!='
    ? apiError('TagNotFound', { series: series.series, tag: name })
    : apiError('FieldNotFound', { series: series.series, field: name });
}

function tagFilter(tag: string, operator: string, values: readonly string[]): Filter {
  const among: Filter = { op: 'in', tag, values: [...new Set(values)] };
  if (operator === '=') return among;
  if (operator === '!=') return { op: 'not', of: among };
  throw apiError('FilterNotSupported', { operator, name: tag, type: 'a tag' });
}

function fieldFilter(field: FieldDefinition, operator: string, values: readonly string[]): Filter {
  const op = comparisons[operator]!;
  const list = op === 'eq' || op === 'ne';
  if (!list && field.type === 'boolean')
    throw apiError('FilterNotSupported', { operator, name: field.name, type: field.type });
  if (!list && values.length > 1) {
    throw apiError('InvalidRequest', {
      reason: `where: ${quoted(field.name + operator + values.join(','))} compares with several values; only = and != take a list`,
    });
  }
  const filters = values.map((value): Filter => ({ op, field: field.name, value: parseConstant(field, value) }));
  return combine(op === 'ne' ? 'and' : 'or', filters);
}

function combine(op: 'and' | 'or', filters: readonly Filter[]): Filter {
  return filters.length === 1 ? filters[0]! : { op, of: filters };
}

function parseConstant(field: FieldDefinition, text: string): FieldConstant {
  const value = constantReaders[field.type](text);
  if (value === undefined)
    throw parameterFault(
      'where',
      text,
      `${constantNames[field.type]} to compare the ${field.type} ${quoted(field.name)} with`,
    );
  return value;
}

const constantNames = {
  float: 'a finite number',
  long: 'a 64-bit integer',
  boolean: 'true or false',
  string: 'text',
} as const;

const constantReaders: Readonly<Record<FieldDefinition['type'], (text: string) => FieldConstant | undefined>> = {
  float(text) {
    const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
    return Number.isFinite(value) ? value : undefined;
  },
  long(text) {
    if (!/^[+-]?\d{1,19}$/.test(text)) return undefined;
    const value = BigInt(text[0] === '+' ? text.slice(1) : text);
    // -2^63 is q's null.
    return value < 2n ** 63n && value > -(2n ** 63n) ? value : undefined;
  },
  boolean: (text) => (text === 'true' ? true : text === 'false' ? false : undefined),
  string: (text) => text,
};

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
