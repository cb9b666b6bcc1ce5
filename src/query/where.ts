// `where` of a request as the engine's filter.

import { apiError } from '../base/errors.ts';
import { maxFilterDepth } from '../kdb/contract.ts';
import type { Comparison, FieldConstant, FieldDefinition, Filter, SeriesDefinition } from '../kdb/engine.ts';
import { memberFault, quoted, SpecFault } from './fault.ts';
import type { Constant, Where, WhereOperator } from './request.ts';

/** Values of a tag that match an expression; what is asked for is found before the filter is made (tag-regex.ts). */
export type TagMatches = (tag: string, expression: string) => readonly string[];

/** Lists of values, groups by rank and the fields of a sample nest a filter deeper. */
const maxDepth = maxFilterDepth - 4;

const comparisons: Partial<Record<WhereOperator, Comparison>> = {
  '=': 'eq',
  '!=': 'ne',
  '<': 'lt',
  '<=': 'le',
  '>': 'gt',
  '>=': 'ge',
};

export function filterOf(
  series: SeriesDefinition,
  where: Where,
  matches: TagMatches,
  path = 'where',
  depth = 1,
): Filter {
  if (depth > maxDepth) throw new SpecFault(path, `nests deeper than ${maxDepth}`);
  const inner = (node: Where, member: string): Filter =>
    filterOf(series, node, matches, `${path}.${member}`, depth + 1);
  switch (kindOf(where, path)) {
    case 'and':
    case 'or': {
      const op = where.and ? 'and' : 'or';
      return combine(
        op,
        where[op]!.map((node, i) => inner(node, `${op}[${i}]`)),
      );
    }
    case 'not':
      return { op: 'not', of: inner(where.not!, 'not') };
    case 'tag':
      return tagFilter(series, where, matches, path);
    case 'field':
      return fieldFilter(series, where, path);
  }
}

const kinds = ['and', 'or', 'not', 'tag', 'field'] as const;

/** Also for `having`. */
export function kindOf<Kind extends string = (typeof kinds)[number]>(
  node: object,
  path: string,
  names: readonly Kind[] = kinds as readonly string[] as readonly Kind[],
): Kind {
  const given = names.filter((name) => name in node);
  if (given.length !== 1) throw new SpecFault(path, `must have one of ${names.join(', ')}`);
  const isLeaf = !['and', 'or', 'not'].includes(given[0]!);
  for (const member of ['op', 'value'])
    if (!isLeaf && member in node) throw new SpecFault(`${path}.${member}`, `does not go with ${given[0]}`);
  if (isLeaf && !('op' in node)) throw new SpecFault(path, 'op is missing');
  return given[0]!;
}

function combine(op: 'and' | 'or', filters: readonly Filter[]): Filter {
  return filters.length === 1 ? filters[0]! : { op, of: filters };
}

function tagFilter(series: SeriesDefinition, where: Where, matches: TagMatches, path: string): Filter {
  const tag = where.tag!;
  const op = where.op!;
  if (!series.tags.includes(tag))
    throw new SpecFault(`${path}.tag`, apiError('TagNotFound', { series: series.series, tag }));
  const among = (values: readonly string[]): Filter => ({ op: 'in', tag, values: [...new Set(values)] });
  switch (op) {
    case '=':
    case '!=': {
      const only = among([textOf(single(where, path), `${path}.value`)]);
      return op === '=' ? only : { op: 'not', of: only };
    }
    case 'in':
    case 'not in': {
      const any = among(listOf(where, path).map((value, i) => textOf(value, `${path}.value[${i}]`)));
      return op === 'in' ? any : { op: 'not', of: any };
    }
    case 'regex':
      return among(matches(tag, textOf(single(where, path), `${path}.value`)));
    default:
      throw new SpecFault(`${path}.op`, apiError('FilterNotSupported', { operator: op, name: tag, type: 'a tag' }));
  }
}

function textOf(value: Constant, path: string): string {
  if (typeof value !== 'string') throw memberFault(path, String(value), 'text: values of tags are text');
  return value;
}

function fieldFilter(series: SeriesDefinition, where: Where, path: string): Filter {
  const name = where.field!;
  const op = where.op!;
  const field = series.fields.find((candidate) => candidate.name === name);
  if (!field) throw new SpecFault(`${path}.field`, apiError('FieldNotFound', { series: series.series, field: name }));
  const isEquality = ['=', '!=', 'in', 'not in', 'is null'].includes(op);
  if (op === 'regex' || (!isEquality && field.type === 'boolean'))
    throw new SpecFault(`${path}.op`, apiError('FilterNotSupported', { operator: op, name, type: field.type }));
  const test = (comparison: Comparison, value: Constant, at: string): Filter => ({
    op: comparison,
    field: name,
    value: constantOf(field, value, at),
  });
  switch (op) {
    case 'is null':
      if ('value' in where) throw new SpecFault(`${path}.value`, 'does not go with is null');
      return { op: 'null', field: name };
    case 'in':
    case 'not in': {
      const [comparison, how] = op === 'in' ? (['eq', 'or'] as const) : (['ne', 'and'] as const);
      return combine(
        how,
        listOf(where, path).map((value, i) => test(comparison, value, `${path}.value[${i}]`)),
      );
    }
    case 'between': {
      const values = listOf(where, path);
      if (values.length !== 2) throw new SpecFault(`${path}.value`, 'must be two: the least and the greatest');
      return {
        op: 'and',
        of: [test('ge', values[0]!, `${path}.value[0]`), test('le', values[1]!, `${path}.value[1]`)],
      };
    }
    default:
      return test(comparisons[op]!, single(where, path), `${path}.value`);
  }
}

function single({ op, value }: Where, path: string): Constant {
  if (value === undefined) throw new SpecFault(path, 'value is missing');
  if (typeof value === 'object') throw new SpecFault(`${path}.value`, `is a list, ${op} compares with one value`);
  return value;
}

function listOf({ op, value }: Where, path: string): readonly Constant[] {
  if (value === undefined) throw new SpecFault(path, 'value is missing');
  if (typeof value !== 'object') throw new SpecFault(`${path}.value`, `must be a list for ${op}`);
  if (value.length === 0) throw new SpecFault(`${path}.value`, 'is an empty list');
  return value;
}

/** As JSON gives it, or as text: numbers of JSON are doubles, which do not hold every 64-bit integer. */
export function constantOf(field: FieldDefinition, given: Constant, path: string): FieldConstant {
  const value = typeof given === 'string' ? readers[field.type](given) : fromJson(field, given);
  if (value === undefined)
    throw memberFault(
      path,
      String(given),
      `${names[field.type]} to compare the ${field.type} ${quoted(field.name)} with`,
    );
  return value;
}

function fromJson({ type }: FieldDefinition, given: number | boolean): FieldConstant | undefined {
  if (typeof given === 'boolean') return type === 'boolean' ? given : undefined;
  if (type === 'float') return given;
  return type === 'long' && Number.isSafeInteger(given) ? BigInt(given) : undefined;
}

const names = {
  float: 'a finite number',
  long: 'a 64-bit integer',
  boolean: 'true or false',
  string: 'text',
} as const;

const readers: Readonly<Record<FieldDefinition['type'], (text: string) => FieldConstant | undefined>> = {
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
