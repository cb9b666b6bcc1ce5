// What goes atom by atom, and small words about columns and names.

import { createHash } from 'node:crypto';
import { avg, covariance, deviation } from './aggregates.ts';
import { atomic, divideBy, lesserOf, minus, nanoseconds, plus, times, toFloat, unary } from './arithmetic.ts';
import { lessOrEqual, moreOrEqual } from './comparison.ts';
import { cells, collapse, count, enlist, itemAt, itemsOf, slice } from './lists.ts';
import { gradePlaces, longVector } from './order.ts';
import {
  type Atom,
  atom,
  boolean,
  type Cell,
  dict,
  empty,
  fail,
  float,
  isBig,
  isFloating,
  isKeyed,
  isList,
  isNothing,
  isNullCell,
  nullCell,
  nullLong,
  type Q,
  type Storage,
  storage,
  symbol,
  symbols,
  type Table,
  table,
  textOf,
  vector,
} from './values.ts';

const onFloat =
  (compute: (value: number) => number) =>
  (x: Q): Q =>
    unary(
      x,
      (t) => (t === 2 || t === 11 ? fail('type') : 9),
      (t, cell) => compute(toFloat(t, cell)),
    );
export const sqrt = onFloat((value) => (value < 0 ? Number.NaN : Math.sqrt(value)));
export const exp = onFloat(Math.exp);
export const log = onFloat((value) => (value < 0 ? Number.NaN : Math.log(value)));
export const sin = onFloat(Math.sin);
export const cos = onFloat(Math.cos);
export const tan = onFloat(Math.tan);
export const asin = onFloat(Math.asin);
export const acos = onFloat(Math.acos);
export const atan = onFloat(Math.atan);
export const power = atomic((x, y) => {
  const base = unary(x, () => 9, toFloat);
  const to = unary(y, () => 9, toFloat);
  return collapse(pairs(base, to).map(([a, b]) => float(a ** b))).kind === 'vector' &&
    base.kind === 'atom' &&
    to.kind === 'atom'
    ? float((base.v as number) ** (to.v as number))
    : collapse(pairs(base, to).map(([a, b]) => float(a ** b)));
});
function pairs(x: Q, y: Q): [number, number][] {
  const length = x.kind === 'vector' ? x.v.length : count(y);
  const at = (z: Q, i: number): number => (z.kind === 'atom' ? z.v : cells(z as never)[i]) as number;
  return Array.from({ length }, (_, i) => [at(x, i), at(y, i)]);
}

export const abs = (x: Q): Q =>
  unary(
    x,
    (t) => (t === 2 || t === 11 || t === 10 ? fail('type') : t === 1 || t === 4 || t === 5 ? 6 : t),
    (t, cell) =>
      isNullCell(t, cell)
        ? nullCell(Math.abs(t) === 5 ? 6 : t)
        : typeof cell === 'bigint'
          ? cell < 0n
            ? -cell
            : cell
          : Math.abs(cell as number),
  );
/** -1, 0 or 1 as an int; null is below 0 [ref/signum]. */
export const signum = (x: Q): Q =>
  unary(
    x,
    (t) => (t === 2 || t === 11 ? fail('type') : 6),
    (t, cell) => (isNullCell(t, cell) ? -1 : Math.sign(Number(cell))),
  );
/** Whole numbers stay; of moments, booleans and bytes there is none [ref/floor]. */
const whole =
  (round: (value: number) => number) =>
  (x: Q): Q =>
    unary(
      x,
      (t) => (t === 8 || t === 9 ? 7 : t === 5 || t === 6 || t === 7 ? t : fail('type')),
      (t, cell) => {
        if (!isFloating(t)) return cell;
        const value = round(cell as number);
        if (Number.isNaN(value)) return nullLong;
        if (Number.isFinite(value) && Math.abs(value) < 2 ** 63) return BigInt(value);
        return value > 0 ? 2n ** 63n - 1n : -(2n ** 63n - 1n);
      },
    );
export const floor = whole(Math.floor);
export const ceiling = whole(Math.ceil);

/** 1b where it is zero: numbers, moments and chars [ref/not]. */
export const not = (x: Q): Q =>
  unary(
    x,
    (t) => (t === 2 || t === 11 ? fail('type') : 1),
    (_t, cell) => (Number(cell) === 0 ? 1 : 0),
  );

export function isNull(x: Q): Q {
  if (x.kind === 'list') return x.v.length === 0 ? vector(1, new Uint8Array(0)) : collapse(x.v.map(isNull));
  if (x.t >= 100) return boolean(isNothing(x));
  return unary(
    x,
    () => 1,
    (t, cell) => (isNullCell(t, cell) ? 1 : 0),
  );
}
/** 1 where it is given. */
export const given = (x: Q): Q =>
  unary(
    x,
    () => 6,
    (t, cell) => (isNullCell(t, cell) ? 0 : 1),
  );

/** Both bounds belong to it [ref/within]. */
export function within(x: Q, y: Q): Q {
  if (!isList(y) || y.v.length !== 2) return fail('length');
  const [low, high] = itemsOf(y) as [Q, Q];
  if (y.kind === 'vector' && (x.kind === 'atom' || x.kind === 'vector') && (Math.abs(x.t) === 11) !== (y.t === 11))
    return fail('type');
  return lesserOf(moreOrEqual(x, low), lessOrEqual(x, high));
}

/** ?[flags;x;y]: both have one type, or are lists of anything [ref/vector-conditional]. */
export function choose(test: Q, x: Q, y: Q): Q {
  if (test.kind === 'atom') {
    if (test.t !== -1) return fail('type');
    return test.v === 1 ? x : y;
  }
  if (test.kind !== 'vector' || test.t !== 1) return fail('type');
  const length = test.v.length;
  for (const side of [x, y]) if (isList(side) && count(side) !== length) return fail('length');
  if (Math.abs(x.t) !== Math.abs(y.t)) return fail('type');
  const flags = test.v as Uint8Array;
  if ((x.kind === 'atom' || x.kind === 'vector') && (y.kind === 'atom' || y.kind === 'vector')) {
    const out = storage(x.t, length) as Cell[];
    const left = x.kind === 'vector' ? cells(x) : undefined;
    const right = y.kind === 'vector' ? cells(y) : undefined;
    for (let i = 0; i < length; i++)
      out[i] = flags[i] ? (left ? left[i]! : (x as Atom).v) : right ? right[i]! : (y as Atom).v;
    return vector(Math.abs(x.t), out as Storage);
  }
  return collapse(
    Array.from(flags, (flag, i) => (flag ? (isList(x) ? itemAt(x, i) : x) : isList(y) ? itemAt(y, i) : y)),
  );
}

export const prefixes = (x: Q, aggregate: (x: Q) => Q): Q =>
  collapse(Array.from({ length: count(x) }, (_, i) => aggregate(slice(x, 0, i + 1))));
export const covarianceOf = (x: Q, y: Q): Q => float(covariance(x, y));
export const correlation = (x: Q, y: Q): Q => divideBy(float(covariance(x, y)), times(deviation(x), deviation(y)));
export function ema(alpha: Q, x: Q): Q {
  let last: Q | undefined;
  return collapse(
    itemsOf(x).map((item) => {
      last = last === undefined ? plus(item, float(0)) : plus(times(alpha, item), times(minus(float(1), alpha), last));
      return last;
    }),
  );
}
export function xrank(buckets: Q, x: Q): Q {
  const length = count(x);
  const size = Number((buckets as Atom).v);
  const out = new Int32Array(length);
  for (const [place, row] of gradePlaces(x).entries()) out[row] = Math.floor((place * size) / length);
  return longVector(out);
}

// ---- names and columns ----

export const attr = (x: Q): Q => symbol(x.kind === 'vector' || x.kind === 'dict' || x.kind === 'table' ? x.a : '');
export const hsym = (x: Q): Q => {
  const path = (name: string): string => (name.startsWith(':') ? name : `:${name}`);
  if (x.kind === 'atom' && x.t === -11) return symbol(path(x.v as string));
  return x.kind === 'vector' && x.t === 11 ? symbols((x.v as string[]).map(path)) : fail('type');
};
export function md5(x: Q): Q {
  if (x.kind !== 'vector' || x.t !== 10) return fail('type');
  return vector(4, new Uint8Array(createHash('md5').update(textOf(x), 'latin1').digest()));
}
export const cols = (x: Q): Q =>
  x.kind === 'table' ? symbols(x.names) : isKeyed(x) ? symbols([...x.k.names, ...x.v.names]) : fail('type');
export const keys = (x: Q): Q => (isKeyed(x) ? symbols(x.k.names) : x.kind === 'table' ? symbols([]) : fail('type'));
const namesOf = (x: Q): string[] =>
  x.kind === 'atom' && x.t === -11
    ? [x.v as string]
    : x.kind === 'vector' && x.t === 11
      ? (x.v as string[])
      : isList(x) && count(x) === 0
        ? []
        : fail('type');
const plain = (x: Q): Table =>
  x.kind === 'table'
    ? x
    : isKeyed(x)
      ? table([...x.k.names, ...x.v.names], [...x.k.columns, ...x.v.columns])
      : fail('type');
const column = (x: Table, name: string): Q => x.columns[x.names.indexOf(name)] ?? fail(name);

export function xkey(names: Q, x: Q): Q {
  const whole = plain(x);
  const wanted = namesOf(names);
  if (wanted.length === 0) return whole;
  const rest = whole.names.filter((name) => !wanted.includes(name));
  return dict(
    table(
      wanted,
      wanted.map((name) => column(whole, name)),
    ),
    table(
      rest,
      rest.map((name) => column(whole, name)),
    ),
  );
}
export function xcol(names: Q, x: Q): Q {
  const whole = plain(x);
  let renamed: string[];
  if (names.kind === 'dict') {
    const from = namesOf(names.k);
    const to = namesOf(names.v);
    renamed = whole.names.map((name) => (from.includes(name) ? to[from.indexOf(name)]! : name));
  } else {
    const wanted = namesOf(names);
    renamed = [...wanted, ...whole.names.slice(wanted.length)];
  }
  const result = table(renamed, whole.columns);
  return isKeyed(x) ? xkey(symbols(renamed.slice(0, x.k.names.length)), result) : result;
}
export function xcols(names: Q, x: Q): Q {
  const whole = plain(x);
  const wanted = namesOf(names);
  const all = [...wanted, ...whole.names.filter((name) => !wanted.includes(name))];
  return table(
    all,
    all.map((name) => column(whole, name)),
  );
}
export { atom, avg, empty, enlist, isBig, nanoseconds };
