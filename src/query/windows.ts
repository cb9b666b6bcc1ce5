// Windows over the rows of a group, in the order of time: buckets, with those that fill has added. A null is left out of every window.

import { apiError } from '../base/errors.ts';
import type { Column, QueryResult } from '../kdb/engine.ts';
import { memberFault, quoted, SpecFault } from './fault.ts';
import type { WindowFunction, WindowRequest } from './request.ts';
import { columnNamed, type Group, groupsOf, isNull, nullLong } from './rows.ts';

type Numbers = Extract<Column, { kind: 'float' | 'long' }>;

/** The result with a column more for each. */
export function addWindows(result: QueryResult, windows: readonly WindowRequest[], descending: boolean): QueryResult {
  const groups = groupsOf(result);
  const columns = [...result.columns];
  const sofar = { ...result, columns };
  for (const [i, window] of windows.entries()) {
    const column = numbersNamed(sofar, window.column, `windows[${i}].column`);
    const name = window.as ?? `${window.function}_${window.column}`;
    if (columnNamed(sofar, name)) throw new SpecFault(`windows[${i}].as`, `there is a column ${quoted(name)} already`);
    columns.push({ ...compute(column, window, groups, descending, `windows[${i}]`), name });
  }
  return sofar;
}

function numbersNamed(result: QueryResult, name: string, path: string): Numbers {
  const column = columnNamed(result, name);
  if (column?.kind === 'float' || column?.kind === 'long') return column;
  const numeric = result.columns.filter(({ kind }) => kind === 'float' || kind === 'long');
  throw memberFault(path, name, `a column of numbers: ${numeric.map((each) => each.name).join(', ')}`);
}

const sized: readonly WindowFunction[] = [
  ...(['movingAverage', 'movingSum', 'movingMin', 'movingMax', 'exponentialMovingAverage'] as const),
];

function compute(
  column: Numbers,
  { function: name, size }: WindowRequest,
  groups: readonly Group[],
  descending: boolean,
  path: string,
): Numbers {
  if (sized.includes(name) !== (size !== undefined))
    throw new SpecFault(
      `${path}.size`,
      size === undefined ? `is missing: ${name} needs it` : `does not go with ${name}`,
    );
  const rows = column.values.length;
  const none = isNull(column);
  const isExact = column.kind === 'long' && name !== 'movingAverage' && name !== 'exponentialMovingAverage';
  const out: Numbers = isExact
    ? { kind: 'long', name: '', values: new BigInt64Array(rows).fill(nullLong) }
    : { kind: 'float', name: '', values: new Float64Array(rows).fill(Number.NaN) };
  for (const { start, end } of groups) {
    const step = isExact
      ? longSteps[name as keyof typeof longSteps](size ?? 0, column.name)
      : floatSteps[name](size ?? 0);
    for (let i = 0; i < end - start; i++) {
      const row = descending ? end - 1 - i : start + i;
      const value = none(row) ? null : column.values[row]!;
      const result = isExact
        ? (step as Step<bigint>)(value as bigint | null)
        : (step as Step<number>)(value === null ? null : Number(value));
      if (result !== null) out.values[row] = result as never;
    }
  }
  return out;
}

/** Takes the next row's value, gives its window's. */
type Step<Value> = (value: Value | null) => Value | null;

const floatSteps: Readonly<Record<WindowFunction, (size: number) => Step<number>>> = {
  movingSum: (size) => folded(size, (a, b) => a + b),
  movingMin: (size) => folded(size, Math.min),
  movingMax: (size) => folded(size, Math.max),
  movingAverage(size) {
    const sum = folded<number>(size, (a, b) => a + b);
    const count = folded<number>(size, (a, b) => a + b);
    return (value) => {
      const values = count(value === null ? null : 1);
      const total = sum(value);
      return total === null ? null : total / values!;
    };
  },
  exponentialMovingAverage(size) {
    const weight = 2 / (size + 1);
    let average: number | null = null;
    return (value) => {
      if (value !== null) average = average === null ? value : average + weight * (value - average);
      return average;
    };
  },
  cumulativeSum() {
    let sum: number | null = null;
    return (value) => {
      if (value !== null) sum = (sum ?? 0) + value;
      return sum;
    };
  },
  difference() {
    let last: number | null = null;
    return (value) => {
      const result = value === null || last === null ? null : value - last;
      last = value ?? last;
      return result;
    };
  },
};

type Exact = Exclude<WindowFunction, 'movingAverage' | 'exponentialMovingAverage'>;

const longSteps: Readonly<Record<Exact, (size: number, field: string) => Step<bigint>>> = {
  movingSum: (size, field) =>
    checked(
      folded(size, (a, b) => a + b),
      field,
    ),
  // Math.min and max take no bigint.
  movingMin: (size) => folded(size, (a, b) => [a, b][Number(b < a)]!),
  movingMax: (size) => folded(size, (a, b) => [a, b][Number(b > a)]!),
  cumulativeSum(_, field) {
    let sum: bigint | null = null;
    return checked((value) => {
      if (value !== null) sum = (sum ?? 0n) + value;
      return sum;
    }, field);
  },
  difference(_, field) {
    let last: bigint | null = null;
    return checked((value) => {
      const result = value === null || last === null ? null : value - last;
      last = value ?? last;
      return result;
    }, field);
  },
};

/** -2^63 is the null. */
function checked(step: Step<bigint>, field: string): Step<bigint> {
  return (value) => {
    const result = step(value);
    if (result !== null && (result <= nullLong || result >= 2n ** 63n)) throw apiError('LongOverflow', { field });
    return result;
  };
}

/**
 * The last `size` values folded into one. Two stacks make a queue: the front one holds folds of what it was filled with, the back one is folded as it grows. So
 * a row costs the same whatever the size, and nothing is ever subtracted: sums do not drift.
 */
function folded<Value extends number | bigint>(size: number, fold: (a: Value, b: Value) => Value): Step<Value> {
  let front: (Value | null)[] = [];
  let back: (Value | null)[] = [];
  let backFold: Value | null = null;
  const both = (a: Value | null, b: Value | null): Value | null => (a === null ? b : b === null ? a : fold(a, b));
  return (value) => {
    if (front.length + back.length === size) {
      if (front.length === 0) {
        let sum: Value | null = null;
        front = [];
        for (let i = back.length - 1; i >= 0; i--) {
          sum = both(back[i]!, sum);
          front.push(sum);
        }
        back = [];
        backFold = null;
      }
      front.pop();
    }
    back.push(value);
    backFold = both(backFold, value);
    return both(front.at(-1) ?? null, backFold);
  };
}
