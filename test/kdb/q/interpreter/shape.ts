// Take, drop, cut, dictionaries and tables from lists and back: # _ ! flip til where raze cross union …

import { placesOf } from './apply.ts';
import { razed } from './iterate.ts';
import {
  cells,
  collapse,
  count,
  enlist,
  findIn,
  itemAt,
  itemsOf,
  join,
  keysOf,
  keyText,
  match,
  nullItem,
  pick,
  slice,
  withAttribute,
} from './lists.ts';
import { distinct, distinctPlaces, gradePlaces, isIn, longVector } from './order.ts';
import {
  type Attribute,
  booleans,
  type Cell,
  type Dict,
  dict,
  empty,
  fail,
  isFloating,
  isKeyed,
  isList,
  list,
  long,
  type Q,
  symbols,
  type Table,
  table,
  type Vector,
} from './values.ts';

const isWhole = (x: Q): boolean => [1, 4, 5, 6, 7].includes(Math.abs(x.t));
const namesOf = (x: Q): string[] =>
  x.kind === 'atom' && x.t === -11
    ? [x.v as string]
    : x.kind === 'vector' && x.t === 11
      ? (x.v as string[])
      : fail('type');

// ---- # ----

export function take(x: Q, y: Q): Q {
  if (x.kind === 'atom' && x.t === -11)
    return 'supg'.includes(x.v as string) && !(y.kind === 'dict' && !isKeyed(y) && x.v !== 's' && x.v !== '')
      ? setAttribute(x.v as Attribute, y)
      : takeNamed(x, y);
  if (x.kind === 'table') return isKeyed(y) ? dict(x, pick(y.v, findIn(y.k, x))) : fail('type');
  if (x.kind === 'vector' && isWhole(x)) {
    if (y.kind === 'dict') return takeNamed(x, y);
    return x.v.length === 1 ? takeCount(Number(cells(x)[0]), y) : reshape(Array.from(cells(x)), y);
  }
  if (x.kind === 'atom' && isWhole(x)) return takeCount(Number(x.v), y);
  return takeNamed(x, y);
}
function takeCount(wanted: number, y: Q): Q {
  if (y.kind === 'dict') return dict(takeCount(wanted, y.k), takeCount(wanted, y.v));
  const whole = isList(y) || y.kind === 'table' ? y : enlist(y);
  const length = count(whole);
  const size = Math.abs(wanted);
  if (length === 0)
    return size === 0
      ? whole
      : pick(isList(whole) && whole.kind === 'list' ? whole : whole, new Int32Array(size).fill(-1));
  if (size === 0 && whole.kind === 'list') return empty;
  if (size <= length) return wanted >= 0 ? slice(whole, 0, size) : slice(whole, length - size, length);
  const start = wanted >= 0 ? 0 : (length - (size % length)) % length;
  return pick(
    whole,
    Int32Array.from({ length: size }, (_, i) => (start + i) % length),
  );
}
function reshape(shape: readonly Cell[], y: Q): Q {
  const [first, ...rest] = shape;
  const whole = isList(y) ? y : enlist(y);
  if (shape.length === 2 && (first === -(2n ** 63n) || rest[0] === -(2n ** 63n))) {
    const length = count(whole);
    if (first === -(2n ** 63n)) {
      const width = Number(rest[0]);
      return list(
        Array.from({ length: Math.ceil(length / width) }, (_, i) =>
          slice(whole, i * width, Math.min(length, (i + 1) * width)),
        ),
      );
    }
    const rows = Number(first);
    return list(
      Array.from({ length: rows }, (_, i) =>
        slice(whole, Math.floor((i * length) / rows), Math.floor(((i + 1) * length) / rows)),
      ),
    );
  }
  const sizes = shape.map(Number);
  if (sizes.some((size) => size < 0)) return fail('domain');
  let next = 0;
  const build = (depth: number): Q => {
    if (depth === sizes.length - 1) {
      const length = count(whole);
      const start = next;
      next += sizes[depth]!;
      return length === 0
        ? takeCount(sizes[depth]!, whole)
        : pick(
            whole,
            Int32Array.from({ length: sizes[depth]! }, (_, i) => (start + i) % length),
          );
    }
    return list(Array.from({ length: sizes[depth]! }, () => build(depth + 1)));
  };
  return build(0);
}
function takeNamed(x: Q, y: Q): Q {
  if (y.kind === 'table') {
    const names = namesOf(x);
    const columns = names.map((name) => y.columns[y.names.indexOf(name)] ?? fail(name));
    if (names.length === 0) return fail('type');
    return table(names, columns);
  }
  if (isKeyed(y)) {
    return fail('nyi columns of a keyed table');
  }
  if (y.kind === 'dict') {
    const keys = isList(x) ? x : enlist(x);
    if (keys.kind === 'vector' && y.k.kind === 'vector' && keys.t !== y.k.t) return fail('type');
    return dict(keys, pick(y.v, findIn(y.k, keys)));
  }
  return fail('type');
}

export function setAttribute(a: Attribute, y: Q): Q {
  if (a === '') return y.kind === 'table' ? table(y.names, y.columns) : withAttribute(y, '');
  if (y.kind === 'atom' || y.t >= 100) return fail('type');
  if (a === 's') {
    if (y.kind === 'dict') return { ...y, k: setAttribute('s', y.k), a: 's' };
    if (y.kind === 'table')
      return table(
        y.names,
        y.columns.map((column, i) => (i === 0 ? setAttribute('p', column) : column)),
        's',
      );
    const order = gradePlaces(y);
    for (let i = 0; i < order.length; i++) if (order[i] !== i) return fail('s-fail');
    return withAttribute(y, 's');
  }
  if (y.kind !== 'vector') return y.kind === 'list' && a === 'u' ? y : fail('type');
  const keys = keysOf(y);
  if (a === 'u' && new Set(Array.from(keys)).size !== keys.length) return fail('u-fail');
  if (a === 'p') {
    const seen = new Set<Cell>();
    for (let i = 0; i < keys.length; i++)
      if (i === 0 || keys[i] !== keys[i - 1]) {
        if (seen.has(keys[i]!)) return fail('u-fail');
        seen.add(keys[i]!);
      }
  }
  return withAttribute(y, a);
}

// ---- _ ----

export function drop(x: Q, y: Q): Q {
  if (x.kind === 'atom' && isWhole(x) && !(y.kind === 'atom')) {
    const length = count(y);
    const size = Math.min(length, Math.abs(Number(x.v)));
    return Number(x.v) >= 0 ? slice(y, size, length) : slice(y, 0, length - size);
  }
  if (x.kind === 'vector' && isWhole(x) && (isList(y) || y.kind === 'table')) return cut(x, y);
  if (y.kind === 'table') {
    if (x.kind !== 'vector' || x.t !== 11) return fail('type');
    const kept = y.names.filter((name) => !(x.v as string[]).includes(name));
    return table(
      kept,
      kept.map((name) => y.columns[y.names.indexOf(name)]!),
    );
  }
  if (y.kind === 'dict' && x.kind !== 'dict') return dropKeys(isList(x) || x.kind === 'table' ? x : enlist(x), y);
  if (x.kind === 'dict' && y.kind === 'atom') return dropKeys(enlist(y), x);
  if (isList(x) && y.kind === 'atom') {
    const place = placesOf(y)[0]!;
    return pick(
      x,
      Array.from({ length: count(x) }, (_, i) => i).filter((i) => i !== place),
    );
  }
  return fail('type');
}
function dropKeys(keys: Q, y: Dict): Q {
  if (keys.kind === 'vector' && y.k.kind === 'vector' && keys.t !== y.k.t) return fail('type');
  const gone = new Set(Array.from(findIn(y.k, keys)));
  const kept = Array.from({ length: count(y) }, (_, i) => i).filter((i) => !gone.has(i));
  // A general list of values stays one: it is a copy of items, not a new list.
  return dict(
    pick(y.k, kept),
    y.v.kind === 'list' && kept.length > 0 ? collapse(kept.map((i) => itemAt(y.v, i))) : pick(y.v, kept),
  );
}
function cut(x: Vector, y: Q): Q {
  const places = Array.from(cells(x), Number);
  const length = count(y);
  for (const [i, place] of places.entries()) {
    if (place < 0 || place > length) return fail('domain');
    if (i > 0 && place < places[i - 1]!) return fail('domain');
  }
  if (places.some((place) => place === length && length > 0 && place !== 0)) {
    // [ref/cut]: places are in the domain til count y.
    return fail('domain');
  }
  return list(places.map((place, i) => slice(y, place, places[i + 1] ?? length)));
}
export function cutInto(x: Q, y: Q): Q {
  if (x.kind !== 'atom') return drop(x, y);
  const size = Number(x.v);
  const length = count(y);
  if (!isWhole(x) || size <= 0) return fail('type');
  return list(
    Array.from({ length: Math.ceil(length / size) }, (_, i) => slice(y, i * size, Math.min(length, (i + 1) * size))),
  );
}
export function sublist(x: Q, y: Q): Q {
  if (!isWhole(x)) return fail('type');
  if (x.kind === 'atom') {
    const length = count(y);
    const size = Number(x.v);
    return size >= 0 ? slice(y, 0, Math.min(length, size)) : slice(y, Math.max(0, length + size), length);
  }
  const [start, size] = Array.from(cells(x as Vector), Number) as [number, number];
  return slice(y, Math.min(start, count(y)), Math.min(count(y), start + size));
}
export function rotate(x: Q, y: Q): Q {
  if (x.kind !== 'atom' || !isWhole(x)) return fail('type');
  const length = count(y);
  return pick(
    y,
    Array.from({ length }, (_, i) => (((i + Number(x.v)) % length) + length) % length),
  );
}
export const reverse = (x: Q): Q =>
  x.kind === 'atom'
    ? x
    : x.kind === 'dict'
      ? dict(reverse(x.k), reverse(x.v))
      : pick(
          x,
          Array.from({ length: count(x) }, (_, i) => count(x) - 1 - i),
        );

// ---- ! ----

export function dictOf(x: Q, y: Q): Q {
  if (x.kind === 'atom' && isWhole(x)) {
    const size = Number(x.v);
    if (y.kind !== 'table' && !isKeyed(y)) return fail('type');
    const whole = isKeyed(y) ? table([...y.k.names, ...y.v.names], [...y.k.columns, ...y.v.columns]) : (y as Table);
    if (size === 0) return whole;
    if (size < 0 || size >= whole.names.length) return fail('length');
    return dict(
      table(whole.names.slice(0, size), whole.columns.slice(0, size)),
      table(whole.names.slice(size), whole.columns.slice(size)),
    );
  }
  const isMany = (z: Q): boolean => isList(z) || z.kind === 'table' || z.kind === 'dict';
  if (!isMany(x) || !isMany(y)) return fail('type');
  if (count(x) !== count(y)) return fail('length');
  return dict(x, y);
}

export function flip(x: Q): Q {
  if (x.kind === 'table') return dict(symbols(x.names), list(x.columns));
  if (x.kind === 'dict') {
    const names = x.k.kind === 'vector' && x.k.t === 11 ? (x.k.v as string[]) : fail('type');
    const columns = itemsOf(x.v);
    const lists = columns.filter((column) => isList(column));
    if (lists.length === 0) return fail('rank');
    const length = count(lists[0]!);
    if (lists.some((column) => count(column) !== length)) return fail('length');
    return table(
      names,
      columns.map((column) => (isList(column) ? column : collapse(Array.from({ length }, () => column)))),
    );
  }
  if (x.kind !== 'list') return fail('rank');
  const lists = x.v.filter((item) => isList(item));
  if (lists.length === 0) return fail('rank');
  const length = count(lists[0]!);
  if (lists.some((item) => count(item) !== length)) return fail('length');
  return list(Array.from({ length }, (_, i) => collapse(x.v.map((item) => (isList(item) ? itemAt(item, i) : item)))));
}

// ---- lists from lists ----

export function til(x: Q): Q {
  if (x.kind !== 'atom' || ![5, 6, 7].includes(-x.t)) return fail('type');
  if (Number(x.v) < 0) return fail('domain');
  return longVector(Int32Array.from({ length: Number(x.v) }, (_, i) => i));
}
export function where(x: Q): Q {
  if (x.kind === 'dict') return pick(x.k, wherePlaces(x.v));
  return longVector(wherePlaces(x));
}
function wherePlaces(x: Q): number[] {
  if (x.kind === 'list' && x.v.length === 0) return [];
  if (x.kind !== 'vector' || isFloating(x.t) || ![1, 4, 5, 6, 7].includes(x.t)) return fail('type');
  const places: number[] = [];
  const from = cells(x);
  for (let i = 0; i < from.length; i++) for (let left = Number(from[i]); left > 0; left--) places.push(i);
  return places;
}
export function raze(x: Q): Q {
  if (x.kind === 'dict') return raze(x.v);
  if (x.kind === 'atom') return enlist(x);
  if (x.kind === 'vector' || count(x) === 0) return x;
  return razed(itemsOf(x));
}
export function cross(x: Q, y: Q): Q {
  const left = isList(x) || x.kind === 'table' ? itemsOf(x) : [x];
  const right = isList(y) || y.kind === 'table' ? itemsOf(y) : [y];
  return collapse(left.flatMap((a) => right.map((b) => join(a, b))));
}
const listOf = (x: Q): Q => (isList(x) || x.kind === 'table' || x.kind === 'dict' ? x : enlist(x));
const flags = (x: Q, y: Q): Uint8Array => {
  const found = isIn(x, y);
  return found.kind === 'vector' ? (found.v as Uint8Array) : Uint8Array.from([(found as { v: number }).v]);
};
export function except(x: Q, y: Q): Q {
  const left = listOf(x);
  if (count(left) === 0) return left;
  const right = listOf(y);
  const gone = x.kind === 'list' ? matchFlags(x, right) : flags(left, right);
  return pick(
    left,
    Array.from(gone, (_, i) => i).filter((i) => !gone[i]),
  );
}
const matchFlags = (x: Q, y: Q): Uint8Array => {
  const keys = new Set(itemsOf(y).map(keyText));
  return Uint8Array.from(itemsOf(x), (item) => (keys.has(keyText(item)) ? 1 : 0));
};
export function inter(x: Q, y: Q): Q {
  if (x.kind === 'dict' && y.kind === 'dict') return inter(x.v, y.v);
  const left = listOf(x);
  const right = listOf(y);
  if (count(left) === 0) return left;
  const both = left.kind === 'list' ? matchFlags(left, right) : flags(left, right);
  return pick(
    left,
    Array.from(both, (_, i) => i).filter((i) => both[i]),
  );
}
export const union = (x: Q, y: Q): Q => {
  const joined = distinct(join(listOf(x), listOf(y)));
  return joined.kind === 'vector' ? withAttribute(joined, '') : joined;
};
export const isSame = (x: Q, y: Q): boolean => match(x, y);
export { booleans, distinctPlaces, long, nullItem };
