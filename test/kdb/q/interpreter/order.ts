// Sorting, grouping, searching. Sorts are stable; nulls come first; searches are exact [basics/precision#use].

import { compareCells } from './comparison.ts';
import {
  cells,
  collapse,
  count,
  doubt,
  enlist,
  findIn,
  itemAt,
  itemsOf,
  keysOf,
  match,
  pick,
  withAttribute,
} from './lists.ts';
import {
  type Atom,
  atom,
  boolean,
  booleans,
  type Cell,
  type Dict,
  dict,
  fail,
  isKeyed,
  isList,
  list,
  long,
  longs,
  type Q,
  type Table,
  table,
  type Vector,
  vector,
} from './values.ts';

export const longVector = (places: ArrayLike<number>): Vector => {
  const out = new BigInt64Array(places.length);
  for (let i = 0; i < places.length; i++) out[i] = BigInt(places[i]!);
  return vector(7, out);
};

/** Types first, then values: how a general list is sorted [ref/asc]. */
function compareItems(a: Q, b: Q): number {
  if (a.kind === 'atom' && b.kind === 'atom' && a.t === b.t) return compareCells(a.t, a.v, b.v);
  if (isList(a) && isList(b)) {
    const shared = Math.min(a.v.length, b.v.length);
    for (let i = 0; i < shared; i++) {
      const sign = compareItems(itemAt(a, i), itemAt(b, i));
      if (sign !== 0) return sign;
    }
    return a.v.length - b.v.length;
  }
  return Math.abs(a.t) - Math.abs(b.t);
}

function comparer(x: Q): (i: number, j: number) => number {
  if (x.kind === 'vector') {
    const from = cells(x);
    return (i, j) => compareCells(x.t, from[i]!, from[j]!);
  }
  if (x.kind === 'list') return (i, j) => compareItems(x.v[i]!, x.v[j]!);
  if (x.kind === 'table') {
    const columns = x.columns.map(comparer);
    return (i, j) => {
      for (const compare of columns) {
        const sign = compare(i, j);
        if (sign !== 0) return sign;
      }
      return 0;
    };
  }
  return fail('type');
}

export function gradePlaces(x: Q, isDescending = false): Int32Array {
  const compare = comparer(x);
  const places = new Int32Array(count(x)).map((_, place) => place);
  // The sort of typed arrays is stable where the comparison falls back on the place.
  return places.sort(isDescending ? (i, j) => compare(j, i) || i - j : (i, j) => compare(i, j) || i - j);
}

export function iasc(x: Q): Q {
  if (x.kind === 'dict') return pick(x.k, gradePlaces(x.v));
  return isList(x) || x.kind === 'table' ? longVector(gradePlaces(x)) : fail('rank');
}
export function idesc(x: Q): Q {
  if (x.kind === 'dict') return pick(x.k, gradePlaces(x.v, true));
  return isList(x) || x.kind === 'table' ? longVector(gradePlaces(x, true)) : fail('rank');
}
export function asc(x: Q): Q {
  if (x.kind === 'dict') return withAttribute(sortDict(x, false), 's');
  if (!isList(x) && x.kind !== 'table') return fail('rank');
  const sorted = pick(x, gradePlaces(x));
  return sorted.kind === 'vector' ? withAttribute(sorted, 's') : sorted;
}
export function desc(x: Q): Q {
  if (x.kind === 'dict') return sortDict(x, true);
  return isList(x) || x.kind === 'table' ? pick(x, gradePlaces(x, true)) : fail('rank');
}
const sortDict = (x: Dict, isDescending: boolean): Dict => pick(x, gradePlaces(x.v, isDescending)) as Dict;

/** By columns given, of a table or a keyed one [ref/asc#xasc]. */
export function sortBy(names: Q, x: Q, isDescending: boolean): Q {
  const wanted = names.kind === 'atom' && names.t === -11 ? [names.v as string] : namesOf(names);
  const whole = isKeyed(x)
    ? table([...x.k.names, ...x.v.names], [...x.k.columns, ...x.v.columns])
    : x.kind === 'table'
      ? x
      : fail('type');
  for (const name of wanted) if (!whole.names.includes(name)) fail(name);
  const by = table(
    wanted,
    wanted.map((name) => whole.columns[whole.names.indexOf(name)]!),
  );
  const sorted = wanted.length === 0 ? whole : (pick(whole, gradePlaces(by, isDescending)) as Table);
  const columns = sorted.columns.map((column, place) =>
    !isDescending && sorted.names[place] === wanted[0] && column.kind === 'vector'
      ? withAttribute(column, 's')
      : column,
  );
  if (!isKeyed(x)) return table(sorted.names, columns);
  const keys = x.k.names.length;
  return dict(table(x.k.names, columns.slice(0, keys)), table(x.v.names, columns.slice(keys)));
}
const namesOf = (x: Q): string[] =>
  x.kind === 'vector' && x.t === 11 ? (x.v as string[]) : isList(x) && x.v.length === 0 ? [] : fail('type');

export const rankOf = (x: Q): Q => longVector(gradePlaces(longVector(gradePlaces(x))));

/** First places of what occurs, in their order. */
export function distinctPlaces(x: Q): number[] {
  const keys = keysOf(x);
  const seen = new Set<Cell>();
  const places: number[] = [];
  for (let i = 0; i < keys.length; i++)
    if (!seen.has(keys[i]!)) {
      seen.add(keys[i]!);
      places.push(i);
    }
  return places;
}
export function distinct(x: Q): Q {
  if (x.kind === 'atom') return enlist(x);
  if (x.kind === 'dict')
    return isKeyed(x)
      ? pick(x, distinctPlaces(table([...x.k.names, ...x.v.names], [...x.k.columns, ...x.v.columns])))
      : distinct(x.v);
  const places = distinctPlaces(x);
  return places.length === count(x) ? withAttribute(x, '') : pick(x, places);
}

/** Keys in the order of their first occurrence, each with the places where it is [ref/group]. */
export function groupPlaces(x: Q): { keys: Q; groups: number[][] } {
  const keys = keysOf(x);
  const byKey = new Map<Cell, number[]>();
  for (let i = 0; i < keys.length; i++) {
    const places = byKey.get(keys[i]!);
    if (places) places.push(i);
    else byKey.set(keys[i]!, [i]);
  }
  const groups = [...byKey.values()];
  return {
    keys: pick(
      x,
      groups.map((places) => places[0]!),
    ),
    groups,
  };
}
export function group(x: Q): Q {
  if (x.kind === 'atom') return fail('type');
  if (x.kind === 'dict') {
    const { keys, groups } = groupPlaces(x.v);
    return dict(keys, list(groups.map((places) => pick(x.k, places))));
  }
  const { keys, groups } = groupPlaces(x);
  return dict(keys, list(groups.map(longVector)));
}

// ---- search ----

/** x?y [ref/find]. */
export function find(x: Q, y: Q): Q {
  if (x.kind === 'dict') {
    const places = find(x.v, y);
    return places.kind === 'atom'
      ? itemAt(x.k, Number(places.v))
      : pick(x.k, Array.from(cells(places as Vector), Number));
  }
  if (x.kind === 'table') return findRows(x, y);
  if (x.kind === 'vector') {
    if (y.kind === 'atom') return y.t === -x.t ? long(findIn(x, enlist(y))[0]!) : fail('type');
    if (y.kind === 'vector') return y.t === x.t ? longVector(findIn(x, y)) : fail('type');
    if (y.kind === 'list') {
      if (y.v.length === 0) {
        doubt('vector ? ()');
        return longs([]);
      }
      return collapse(y.v.map((item) => find(x, item)));
    }
    return fail('type');
  }
  if (x.kind !== 'list') return fail('type');
  if (x.v.length === 0) {
    const none = y.kind === 'atom' ? long(0) : longVector(new Int32Array(count(y)));
    return y.kind === 'list' || y.kind === 'vector' || y.kind === 'atom' ? none : long(0);
  }
  // The first item says at what depth things are looked for [ref/find#rank-sensitive].
  const wanted = depthOf(x.v[0]!);
  const given = depthOf(y);
  if (given <= wanted) {
    if (given < wanted) doubt('something of less depth looked for');
    return long(given < wanted ? x.v.length : firstMatch(x.v, y));
  }
  if (given === wanted + 1) return longVector(findIn(x, y));
  return collapse(itemsOf(y).map((item) => find(x, item)));
}
function depthOf(x: Q): number {
  if (x.kind === 'vector') return 1;
  return x.kind === 'list' ? 1 + (x.v.length === 0 ? 0 : depthOf(x.v[0]!)) : 0;
}
function firstMatch(items: readonly Q[], y: Q): number {
  const place = items.findIndex((item) => match(item, y));
  return place < 0 ? items.length : place;
}

function findRows(x: Table, y: Q): Q {
  if (y.kind === 'table') {
    if (x.names.join() !== y.names.join()) return fail('mismatch');
    if (x.columns.length === 0) return fail('length');
    for (const [place, column] of x.columns.entries()) sameColumns(column, y.columns[place]!);
    return longVector(findIn(x, y));
  }
  const items =
    y.kind === 'dict' ? x.names.map((name) => itemAt(y.v, Number((find(y.k, atom(11, name)) as Atom).v))) : itemsOf(y);
  if (items.length !== x.names.length) return fail('length');
  if (items.every((item) => isList(item))) return longVector(findIn(x, table(x.names, items)));
  return long(findIn(x, table(x.names, items.map(enlist)))[0]!);
}
function sameColumns(a: Q, b: Q): void {
  if (a.kind === 'vector' && b.kind === 'vector' && a.t !== b.t) fail('type');
}

/** x in y [ref/in]. */
export function isIn(x: Q, y: Q): Q {
  if (y.kind === 'table') {
    if (x.kind === 'dict') return boolean(Number((findRows(y, x) as Atom).v) < count(y));
    const found = findRows(y, x);
    return found.kind === 'atom' ? boolean(Number(found.v) < count(y)) : below(found as Vector, count(y));
  }
  if (y.kind === 'atom') return x.kind === 'dict' ? dict(x.k, isIn(x.v, y)) : isIn(x, enlist(y));
  if (y.kind === 'vector') {
    if (x.kind === 'dict') return dict(x.k, isIn(x.v, y));
    if (x.kind === 'list') return collapse(x.v.map((item) => isIn(item, y)));
    if ((x.kind === 'atom' || x.kind === 'vector') && Math.abs(x.t) !== y.t && y.v.length === 1)
      doubt('in of two types');
    const found = find(y, x);
    return found.kind === 'atom' ? boolean(Number(found.v) < y.v.length) : below(found as Vector, y.v.length);
  }
  if (y.kind === 'list') {
    const found = find(y, x);
    return found.kind === 'atom' ? boolean(Number(found.v) < y.v.length) : below(found as Vector, y.v.length);
  }
  return fail('type');
}
const below = (found: Vector, total: number): Vector =>
  booleans(Uint8Array.from(cells(found) as ArrayLike<bigint>, (place) => (place < total ? 1 : 0)) as Uint8Array);

/** The last place whose item is not above, -1 before the first; binr the first that is not below [ref/bin]. */
export function bin(x: Q, y: Q, isRight = false): Q {
  if (x.kind === 'dict') return fail('nyi bin of a dictionary');
  if (x.kind !== 'vector') return fail('type');
  if (y.kind === 'list') return collapse(y.v.map((item) => bin(x, item, isRight)));
  if (y.kind !== 'atom' && y.kind !== 'vector') return fail('type');
  if (Math.abs(y.t) !== x.t) return fail('type');
  const from = cells(x);
  const place = (cell: Cell): number => {
    let low = 0;
    let high = from.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const sign = compareCells(x.t, from[middle]!, cell);
      if (isRight ? sign < 0 : sign <= 0) low = middle + 1;
      else high = middle;
    }
    return isRight ? low : low - 1;
  };
  return y.kind === 'atom' ? long(place(y.v)) : longVector(Array.from(cells(y), place));
}
