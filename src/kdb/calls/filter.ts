import { maxFilterDepth } from '../contract.ts';
import type { Comparison, FieldConstant, Filter } from '../engine.ts';
import { Chars, type QValue, Sym, Symbols } from '../qvalue.ts';
import { fault, GrammarFault, list, symbol, symbols } from './grammar.ts';

const comparisons: ReadonlySet<string> = new Set<Comparison>(['eq', 'ne', 'lt', 'le', 'gt', 'ge']);

export function encodeFilter(filter: Filter, depth = 1): QValue {
  checkDepth(depth);
  const op = new Sym(filter.op);
  switch (filter.op) {
    case 'and':
    case 'or':
      return [op, filter.of.map((inner) => encodeFilter(inner, depth + 1))];
    case 'not':
      return [op, encodeFilter(filter.of, depth + 1)];
    case 'in':
      return [op, new Sym(filter.tag), new Symbols(filter.values)];
    case 'null':
      return [op, new Sym(filter.field)];
    default:
      return [op, new Sym(filter.field), encodeConstant(filter.value)];
  }
}

export function decodeFilter(value: QValue, depth = 1): Filter {
  checkDepth(depth);
  const [op, first, second, ...more] = list(value, 'filter');
  const name = symbol(op ?? null, 'operator');
  const unary = name === 'and' || name === 'or' || name === 'not' || name === 'null';
  if (first === undefined || more.length > 0 || (second === undefined) !== unary)
    throw new GrammarFault(`operator ${name} does not have its operands`);
  if (name === 'and' || name === 'or')
    return { op: name, of: list(first, name).map((inner) => decodeFilter(inner, depth + 1)) };
  if (name === 'not') return { op: name, of: decodeFilter(first, depth + 1) };
  if (name === 'null') return { op: name, field: symbol(first, 'field') };
  if (name === 'in') return { op: name, tag: symbol(first, 'tag'), values: symbols(second!, 'values') };
  if (!comparisons.has(name)) throw new GrammarFault('a filter has an unknown operator');
  return { op: name as Comparison, field: symbol(first, 'field'), value: decodeConstant(second!) };
}

function checkDepth(depth: number): void {
  if (depth > maxFilterDepth) throw new GrammarFault(`a filter nests deeper than ${maxFilterDepth}`);
}

function encodeConstant(value: FieldConstant): QValue {
  return typeof value === 'string' ? Chars.of(value) : value;
}

function decodeConstant(value: QValue): FieldConstant {
  if (value instanceof Chars) return value.toString();
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return value;
  throw fault('a constant', 'a float, long, boolean or char vector');
}
