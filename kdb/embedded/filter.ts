// A filter is decided per tag set as far as tags go; what is left asks for fields and is decided per row, after rows are resolved.

import type { Comparison, FieldConstant, FieldType, Filter } from '../../src/kdb/engine.ts';
import { EngineError } from '../../src/kdb/engine-error.ts';
import type { Value } from './columns.ts';
import type { SeriesStore } from './series-store.ts';

/** The fields that a filter asks for. */
export function filterFields(filter: Filter | null, series: SeriesStore): readonly number[] {
  return compileFilter(filter, series).fields;
}

/** The value of a field of the row at hand, by field number. */
export type ReadField = (field: number) => Value | null;
export type RowTest = (read: ReadField) => boolean;

/** Decided for one tag set: every row matches, none does, or each row is asked. */
export type Decision = boolean | RowTest;

export interface CompiledFilter {
  decide(id: number): Decision;
  /** Tag sets outside of these (ascending) are not selected; null: any may be. */
  readonly candidates: readonly number[] | null;
  /** Numbers of the fields that rows are asked for. */
  readonly fields: readonly number[];
}

export function compileFilter(filter: Filter | null, series: SeriesStore): CompiledFilter {
  if (filter === null) return { decide: () => true, candidates: null, fields: [] };
  const fields = new Set<number>();
  return { decide: compile(filter, series, fields), candidates: candidatesOf(filter, series), fields: [...fields] };
}

function compile(filter: Filter, series: SeriesStore, fields: Set<number>): (id: number) => Decision {
  switch (filter.op) {
    case 'and':
    case 'or': {
      const parts = filter.of.map((part) => compile(part, series, fields));
      return filter.op === 'and' ? (id) => all(parts, id) : (id) => any(parts, id);
    }
    case 'not': {
      const inner = compile(filter.of, series, fields);
      return (id) => {
        const decision = inner(id);
        return typeof decision === 'boolean' ? !decision : (read) => !decision(read);
      };
    }
    case 'in': {
      const tag = tagNumber(series, filter.tag);
      const numbers = new Set(filter.values.flatMap((value) => series.tagSets.numberOf(tag, value) ?? []));
      const index = series.tagSets.index[tag]!;
      if (numbers.size === 1) {
        const [wanted] = numbers;
        return (id) => index[id] === wanted;
      }
      return (id) => numbers.has(index[id]!);
    }
    case 'null': {
      const field = fieldNumber(series, filter.field);
      fields.add(field);
      const test: RowTest = (read) => read(field) === null;
      return () => test;
    }
    default: {
      const field = fieldNumber(series, filter.field);
      fields.add(field);
      const test = comparison(filter.op, filter.field, field, series.fields[field]!.type, filter.value);
      return () => test;
    }
  }
}

/** Found from the tag values, so that one host of a million costs no look at the others. */
function candidatesOf(filter: Filter, series: SeriesStore): readonly number[] | null {
  switch (filter.op) {
    case 'in': {
      const tag = tagNumber(series, filter.tag);
      const lists = filter.values.map((value) => {
        const number = series.tagSets.numberOf(tag, value);
        return number === undefined ? [] : series.tagSets.idsWith(tag, number);
      });
      return union(lists);
    }
    case 'and': {
      const lists = filter.of.flatMap((part) => {
        const list = candidatesOf(part, series);
        return list === null ? [] : [list];
      });
      return lists.length === 0 ? null : lists.reduce((a, b) => (b.length < a.length ? b : a));
    }
    case 'or': {
      const lists = filter.of.map((part) => candidatesOf(part, series));
      return lists.some((list) => list === null) ? null : union(lists as (readonly number[])[]);
    }
    default:
      return null;
  }
}

function union(lists: readonly (readonly number[])[]): readonly number[] {
  if (lists.length === 1) return lists[0]!;
  return [...new Set(lists.flat())].sort((a, b) => a - b);
}

function all(parts: readonly ((id: number) => Decision)[], id: number): Decision {
  const tests: RowTest[] = [];
  for (const part of parts) {
    const decision = part(id);
    if (decision === false) return false;
    if (decision !== true) tests.push(decision);
  }
  if (tests.length <= 1) return tests[0] ?? true;
  return (read) => tests.every((test) => test(read));
}

function any(parts: readonly ((id: number) => Decision)[], id: number): Decision {
  const tests: RowTest[] = [];
  for (const part of parts) {
    const decision = part(id);
    if (decision === true) return true;
    if (decision !== false) tests.push(decision);
  }
  if (tests.length <= 1) return tests[0] ?? false;
  return (read) => tests.some((test) => test(read));
}

/** A comparison with null is false. Numbers and BigInts compare exactly. */
function comparison(op: Comparison, name: string, field: number, type: FieldType, constant: FieldConstant): RowTest {
  const given = typeof constant;
  const fits = type === 'float' || type === 'long' ? given === 'number' || given === 'bigint' : given === type;
  if (!fits || (type === 'boolean' && op !== 'eq' && op !== 'ne'))
    throw new EngineError('FilterNotSupported', op, name, type);
  const sign: (value: Value) => number =
    type === 'string'
      ? (value) => compareText(value as string, constant as string)
      : (value) => (value < constant ? -1 : value > constant ? 1 : 0);
  const accepts = accepted[op];
  return (read) => {
    const value = read(field);
    return value !== null && accepts(sign(value));
  };
}

const accepted: Record<Comparison, (sign: number) => boolean> = {
  eq: (sign) => sign === 0,
  ne: (sign) => sign !== 0,
  lt: (sign) => sign < 0,
  le: (sign) => sign <= 0,
  gt: (sign) => sign > 0,
  ge: (sign) => sign >= 0,
};

/** By code point, as UTF-8 bytes sort; JavaScript's own order puts surrogates below U+E000. */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    let x = a.charCodeAt(i);
    let y = b.charCodeAt(i);
    if (x === y) continue;
    if (x >= 0xd800 && x < 0xe000) x += 0x10000;
    if (y >= 0xd800 && y < 0xe000) y += 0x10000;
    return x - y;
  }
  return a.length - b.length;
}

export function tagNumber(series: SeriesStore, name: string): number {
  const number = series.tagNumbers.get(name);
  if (number === undefined) throw new EngineError('TagNotFound', series.name, name);
  return number;
}

export function fieldNumber(series: SeriesStore, name: string): number {
  const number = series.fieldNumbers.get(name);
  if (number === undefined) throw new EngineError('FieldNotFound', series.name, name);
  return number;
}
