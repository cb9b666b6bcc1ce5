// x$y: Cast of values, Tok of text [ref/cast], [ref/tok].

import { daysOfMonth, nanoseconds, toFloat } from './arithmetic.ts';
import { cells, collapse, doubt, itemsOf } from './lists.ts';
import { dateCell, momentCell, timeCell } from './moments.ts';
import {
  atom,
  type Cell,
  dict,
  empty,
  fail,
  infiniteCell,
  isBig,
  isFloating,
  isList,
  isNullCell,
  isText,
  notYet,
  nullCell,
  nullGuid,
  nullLong,
  type Q,
  type Storage,
  storage,
  symbol,
  table,
  textOf,
  typeOfLetter,
  typeOfName,
  vector,
} from './values.ts';

export function castOrTok(x: Q, y: Q): Q {
  if (x.kind === 'vector' || x.kind === 'list') {
    const lefts = itemsOf(x);
    if (isList(y)) {
      if (y.v.length !== lefts.length) return fail('length');
      const rights = itemsOf(y);
      return collapse(lefts.map((left, place) => castOrTok(left, rights[place]!)));
    }
    return collapse(lefts.map((left) => castOrTok(left, y)));
  }
  if (x.kind !== 'atom') return fail('type');
  if (x.t === -10) {
    const letter = String.fromCharCode(x.v as number);
    if (letter === '*') return y;
    const type = typeOfLetter(letter.toLowerCase()) ?? fail('type');
    return letter === letter.toLowerCase() ? cast(type, y) : tok(type, y);
  }
  if (x.t === -11) {
    if (x.v === '') return tok(11, y);
    return castTo(x.v as string, y);
  }
  if (x.t === -5)
    return (x.v as number) === 0 ? y : (x.v as number) < 0 ? tok(-(x.v as number), y) : cast(x.v as number, y);
  return fail('type');
}

/** Parts of moments [ref/cast#temporal], or a type by its name. */
function castTo(name: string, y: Q): Q {
  const type = typeOfName(name);
  if (type !== undefined) return cast(type, y);
  const parts: Record<string, (ns: bigint, t: number) => number> = {
    hh: (ns) => Number((ns / 3_600_000_000_000n) % 24n),
    uu: (ns) => Number((ns / 60_000_000_000n) % 60n),
    ss: (ns) => Number((ns / 1_000_000_000n) % 60n),
    year: (ns) => dateOf(ns).getUTCFullYear(),
    mm: (ns) => dateOf(ns).getUTCMonth() + 1,
    dd: (ns) => dateOf(ns).getUTCDate(),
  };
  const part = parts[name];
  if (!part)
    return name === 'week'
      ? cast(
          14,
          each(y, 14, (t, cell) => weekStart(t, cell)),
        )
      : fail('type');
  return each(y, 6, (t, cell) => {
    if (Math.abs(t) < 12) return fail('type');
    return isNullCell(t, cell) ? nullCell(6) : part(nanoseconds(t, cell), t);
  });
}
const dateOf = (ns: bigint): Date => new Date(Number(floorDiv(ns, 1_000_000n)) + 946_684_800_000);
const floorDiv = (a: bigint, b: bigint): bigint => (a - (((a % b) + b) % b)) / b;
const weekStart = (t: number, cell: Cell): Cell => {
  const days = Number(floorDiv(nanoseconds(t, cell), 86_400_000_000_000n));
  return days - ((((days - 2) % 7) + 7) % 7);
};

function each(y: Q, target: number, convert: (t: number, cell: Cell) => Cell): Q {
  if (y.kind === 'atom') return atom(target, stored(target, convert(y.t, y.v)));
  if (y.kind === 'vector') {
    const out = storage(target, y.v.length) as Cell[];
    const from = cells(y);
    for (let i = 0; i < out.length; i++) out[i] = convert(y.t, from[i]!);
    return vector(target, out as Storage);
  }
  if (y.kind === 'list')
    return y.v.length === 0
      ? vector(target, storage(target, 0))
      : collapse(y.v.map((item) => each(item, target, convert)));
  if (y.kind === 'dict') return dict(y.k, each(y.v, target, convert));
  if (y.kind === 'table')
    return table(
      y.names,
      y.columns.map((column) => each(column, target, convert)),
    );
  return fail('type');
}
function stored(target: number, cell: Cell): Cell {
  const one = storage(target, 1) as Cell[];
  one[0] = cell;
  return one[0]!;
}

export function cast(target: number, y: Q): Q {
  if (target === 11) return castSymbol(y);
  if (y.kind === 'vector' && y.t === target) return y.a === '' ? y : { ...y, a: '' };
  if (y.kind === 'atom' && y.t === -target) return y;
  return each(y, target, (t, cell) => castCell(Math.abs(t), target, cell));
}
function castSymbol(y: Q): Q {
  if (y.kind === 'list') return y.v.length === 0 ? vector(11, []) : collapse(y.v.map(castSymbol));
  if ((y.kind === 'atom' || y.kind === 'vector') && Math.abs(y.t) === 11) return y;
  if (isText(y)) return symbol(trimmed(textOf(y)));
  return y.kind === 'atom' && y.t === -10 ? symbol(trimmed(textOf(y))) : fail('type');
}
const trimmed = (text: string): string => text.replace(/^ +| +$/g, '');

function castCell(from: number, to: number, cell: Cell): Cell {
  if (from === 11 || from === 2 || to === 2) return from === to ? cell : fail('type');
  if (to === 1) return from === 10 ? 1 : Number(cell) === 0 ? 0 : 1;
  const isNull = from !== 10 && isNullCell(from, cell);
  if (to >= 12 && from >= 12 && to !== from) return isNull ? nullCell(to) : momentCast(from, to, cell);
  if (isFloating(to)) return isNull ? Number.NaN : castFloat(from, to, cell);
  if (to === 4 || to === 10) return Number(BigInt.asUintN(8, wholeOf(from, cell)));
  if (isNull) return nullCell(to);
  const whole = wholeOf(from, cell);
  if (isFloating(from) && !Number.isFinite(cell))
    return (cell as number) > 0 ? infiniteCell(to) : negative(infiniteCell(to));
  if (isBig(to)) return whole;
  const most = BigInt(infiniteCell(to) as number);
  // A long that an int cannot hold is its infinity.
  if (whole > most) return infiniteCell(to);
  return whole < -most ? negative(infiniteCell(to)) : Number(whole);
}
const negative = (cell: Cell): Cell => (typeof cell === 'bigint' ? -cell : -(cell as number));
const castFloat = (from: number, to: number, cell: Cell): number =>
  to === 15 && from === 12 ? Number(cell) / 86_400e9 : to === 15 ? Number(cell) : toFloat(from, cell);
/** Floats are rounded [ref/cast#integer]; past 2^63 they are the infinity. */
function wholeOf(from: number, cell: Cell): bigint {
  if (!isFloating(from)) return BigInt(cell as number);
  const value = cell as number;
  if (!Number.isFinite(value)) return Number.isNaN(value) ? nullLong : value > 0 ? 2n ** 63n - 1n : -(2n ** 63n - 1n);
  if (Math.abs(value) >= 2 ** 63) {
    doubt('a float past the longs as a long');
    return value > 0 ? 2n ** 63n - 1n : -(2n ** 63n - 1n);
  }
  return BigInt(Math.abs(value) < 2 ** 52 ? Math.floor(value + 0.5) : value);
}

function momentCast(from: number, to: number, cell: Cell): Cell {
  const ns = nanoseconds(from, cell);
  const days = floorDiv(ns, 86_400_000_000_000n);
  const rest = from <= 15 ? ns - days * 86_400_000_000_000n : ns;
  switch (to) {
    case 12:
      return from >= 16 ? ns : ns;
    case 13: {
      const date = new Date((Number(days) + 10_957) * 86_400_000);
      return (date.getUTCFullYear() - 2000) * 12 + date.getUTCMonth();
    }
    case 14:
      return Number(days);
    case 15:
      return Number(ns) / 86_400e9;
    case 16:
      return rest;
    case 17:
      return Number(rest / 60_000_000_000n);
    case 18:
      return Number(rest / 1_000_000_000n);
    default:
      return Number(rest / 1_000_000n);
  }
}

// ---- text ----

export function tok(target: number, y: Q): Q {
  if (isText(y)) return tokText(target, textOf(y));
  if (y.kind === 'atom' && y.t === -10) return tokText(target, textOf(y));
  if (y.kind === 'list')
    return y.v.length === 0 ? vector(target, storage(target, 0)) : collapse(y.v.map((item) => tok(target, item)));
  if (y.kind === 'dict') return dict(y.k, tok(target, y.v));
  if (y.kind === 'table')
    return table(
      y.names,
      y.columns.map((column) => tok(target, column)),
    );
  if (target === 11 && (y.kind === 'atom' || y.kind === 'vector') && Math.abs(y.t) === 11) return y;
  return fail('type');
}

function tokText(target: number, given: string): Q {
  const text = trimmed(given);
  if (target === 11) return symbol(text);
  if (target === 10) return given.length === 1 ? atom(10, given.charCodeAt(0)) : atom(10, 32);
  const cell = tokCell(target, text);
  return atom(target, cell ?? nullCell(target));
}
function tokCell(target: number, text: string): Cell | undefined {
  if (target === 1) return text.length === 1 && 'txyTXY1'.includes(text) ? 1 : 0;
  if (target === 2) return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text) ? text.toLowerCase() : nullGuid;
  if (target === 4) return /^[0-9a-fA-F]{1,2}$/.test(text) ? Number.parseInt(text, 16) : 0;
  if (isFloating(target) && target !== 15) return tokFloat(text);
  if (target === 5 || target === 6 || target === 7) return tokWhole(target, text);
  if (target === 12) return momentCell(text);
  if (target === 14) return dateCell(text);
  if (target === 13) {
    const found = /^(\d{4})[.-]?(\d{2})$/.exec(text);
    return found ? (Number(found[1]) - 2000) * 12 + Number(found[2]) - 1 : undefined;
  }
  if (target >= 16) return timeCell(target, text);
  return notYet('Z$');
}
function tokFloat(text: string): number | undefined {
  if (/^-?0w$/.test(text)) return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) ? Number(text) : undefined;
}
function tokWhole(target: number, text: string): Cell | undefined {
  if (/^-?0W$/.test(text)) return text.startsWith('-') ? negative(infiniteCell(target)) : infiniteCell(target);
  if (!/^[-+]?\d+$/.test(text)) return undefined;
  const whole = BigInt(text.replace('+', ''));
  const most = BigInt(infiniteCell(target) as number);
  if (whole > most || whole < -most) return undefined;
  return isBig(target) ? whole : Number(whole);
}

export { daysOfMonth, empty };
