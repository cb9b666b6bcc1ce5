// A filter is decided per tag set as far as tags go; what is left asks for fields and is decided per row, after rows are resolved.

import type { Filter } from '../../../src/kdb/engine.ts';
import { EngineError } from '../../../src/kdb/engine-error.ts';
import { allTest, anyTest, comparisonTest, type FieldTest, isNullTest, notTest } from '../memory/field-test.ts';
import type { SeriesStore } from '../memory/series-store.ts';

/** The fields that a filter asks for. */
export function filterFields(filter: Filter | null, series: SeriesStore): readonly number[] {
  return compileFilter(filter, series).fields;
}

/** Decided for one tag set: every row matches, none does, or each row is asked. */
export type Decision = boolean | FieldTest;

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
  const compiled = compile(filter, series, fields);
  return {
    decide: typeof compiled === 'function' ? compiled : () => compiled,
    candidates: candidatesOf(filter, series),
    fields: [...fields],
  };
}

/** What asks for no tag is decided once for all tag sets. */
type Compiled = Decision | ((id: number) => Decision);

function compile(filter: Filter, series: SeriesStore, fields: Set<number>): Compiled {
  switch (filter.op) {
    case 'and':
    case 'or': {
      const parts = filter.of.map((part) => compile(part, series, fields));
      return filter.op === 'and' ? joined(parts, false, allTest) : joined(parts, true, anyTest);
    }
    case 'not': {
      const inner = compile(filter.of, series, fields);
      if (typeof inner !== 'function') return negated(inner);
      return (id) => negated(inner(id));
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
      return isNullTest(field);
    }
    default: {
      const field = fieldNumber(series, filter.field);
      fields.add(field);
      return comparisonTest(filter.op, filter.field, field, series.fields[field]!.type, filter.value);
    }
  }
}

function negated(decision: Decision): Decision {
  return typeof decision === 'boolean' ? !decision : notTest(decision);
}

/** `and`: false decides, the others have all to hold; `or`: true decides, one has to hold. */
function joined(
  parts: readonly Compiled[],
  decisive: boolean,
  join: (tests: readonly FieldTest[]) => FieldTest,
): Compiled {
  const ofFields = parts.filter((part) => typeof part === 'object');
  const ofTags = parts.filter((part) => typeof part === 'function');
  if (parts.includes(decisive)) return decisive;
  const always: Decision = ofFields.length > 1 ? join(ofFields) : (ofFields[0] ?? !decisive);
  if (ofTags.length === 0) return always;
  return (id) => {
    const tests: FieldTest[] = [];
    for (const part of ofTags) {
      const decision = part(id);
      if (decision === decisive) return decisive;
      if (typeof decision === 'object') tests.push(decision);
    }
    if (tests.length === 0) return always;
    if (typeof always === 'object') tests.push(always);
    return tests.length === 1 ? tests[0]! : join(tests);
  };
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

/** All of them when none is named. */
export function fieldsNamed(names: readonly string[], series: SeriesStore): readonly number[] {
  return names.length > 0 ? names.map((name) => fieldNumber(series, name)) : series.fields.map((_, field) => field);
}
