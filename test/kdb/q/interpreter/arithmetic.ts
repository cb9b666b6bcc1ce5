// + - * % & | ^ div mod xbar: types of results as the tables of their pages have them, item by item through lists, dictionaries and tables.

import { collapse, count, findIn, itemAt, itemsOf, join, pick } from './lists.ts';
import { resultType, resultTypes } from './result-types.ts';
import {
  atom,
  type Cell,
  dict,
  fail,
  isBig,
  isFloating,
  isNullCell,
  list,
  nullCell,
  nullGuid,
  nullLong,
  type Q,
  type Storage,
  storage,
  type Table,
  table,
  vector,
} from './values.ts';

// ---- units ----

const dayNs = 86_400_000_000_000n;
/** Days since 2000.01.01 of the first of a month. */
export function daysOfMonth(months: number): number {
  const year = 2000 + Math.floor(months / 12);
  return Date.UTC(year, ((months % 12) + 12) % 12, 1) / 86_400_000 - 10_957;
}
/** A moment or a duration in ns. */
export function nanoseconds(t: number, cell: Cell): bigint {
  if (isNullCell(t, cell)) return nullLong;
  switch (Math.abs(t)) {
    case 13:
      return BigInt(daysOfMonth(cell as number)) * dayNs;
    case 14:
      return BigInt(cell as number) * dayNs;
    case 15:
      return BigInt(Math.round((cell as number) * 86_400_000)) * 1_000_000n;
    case 17:
      return BigInt(cell as number) * 60_000_000_000n;
    case 18:
      return BigInt(cell as number) * 1_000_000_000n;
    case 19:
      return BigInt(cell as number) * 1_000_000n;
    default:
      return BigInt(isFloating(t) ? Math.trunc(cell as number) : (cell as number));
  }
}
const isTemporal = (t: number): boolean => Math.abs(t) >= 12 && Math.abs(t) <= 19;
const msOf: Record<number, number> = { 17: 60_000, 18: 1000, 19: 1 };

/** The cells of an operand as the result's type counts. */
function converted(t: number, target: number, isMixed: boolean, cell: Cell): Cell {
  if (isBig(target)) {
    if (isBig(t)) return cell;
    if (isTemporal(t) && isMixed) return nanoseconds(t, cell);
    if (isNullCell(t, cell)) return nullLong;
    return BigInt(Math.trunc(cell as number));
  }
  if (isFloating(target)) {
    if (Math.abs(target) === 15 && isMixed && isTemporal(t) && Math.abs(t) !== 15)
      return Number(nanoseconds(t, cell)) / 86_400e9;
    return toFloat(t, cell);
  }
  if (isMixed && msOf[target] && msOf[Math.abs(t)])
    return isNullCell(t, cell) ? nullCell(target) : ((cell as number) * msOf[Math.abs(t)]!) / msOf[target]!;
  if (isNullCell(t, cell)) return nullCell(target);
  return typeof cell === 'bigint' ? Number(BigInt.asIntN(32, cell)) : cell;
}
export const toFloat = (t: number, cell: Cell): number =>
  isNullCell(t, cell) && Math.abs(t) !== 10 ? Number.NaN : Number(cell);

function operand(x: Q, target: number, isMixed: boolean): Cell | ArrayLike<Cell> {
  if (x.kind === 'atom') return converted(x.t, target, isMixed, x.v);
  if (x.kind !== 'vector') return fail('type');
  if (x.t === target || (isBig(x.t) && isBig(target))) return x.v as ArrayLike<Cell>;
  const from = x.v as ArrayLike<Cell>;
  const out = storage(isFloating(target) ? 9 : isBig(target) ? 7 : 6, from.length) as Cell[];
  for (let i = 0; i < from.length; i++) out[i] = converted(x.t, target, isMixed, from[i]!);
  return out;
}

// ---- item by item ----

type OnCells = (a: Q, b: Q) => Q;

/** Through lists, dictionaries and tables down to atoms and vectors [basics/atomic], [basics/math#dictionaries-and-tables]. */
export function atomic(onCells: OnCells): OnCells {
  const apply: OnCells = (a, b) => {
    const isSimpleA = a.kind === 'atom' || a.kind === 'vector';
    const isSimpleB = b.kind === 'atom' || b.kind === 'vector';
    if (isSimpleA && isSimpleB) {
      if (a.kind === 'vector' && b.kind === 'vector' && a.v.length !== b.v.length) return fail('length');
      return onCells(a, b);
    }
    if (a.kind === 'dict' && b.kind === 'dict') return unite(a, b, apply);
    if (a.kind === 'dict') return dict(a.k, apply(a.v, b));
    if (b.kind === 'dict') return dict(b.k, apply(a, b.v));
    if (a.kind === 'table' || b.kind === 'table') return onTables(a, b, apply);
    if (a.t >= 100 || b.t >= 100) return fail('type');
    if (a.kind === 'atom') return listOf(itemsOf(b).map((item) => apply(a, item)));
    if (b.kind === 'atom') return listOf(itemsOf(a).map((item) => apply(item, b)));
    if (count(a) !== count(b)) return fail('length');
    const right = itemsOf(b);
    return listOf(itemsOf(a).map((item, place) => apply(item, right[place]!)));
  };
  return apply;
}
const listOf = (given: Q[]): Q => (given.length === 0 ? list([]) : collapse(given));

/** As upsert: where only one has a key its value stands. */
function unite(a: Q & { kind: 'dict' }, b: Q & { kind: 'dict' }, apply: OnCells): Q {
  const places = findIn(a.k, b.k);
  const total = count(a.k);
  const results = itemsOf(a.v);
  const fresh: number[] = [];
  const right = itemsOf(b.v);
  for (let i = 0; i < places.length; i++) {
    const place = places[i]!;
    if (place < total) results[place] = apply(results[place]!, right[i]!);
    else {
      fresh.push(i);
      results.push(right[i]!);
    }
  }
  return dict(fresh.length === 0 ? a.k : join(a.k, pick(b.k, fresh)), collapse(results));
}

function onTables(a: Q, b: Q, apply: OnCells): Q {
  if (a.kind === 'table' && b.kind === 'table') {
    if (a.names.join() !== b.names.join()) return fail('mismatch');
    return table(
      a.names,
      a.columns.map((column, place) => apply(column, b.columns[place]!)),
    );
  }
  if (a.kind === 'table')
    return table(
      a.names,
      a.columns.map((column) => apply(column, b)),
    );
  const right = b as Table;
  return table(
    right.names,
    right.columns.map((column) => apply(a, column)),
  );
}

type Operation = (a: never, b: never) => Cell;

/** Of each class of numbers its own operation; null with anything is null where `hasNulls`. */
function arithmetic(
  rows: readonly string[],
  onBig: (a: bigint, b: bigint) => bigint,
  onNumber: (a: number, b: number) => number,
  onFloat: (a: number, b: number) => number,
  hasNulls: boolean,
): OnCells {
  return atomic((a, b) => {
    const type = resultType(rows, a.t, b.t);
    const isMixed = isTemporal(a.t) && isTemporal(b.t) && Math.abs(a.t) !== Math.abs(b.t);
    // A difference of dates is a number: [ref/subtract].
    const target = type;
    const operation = (isBig(target) ? onBig : isFloating(target) ? onFloat : onNumber) as Operation;
    const none = nullCell(target);
    const checksNull = hasNulls && !isFloating(target) && target !== 1 && target !== 4 && target !== 10;
    return zip(target, operand(a, target, isMixed), operand(b, target, isMixed), a, b, (x, y) =>
      checksNull && (x === none || y === none) ? none : operation(x as never, y as never),
    );
  });
}

function zip(
  type: number,
  left: Cell | ArrayLike<Cell>,
  right: Cell | ArrayLike<Cell>,
  a: Q,
  b: Q,
  operation: (x: Cell, y: Cell) => Cell,
): Q {
  const isLeft = a.kind === 'vector';
  const isRight = b.kind === 'vector';
  if (!isLeft && !isRight) {
    const one = storage(type, 1) as Cell[];
    one[0] = operation(left as Cell, right as Cell);
    return atom(type, one[0]);
  }
  const x = left as ArrayLike<Cell>;
  const y = right as ArrayLike<Cell>;
  const length = isLeft ? x.length : y.length;
  const out = storage(type, length) as Cell[];
  if (isLeft && isRight) for (let i = 0; i < length; i++) out[i] = operation(x[i]!, y[i]!);
  else if (isLeft) for (let i = 0; i < length; i++) out[i] = operation(x[i]!, right as Cell);
  else for (let i = 0; i < length; i++) out[i] = operation(left as Cell, y[i]!);
  return vector(type, out as Storage);
}

const floorDiv = (a: bigint, b: bigint): bigint => {
  if (b === 0n) return nullLong;
  const quotient = a / b;
  return a % b !== 0n && a < 0n !== b < 0n ? quotient - 1n : quotient;
};
const floorMod = (a: bigint, b: bigint): bigint => (b === 0n ? nullLong : ((a % b) + b) % b);
function leastOf(a: bigint, b: bigint): bigint {
  if (b < a) return b;
  return a;
}
function mostOf(a: bigint, b: bigint): bigint {
  if (b > a) return b;
  return a;
}
const nullIfNone = (value: number): number => (Number.isFinite(value) ? value : -(2 ** 31));

export const plus = arithmetic(
  resultTypes.add,
  (a, b) => a + b,
  (a, b) => a + b,
  (a, b) => a + b,
  true,
);
export const minus = arithmetic(
  resultTypes.subtract,
  (a, b) => a - b,
  (a, b) => a - b,
  (a, b) => a - b,
  true,
);
export const times = arithmetic(
  resultTypes.multiply,
  (a, b) => a * b,
  Math.imul,
  (a, b) => a * b,
  true,
);
export const divideBy = arithmetic(
  resultTypes.divide,
  floorDiv,
  (a, b) => a / b,
  (a, b) => a / b,
  true,
);
const modulo = (a: number, b: number): number => a - b * Math.floor(a / b);
export const modOf = arithmetic(resultTypes.mod, floorMod, (a, b) => nullIfNone(modulo(a, b)), modulo, true);
export const lesserOf = arithmetic(
  resultTypes.greater,
  leastOf,
  Math.min,
  (a, b) => (Number.isNaN(a) || Number.isNaN(b) ? Number.NaN : Math.min(a, b)),
  false,
);
export const greaterOf = arithmetic(
  resultTypes.greater,
  mostOf,
  Math.max,
  (a, b) => (Number.isNaN(a) ? b : Number.isNaN(b) ? a : Math.max(a, b)),
  false,
);

/** The left type stays: what is divided by is converted, a float that is not whole divides as it is [ref/div]. */
export const divOf = atomic((a, b) => {
  const type = resultType(resultTypes.div, a.t, b.t);
  const isWhole = !isFloating(a.t) && !isFloating(b.t);
  const none = nullCell(type);
  const left = operand(a, isWhole ? 7 : 9, false);
  const right = operand(b, isWhole ? 7 : 9, false);
  return zip(type, left, right, a, b, (x, y) => {
    if (isWhole) {
      const quotient = x === nullLong || y === nullLong ? nullLong : floorDiv(x as bigint, y as bigint);
      return quotient === nullLong ? none : isBig(type) ? quotient : Number(quotient);
    }
    const quotient = Math.floor((x as number) / (y as number));
    if (isFloating(type)) return quotient;
    if (!Number.isFinite(quotient)) return none;
    return isBig(type) ? BigInt(quotient) : quotient;
  });
});

/** x^y: y where it is not null, else x [ref/fill]. */
export const fillWith = atomic((a, b) => {
  const type = resultType(resultTypes.fill, a.t, b.t);
  const isMixed = isTemporal(a.t) && isTemporal(b.t) && Math.abs(a.t) !== Math.abs(b.t);
  const isSame = Math.abs(a.t) === type && Math.abs(b.t) === type;
  const none = type === 2 ? nullGuid : nullCell(type);
  const side = (x: Q): Cell | ArrayLike<Cell> => (isSame ? (x as { v: Cell }).v : operand(x, type, isMixed));
  return zip(type, side(a), side(b), a, b, (x, y) => {
    const isMissing = type === 1 || type === 4 ? false : isFloating(type) ? Number.isNaN(y) : y === none;
    return isMissing ? x : y;
  });
});

/** Nearest multiple below, of the type of the right argument [ref/xbar]. */
export const xbarOf = (width: Q, x: Q): Q => {
  if (width.kind !== 'atom') return fail('type');
  return times(width, divOf(x, width));
};

export const negate = (x: Q): Q => unary(x, (t) => (t === 1 || t === 4 || t === 5 ? 6 : t), negateCell);
function negateCell(t: number, cell: Cell): Cell {
  if (isNullCell(t, cell)) return isBig(t) ? nullLong : isFloating(t) ? Number.NaN : -(2 ** 31);
  return typeof cell === 'bigint' ? -cell : -(cell as number);
}

/** A unary atomic function, of the type that `typeOf` gives; what has no cells of a number is 'type. */
export function unary(x: Q, typeOf: (t: number) => number, onCell: (t: number, cell: Cell) => Cell): Q {
  if (x.kind === 'dict') return dict(x.k, unary(x.v, typeOf, onCell));
  if (x.kind === 'table')
    return table(
      x.names,
      x.columns.map((column) => unary(column, typeOf, onCell)),
    );
  if (x.kind === 'list') return listOf(x.v.map((item) => unary(item, typeOf, onCell)));
  if (x.kind !== 'atom' && x.kind !== 'vector') return fail('type');
  const type = typeOf(Math.abs(x.t));
  if (x.kind === 'atom') return atom(type, onCell(x.t, x.v));
  const out = storage(type, x.v.length) as Cell[];
  const from = x.v as ArrayLike<Cell>;
  for (let i = 0; i < from.length; i++) out[i] = onCell(x.t, from[i]!);
  return vector(type, out as Storage);
}

export { itemAt };
