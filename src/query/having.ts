// `having` of a request: which rows of the result are kept, by the values of its columns.

import type { Column, QueryResult } from '../kdb/engine.ts';
import { memberFault, SpecFault } from './fault.ts';
import type { Constant, Having, HavingOperator } from './request.ts';
import { cellOf, columnNamed } from './rows.ts';
import { kindOf } from './where.ts';

type Test = (row: number) => boolean;

const maxDepth = 16;

export function testOf(result: QueryResult, having: Having, path = 'having', depth = 1): Test {
  if (depth > maxDepth) throw new SpecFault(path, `nests deeper than ${maxDepth}`);
  const inner = (node: Having, member: string): Test => testOf(result, node, `${path}.${member}`, depth + 1);
  switch (kindOf(having, path, ['and', 'or', 'not', 'column'])) {
    case 'and': {
      const tests = having.and!.map((node, i) => inner(node, `and[${i}]`));
      return (row) => tests.every((test) => test(row));
    }
    case 'or': {
      const tests = having.or!.map((node, i) => inner(node, `or[${i}]`));
      return (row) => tests.some((test) => test(row));
    }
    case 'not': {
      const test = inner(having.not!, 'not');
      return (row) => !test(row);
    }
    case 'column':
      return columnTest(result, having, path);
  }
}

function columnTest(result: QueryResult, { column: name, op, value }: Having, path: string): Test {
  const column = columnNamed(result, name!);
  if (!column || column.kind === 'time') {
    const others = result.columns.filter(({ kind }) => kind !== 'time').map((each) => each.name);
    throw memberFault(`${path}.column`, name!, `a column of the result: ${others.join(', ')}`);
  }
  const cell = cellOf(column);
  if (op === 'is null') {
    if (value !== undefined) throw new SpecFault(`${path}.value`, 'does not go with is null');
    return (row) => cell(row) === null;
  }
  const isNumber = column.kind === 'float' || column.kind === 'long';
  if (!isNumber && op !== '=' && op !== '!=')
    throw new SpecFault(`${path}.op`, `${op} does not work on ${name}, which is ${column.kind}`);
  if (op === 'between') {
    if (typeof value !== 'object' || value.length !== 2)
      throw new SpecFault(`${path}.value`, 'must be a list of two: the least and the greatest');
    const [least, greatest] = value.map((each, i) => constantOf(column, each, `${path}.value[${i}]`));
    return (row) => {
      const found = cell(row);
      return found !== null && found >= least! && found <= greatest!;
    };
  }
  if (value === undefined) throw new SpecFault(path, 'value is missing');
  if (typeof value === 'object') throw new SpecFault(`${path}.value`, `is a list, ${op} compares with one value`);
  const constant = constantOf(column, value, `${path}.value`);
  const compare = comparisons[op!];
  return (row) => {
    const found = cell(row);
    return found !== null && compare(found, constant);
  };
}

type Comparable = string | number | bigint | boolean;

// biome-ignore-start lint/suspicious/noDoubleEquals: a bigint equals a number of the same value by == only
const comparisons: Readonly<
  Record<Exclude<HavingOperator, 'between' | 'is null'>, (a: Comparable, b: Comparable) => boolean>
> = {
  '=': (a, b) => a == b,
  '!=': (a, b) => a != b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
};
// biome-ignore-end lint/suspicious/noDoubleEquals: as above

/** Integers may be given as text, for the digits that a number of JSON does not hold. */
function constantOf({ kind, name }: Column, given: Constant, path: string): Comparable {
  if (kind === 'float' || kind === 'long') {
    if (typeof given === 'number') return given;
    if (typeof given === 'string' && /^-?\d{1,19}$/.test(given)) return BigInt(given);
    throw memberFault(path, String(given), `a number to compare ${name} with`);
  }
  const expected = kind === 'boolean' ? 'boolean' : 'string';
  if (typeof given !== expected)
    throw memberFault(
      path,
      String(given),
      `${expected === 'string' ? 'text' : 'true or false'} to compare ${name} with`,
    );
  return given;
}
