// = <> < > <= >= of atoms and vectors. Floats have a tolerance [basics/precision]; temporals of two types are compared as moments.

import { atomic, nanoseconds, toFloat } from './arithmetic.ts';
import { isClose } from './lists.ts';
import {
  boolean,
  booleans,
  type Cell,
  fail,
  isBig,
  isFloating,
  isNullCell,
  nullInt,
  nullLong,
  type Q,
} from './values.ts';

/** -1, 0, 1 by the bytes, null first. */
export function compareCells(t: number, a: Cell, b: Cell): number {
  if (isFloating(t)) {
    if (Number.isNaN(a)) return Number.isNaN(b) ? 0 : -1;
    if (Number.isNaN(b)) return 1;
  }
  return a < b ? -1 : a > b ? 1 : 0;
}

const isTemporal = (t: number): boolean => t >= 12 && t <= 19;

/** What makes cells of both types comparable: nothing, floats, longs or ns. */
function common(a: number, b: number): 'same' | 'float' | 'long' | 'ns' {
  const left = Math.abs(a);
  const right = Math.abs(b);
  if (left === right) return 'same';
  if ([2, 11].includes(left) || [2, 11].includes(right)) return fail('type');
  if (isTemporal(left) && isTemporal(right)) {
    if (left === 15 || right === 15) return 'float';
    const isMoment = (t: number): boolean => t <= 14;
    return isMoment(left) === isMoment(right) ? 'ns' : 'long';
  }
  return isFloating(left) || isFloating(right) ? 'float' : isBig(left) || isBig(right) ? 'long' : 'same';
}
const toLong = (t: number, cell: Cell): bigint =>
  isBig(t) ? (cell as bigint) : isNullCell(t, cell) && Math.abs(t) !== 10 ? nullLong : BigInt(cell as number);

function comparison(test: (sign: number) => boolean): (a: Q, b: Q) => Q {
  return atomic((a, b) => {
    const way = common(a.t, b.t);
    const isFloat = way === 'float' || (way === 'same' && isFloating(a.t));
    const compare = isFloat ? compareFloats : (x: Cell, y: Cell): number => (x < y ? -1 : x > y ? 1 : 0);
    const convert = (x: Q, cell: Cell): Cell => {
      if (way === 'float') return Math.abs(x.t) === 15 ? cell : toFloat(x.t, cell);
      if (way === 'long') return toLong(x.t, cell);
      if (way === 'ns') return nanoseconds(x.t, cell);
      // A null short is narrower than a null int.
      return isNullCell(x.t, cell) && Math.abs(x.t) === 5 && Math.abs(a.t) !== Math.abs(b.t) ? nullInt : cell;
    };
    if (a.kind === 'atom' && b.kind === 'atom') return boolean(test(compare(convert(a, a.v), convert(b, b.v))));
    const left = (a as { v: ArrayLike<Cell> }).v;
    const right = (b as { v: ArrayLike<Cell> }).v;
    const length = a.kind === 'vector' ? left.length : right.length;
    const out = new Uint8Array(length);
    const one = a.kind === 'atom' ? convert(a, a.v) : b.kind === 'atom' ? convert(b, b.v) : 0;
    const isPlain = way === 'same';
    for (let i = 0; i < length; i++) {
      const x = a.kind === 'atom' ? one : isPlain ? left[i]! : convert(a, left[i]!);
      const y = b.kind === 'atom' ? one : isPlain ? right[i]! : convert(b, right[i]!);
      out[i] = test(compare(x, y)) ? 1 : 0;
    }
    return booleans(out);
  });
}
function compareFloats(x: Cell, y: Cell): number {
  if (isClose(x as number, y as number)) return 0;
  if (Number.isNaN(x)) return -1;
  if (Number.isNaN(y)) return 1;
  return x < y ? -1 : 1;
}

export const equal = comparison((sign) => sign === 0);
export const differs = comparison((sign) => sign !== 0);
export const less = comparison((sign) => sign < 0);
export const more = comparison((sign) => sign > 0);
export const lessOrEqual = comparison((sign) => sign <= 0);
export const moreOrEqual = comparison((sign) => sign >= 0);
