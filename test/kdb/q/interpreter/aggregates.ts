// From lists to one value, or to a list as long: sum, min, avg, sums, deltas … Nulls of simple lists are passed over; nested lists go item by item.

import { divideBy, fillWith, greaterOf, lesserOf, minus, plus, times, toFloat, unary } from './arithmetic.ts';
import { differs } from './comparison.ts';
import { cells, collapse, count, itemAt, itemsOf, match, nullItem, pick, slice } from './lists.ts';
import {
  type Atom,
  atom,
  boolean,
  booleans,
  type Cell,
  dict,
  empty,
  fail,
  float,
  infiniteCell,
  isBig,
  isFloating,
  isList,
  isNullCell,
  long,
  nullCell,
  type Q,
  type Storage,
  storage,
  symbols,
  type Vector,
  vector,
} from './values.ts';

/** An aggregate of a table is one of each column; of a dictionary, of its values. */
function overParts(x: Q, apply: (x: Q) => Q): Q | undefined {
  if (x.kind === 'table') return dict(symbols(x.names), collapse(x.columns.map(apply), true));
  if (x.kind === 'dict') return x.v.kind === 'table' ? apply(x.v) : apply(x.v);
  return undefined;
}

const sumType = (t: number): number => (t === 1 || t === 4 || t === 5 || t === 10 ? 6 : t);

export function sum(x: Q): Q {
  const parts = overParts(x, sum);
  if (parts) return parts;
  if (x.kind === 'atom') return x.t === -11 || x.t === -2 ? fail('type') : x;
  if (x.kind === 'list') return x.v.length === 0 ? long(0) : x.v.reduce((a, b) => plus(a, b));
  if (x.kind !== 'vector' || x.t === 11 || x.t === 2 || x.t === 10) return fail('type');
  const type = sumType(x.t);
  const from = cells(x);
  if (isBig(type)) {
    let total = 0n;
    for (let i = 0; i < from.length; i++) if (from[i] !== nullCell(7)) total += from[i] as bigint;
    return atom(type, BigInt.asIntN(64, total));
  }
  let total = 0;
  for (let i = 0; i < from.length; i++) if (!isNullCell(x.t, from[i]!)) total += from[i] as number;
  return atom(type, isFloating(type) ? (type === 8 ? Math.fround(total) : total) : total | 0);
}

export function product(x: Q): Q {
  const parts = overParts(x, product);
  if (parts) return parts;
  if (x.kind === 'atom') return x;
  if (x.kind === 'list') return x.v.length === 0 ? long(1) : x.v.reduce((a, b) => times(a, b));
  if (x.kind !== 'vector' || x.t === 11 || x.t === 2 || x.t === 10 || x.t > 11) return fail('type');
  const type = sumType(x.t);
  const one = atom(type, isBig(type) ? 1n : 1);
  return itemsOf(x).reduce((a, b) => (isNullCell(b.t, (b as Atom).v) ? a : times(a, b)), one);
}

function extreme(x: Q, isMin: boolean): Q {
  const apply = (part: Q): Q => extreme(part, isMin);
  const parts = overParts(x, apply);
  if (parts) return parts;
  if (x.kind === 'atom') return x;
  const join = isMin ? lesserOf : greaterOf;
  if (x.kind === 'list') return x.v.length === 0 ? extremeStart(7, isMin) : x.v.reduce((a, b) => join(a, b));
  if (x.kind !== 'vector' || x.t === 11 || x.t === 2) return fail('type');
  const from = cells(x);
  let found: Cell | undefined;
  for (let i = 0; i < from.length; i++) {
    const cell = from[i]!;
    if (x.t !== 10 && isNullCell(x.t, cell)) continue;
    if (found === undefined || (isMin ? cell < found : cell > found)) found = cell;
  }
  return found === undefined ? extremeStart(x.t, isMin) : atom(x.t, found);
}
/** min of nothing is the type's infinity, max its negative [ref/min], [ref/max]. */
function extremeStart(t: number, isMin: boolean): Atom {
  if (t === 1) return boolean(isMin);
  if (t === 4) return atom(4, isMin ? 255 : 0);
  if (t === 10) return atom(10, isMin ? 255 : 0);
  const most = infiniteCell(t);
  return atom(t, isMin ? most : typeof most === 'bigint' ? -most : -(most as number));
}
export const min = (x: Q): Q => extreme(x, true);
export const max = (x: Q): Q => extreme(x, false);

/** Of booleans as all and any take them: what is not 0. */
export function all(x: Q): Q {
  if (x.kind === 'dict') return all(x.v);
  if (x.kind === 'table') return dict(symbols(x.names), collapse(x.columns.map(all)));
  if (x.kind === 'list') return x.v.length === 0 ? boolean(true) : x.v.map(truth).reduce((a, b) => lesserOf(a, b));
  const flags = truth(x);
  return flags.kind === 'atom' ? flags : boolean(!(flags as Vector).v.includes(0 as never));
}
export function any(x: Q): Q {
  if (x.kind === 'dict') return any(x.v);
  if (x.kind === 'table') return dict(symbols(x.names), collapse(x.columns.map(any)));
  if (x.kind === 'list') return x.v.length === 0 ? boolean(false) : x.v.map(truth).reduce((a, b) => greaterOf(a, b));
  const flags = truth(x);
  return flags.kind === 'atom' ? flags : boolean((flags as Vector).v.includes(1 as never));
}
function truth(x: Q): Q {
  return unary(
    x,
    (t) => (t === 11 || t === 2 ? fail('type') : 1),
    (_t, cell) => (Number(cell) === 0 ? 0 : 1),
  );
}

/** The given cells as floats. */
function floatsOf(x: Q): number[] {
  if (x.kind !== 'vector' && x.kind !== 'atom') return fail('type');
  if (Math.abs(x.t) === 11 || Math.abs(x.t) === 2) return fail('type');
  const from = x.kind === 'atom' ? [x.v] : cells(x);
  const out: number[] = [];
  for (let i = 0; i < from.length; i++) if (!isNullCell(x.t, from[i]!)) out.push(toFloat(x.t, from[i]!));
  return out;
}
const total = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

export function avg(x: Q): Q {
  const parts = overParts(x, avg);
  if (parts) return parts;
  if (x.kind === 'list') return x.v.length === 0 ? float(Number.NaN) : divideBy(sum(x), long(x.v.length));
  const numbers = floatsOf(x);
  return float(numbers.length === 0 ? Number.NaN : total(numbers) / numbers.length);
}
function variance(numbers: readonly number[], less: number): number {
  if (numbers.length <= less) return Number.NaN;
  const mean = total(numbers) / numbers.length;
  return total(numbers.map((number) => (number - mean) ** 2)) / (numbers.length - less);
}
const statistic =
  (of: (numbers: readonly number[]) => number) =>
  (x: Q): Q => {
    const apply = statistic(of);
    return (
      overParts(x, apply) ??
      (x.kind === 'list' ? (x.v.length === 0 ? float(Number.NaN) : fail('type')) : float(of(floatsOf(x))))
    );
  };
export const variancePopulation = statistic((numbers) => variance(numbers, 0));
export const varianceSample = statistic((numbers) => variance(numbers, 1));
export const deviation = statistic((numbers) => Math.sqrt(variance(numbers, 0)));
export const deviationSample = statistic((numbers) => Math.sqrt(variance(numbers, 1)));
export const median = statistic((numbers) => {
  if (numbers.length === 0) return Number.NaN;
  const sorted = [...numbers].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
});

/** Two integer vectors become floats first; anything else is sum x*y [ref/sum#wsum]. */
export const weightedSum = (w: Q, x: Q): Q =>
  sum(
    times(
      w.kind === 'vector' && x.kind === 'vector' && !isFloating(w.t) && !isFloating(x.t)
        ? unary(w, () => 9, toFloat)
        : w,
      x,
    ),
  );
export function weightedAverage(w: Q, x: Q): Q {
  const weights = unary(w, () => 9, toFloat);
  const values = unary(x, () => 9, toFloat);
  const given = times(
    weights,
    unary(
      values,
      () => 9,
      (_t, cell) => (Number.isNaN(cell) ? Number.NaN : 1),
    ),
  );
  return divideBy(sum(times(weights, values)), sum(given));
}
export function covariance(x: Q, y: Q): number {
  const a = unary(x, () => 9, toFloat);
  const b = unary(y, () => 9, toFloat);
  return ((avg(times(a, b)) as Atom).v as number) - ((avg(a) as Atom).v as number) * ((avg(b) as Atom).v as number);
}

// ---- as long as the list ----

/** Each with the result before it; nulls are passed over in simple lists. */
function running(
  x: Q,
  step: (a: Q, b: Q) => Q,
  start: (t: number) => Cell | undefined,
  typeOf: (t: number) => number,
): Q {
  if (x.kind === 'dict') return dict(x.k, running(x.v, step, start, typeOf));
  if (x.kind === 'table') return { ...x, columns: x.columns.map((column) => running(column, step, start, typeOf)) };
  if (x.kind === 'atom') return x;
  if (x.kind === 'list') {
    let last: Q | undefined;
    return collapse(
      x.v.map((item) => {
        last = last === undefined ? item : step(last, item);
        return last;
      }),
    );
  }
  if (x.kind !== 'vector' || x.t === 11 || x.t === 2) return fail('type');
  const type = typeOf(x.t);
  const out = storage(type, x.v.length) as Cell[];
  let last: Q = atom(type, start(type)!);
  for (let i = 0; i < out.length; i++) {
    const item = itemAt(x, i);
    if (x.t === 10 || !isNullCell(x.t, (item as Atom).v)) last = step(last, item);
    out[i] = (last as Atom).v;
  }
  return vector(type, out as Storage);
}
const notChars = (t: number): number => (t === 10 ? fail('type') : sumType(t));
export const sums = (x: Q): Q => running(x, plus, (t) => (isBig(t) ? 0n : 0), notChars);
export const products = (x: Q): Q => running(x, times, (t) => (isBig(t) ? 1n : 1), notChars);
export const mins = (x: Q): Q =>
  running(
    x,
    lesserOf,
    (t) => extremeStart(t, true).v,
    (t) => t,
  );
export const maxs = (x: Q): Q =>
  running(
    x,
    greaterOf,
    (t) => extremeStart(t, false).v,
    (t) => t,
  );
export function fills(x: Q): Q {
  if (x.kind === 'dict') return dict(x.k, fills(x.v));
  if (x.kind === 'table') return { ...x, columns: x.columns.map(fills) };
  if (!isList(x)) return x;
  let last: Q | undefined;
  return x.v.length === 0
    ? x
    : collapse(
        itemsOf(x).map((item) => {
          last = last === undefined ? item : fillWith(last, item);
          return last;
        }),
      );
}

export function previous(x: Q, by = 1): Q {
  if (x.kind === 'dict') return dict(x.k, previous(x.v, by));
  if (x.kind === 'atom') return fail('type');
  return pick(
    x,
    Array.from({ length: count(x) }, (_, place) => place - by),
  );
}
/** The first item is as it is [ref/deltas]. */
function withPrevious(x: Q, step: (a: Q, b: Q) => Q): Q {
  if (x.kind === 'dict') return dict(x.k, withPrevious(x.v, step));
  if (x.kind === 'table') return { ...x, columns: x.columns.map((column) => withPrevious(column, step)) };
  if (!isList(x)) return x;
  if (x.v.length === 0) return x;
  if (x.kind === 'list') return collapse(x.v.map((item, place) => (place === 0 ? item : step(item, x.v[place - 1]!))));
  const rest = step(slice(x, 1, x.v.length), slice(x, 0, x.v.length - 1)) as Vector;
  const first = step(slice(x, 0, 1), vector(x.t, zeroes(x.t))) as Vector;
  return rest.t === first.t
    ? collapse([itemAt(first, 0), ...itemsOf(rest)])
    : collapse([itemAt(x, 0), ...itemsOf(rest)]);
}
const zeroes = (t: number): Storage => storage(t, 1);
export function deltas(x: Q): Q {
  return withPrevious(x, minus);
}
export const ratios = (x: Q): Q =>
  isList(x) && x.v.length > 0
    ? collapse(
        itemsOf(x).map((item, place) =>
          place === 0 ? unary(item, () => 9, toFloat) : divideBy(item, itemAt(x, place - 1)),
        ),
      )
    : x;
export function differ(x: Q): Q {
  if (x.kind === 'vector' && x.v.length > 1) {
    const rest = differs(slice(x, 1, x.v.length), slice(x, 0, x.v.length - 1)) as Vector;
    return booleans(Uint8Array.from([1, ...(rest.v as Uint8Array)]));
  }
  return booleans(
    Uint8Array.from({ length: count(x) }, (_, place) =>
      place === 0 || !match(itemAt(x, place), itemAt(x, place - 1)) ? 1 : 0,
    ),
  );
}

export function first(x: Q): Q {
  if (x.kind === 'dict') return first(x.v);
  if (x.kind === 'atom' || x.t >= 100) return x;
  return count(x) === 0 ? (x.kind === 'list' ? empty : nullItem(x)) : itemAt(x, 0);
}
export function last(x: Q): Q {
  if (x.kind === 'dict') return last(x.v);
  if (x.kind === 'atom' || x.t >= 100) return x;
  return count(x) === 0 ? (x.kind === 'list' ? empty : nullItem(x)) : itemAt(x, count(x) - 1);
}

/** Over the last so many items, fewer at the start [ref/sum#msum]. */
export function moving(width: Q, x: Q, aggregate: (part: Q) => Q): Q {
  if (x.kind === 'dict') return dict(x.k, moving(width, x.v, aggregate));
  if (x.kind === 'table') return { ...x, columns: x.columns.map((column) => moving(width, column, aggregate)) };
  if (width.kind !== 'atom' || isFloating(width.t)) return fail('type');
  const size = Number(width.v);
  return collapse(
    Array.from({ length: count(x) }, (_, place) => aggregate(slice(x, Math.max(0, place + 1 - size), place + 1))),
  );
}
