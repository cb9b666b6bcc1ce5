// @[x;i;f;y], .[x;i;f;y] and indexed assignment [ref/amend].

import { apply, indexOne, placesOf } from './apply.ts';
import { cells, collapse, count, doubt, enlist, findIn, itemAt, itemsOf, join, keysOf } from './lists.ts';
import { find } from './order.ts';
import {
  type Atom,
  type Attribute,
  type Cell,
  type Dict,
  dict,
  fail,
  isKeyed,
  isList,
  isNothing,
  list,
  type Q,
  type Storage,
  storage,
  type Table,
  table,
  type Vector,
  vector,
} from './values.ts';

/** undefined: replace. */
type Change = Q | undefined;
const isReplace = (f: Change): boolean => f === undefined || (f.kind === 'primitive' && f.name === ':');
const isJoin = (f: Change): boolean => f?.kind === 'primitive' && f.name === ',';

/** The new value at one place. */
function changed(f: Change, old: () => Q, y: Q | undefined): Q {
  if (isReplace(f)) return y!;
  if (y === undefined) return apply(f!, [old()]);
  return isJoin(f) ? append(old(), y) : apply(f!, [old(), y]);
}

/** x,:y: the type of a list stays, and its attributes where they still hold [ref/set-attribute]. */
export function append(x: Q, y: Q): Q {
  if (x.kind === 'vector') {
    if (Math.abs(y.t) !== x.t && !(y.kind === 'list' && y.v.length === 0)) return fail('type');
    const joined = join(x, y) as Vector;
    return x.a === '' || x.a === 'p' ? joined : { ...joined, a: kept(x, joined) };
  }
  if (x.kind === 'table' && y.kind === 'table') {
    if (x.names.join() !== y.names.join()) return fail('mismatch');
    return table(
      x.names,
      x.columns.map((column, place) => append(column, y.columns[place]!)),
    );
  }
  if (x.kind === 'table' && y.kind === 'dict' && !isKeyed(y)) {
    const row = join(
      {
        ...x,
        columns: x.columns.map((column) =>
          column.kind === 'vector' ? vector(column.t, storage(column.t, 0)) : list([]),
        ),
      },
      y,
    ) as Table;
    return append(x, row);
  }
  if (x.kind === 'list' && x.v.length > 0 && y.kind === 'vector') return list([...x.v, ...itemsOf(y)]);
  return join(x, y);
}
function kept(x: Vector, joined: Vector): Attribute {
  if (x.a === 'g') return 'g';
  const keys = keysOf(joined);
  if (x.a === 'u') return new Set(Array.from(keys)).size === keys.length ? 'u' : '';
  for (let i = Math.max(1, x.v.length); i < keys.length; i++) if (keys[i]! < keys[i - 1]!) return '';
  return 's';
}

export function amendAt(x: Q, at: Q, f: Change, y: Q | undefined): Q {
  if (isNothing(at)) return amendAll(x, f, y);
  if (x.kind === 'dict') return isKeyed(x) ? amendKeyed(x, at, f, y) : amendDict(x, at, f, y);
  if (x.kind === 'table') return amendTable(x, at, f, y);
  if (x.kind === 'atom' || x.t >= 100) return fail('type');
  if (at.kind === 'atom') return amendPlaces(x as Vector, placesOf(at), f, y === undefined ? undefined : () => y, x);
  if (at.kind === 'list') {
    if (y !== undefined && isList(y) && y.v.length !== at.v.length) return fail('length');
    return at.v.reduce<Q>(
      (result, item, place) => amendAt(result, item, f, y === undefined ? undefined : isList(y) ? itemAt(y, place) : y),
      x,
    );
  }
  if (at.kind !== 'vector') return fail('type');
  const places = placesOf(at);
  if (y !== undefined && isMany(y) && count(y) !== places.length) return fail('length');
  if (isReplace(f) && x.kind === 'vector') {
    const fast = replaced(x, places, y!);
    if (fast) return fast;
  }
  return amendPlaces(x as Vector, places, f, y === undefined ? undefined : (i) => (isMany(y) ? itemAt(y, i) : y), x);
}
const isMany = (x: Q): boolean => isList(x) || x.kind === 'table';

function amendAll(x: Q, f: Change, y: Q | undefined): Q {
  if (x.kind === 'dict') return dict(x.k, amendAll(x.v, f, y));
  const length = count(x);
  const result = itemsOf(x).map((item, place) =>
    changed(
      f,
      () => item,
      y === undefined ? undefined : isList(y) ? (y.v.length === length ? itemAt(y, place) : fail('length')) : y,
    ),
  );
  return checked(x, result);
}

/** Cells of the vector's own type, written into a copy. */
function replaced(x: Vector, places: ArrayLike<number>, y: Q): Vector | undefined {
  if ((y.kind !== 'atom' && y.kind !== 'vector') || Math.abs(y.t) !== x.t) return undefined;
  const out = x.v.slice() as Cell[] & Storage;
  const from = y.kind === 'vector' ? cells(y) : undefined;
  const one = y.kind === 'atom' ? y.v : 0;
  for (let i = 0; i < places.length; i++) {
    const place = places[i]!;
    if (place < 0 || place >= out.length) return fail('index');
    out[place] = from ? from[i]! : one;
  }
  return vector(x.t, out as Storage, x.a === 'g' ? 'g' : '');
}

function amendPlaces(x: Vector, places: ArrayLike<number>, f: Change, y: ((i: number) => Q) | undefined, whole: Q): Q {
  const length = count(x);
  if (x.kind === 'vector') {
    const out = x.v.slice() as Cell[] & Storage;
    for (let i = 0; i < places.length; i++) {
      const place = places[i]!;
      if (place < 0 || place >= length) return fail('index');
      const value = changed(f, () => ({ kind: 'atom', t: -x.t, v: out[place]! }) as Atom, y?.(i));
      if (value.kind !== 'atom' || value.t !== -x.t) return fail('type');
      out[place] = value.v;
    }
    return vector(x.t, out as Storage, x.a === 'g' ? 'g' : '');
  }
  const out = itemsOf(whole);
  for (let i = 0; i < places.length; i++) {
    const place = places[i]!;
    if (place < 0 || place >= length) return fail('index');
    out[place] = changed(f, () => out[place]!, y?.(i));
  }
  return checked(whole, out);
}
/** A vector takes only atoms of its type. */
function checked(x: Q, items: readonly Q[]): Q {
  if (x.kind === 'vector') {
    if (items.some((item) => item.t !== -x.t)) return fail('type');
    return items.length === 0 ? x : collapse(items);
  }
  const result = collapse(items);
  if (result.kind === 'vector' && items.length > 0) doubt('a general list that an amend leaves with atoms of one type');
  return result.kind === 'table' ? list(items) : result;
}

/** What is not there yet comes behind [ref/assign#indexed-assign]. */
function amendDict(x: Dict, at: Q, f: Change, y: Q | undefined): Q {
  if (isList(at) && !(x.k.kind === 'list' && x.k.v[0] !== undefined && isList(x.k.v[0]) && at.kind === 'vector')) {
    if (y !== undefined && isList(y) && y.v.length !== at.v.length) return fail('length');
    return itemsOf(at).reduce<Q>(
      (result, key, place) =>
        amendDict(result as Dict, key, f, y === undefined ? undefined : isList(y) ? itemAt(y, place) : y),
      x,
    );
  }
  const found = find(x.k, at);
  const place = found.kind === 'atom' ? Number(found.v) : fail('type');
  if (place < count(x.k)) {
    const value = changed(f, () => itemAt(x.v, place), y);
    return dict(x.k, putItem(x.v, place, value));
  }
  const value = changed(f, () => indexOne(x, at), y);
  return dict(appendItem(x.k, at), appendItem(x.v, value));
}
function putItem(x: Q, place: number, value: Q): Q {
  if (x.kind === 'vector') return amendPlaces(x, [place], undefined, () => value, x);
  const items = itemsOf(x);
  items[place] = value;
  return checked(x, items);
}
function appendItem(x: Q, item: Q): Q {
  if (x.kind === 'vector') {
    if (item.t !== -x.t) return fail('type');
    return append(x, item);
  }
  if (x.kind === 'list') return x.v.length === 0 ? enlist(item) : list([...x.v, item]);
  return fail('type');
}

function amendKeyed(x: Dict & { readonly k: Table; readonly v: Table }, at: Q, f: Change, y: Q | undefined): Q {
  if (!isReplace(f) || y === undefined) return fail('nyi amend of a keyed table');
  const keys = at.kind === 'table' ? at : table(x.k.names, (at.kind === 'atom' ? [at] : itemsOf(at)).map(enlist));
  const rows =
    y.kind === 'table'
      ? y
      : y.kind === 'dict'
        ? table((y.k as Vector).v as string[], itemsOf(y.v).map(enlist))
        : table(x.v.names, itemsOf(y).map(enlist));
  return join(x, dict(keys, rows));
}

function amendTable(x: Table, at: Q, f: Change, y: Q | undefined): Q {
  if ((at.kind === 'atom' || at.kind === 'vector') && Math.abs(at.t) === 11) {
    const names = at.kind === 'atom' ? [at.v as string] : (at.v as string[]);
    let result = x;
    for (const [i, name] of names.entries()) {
      const part = y === undefined ? undefined : at.kind === 'atom' ? y : itemAt(y, i);
      const place = result.names.indexOf(name);
      const value = changed(f, () => (place < 0 ? fail(name) : result.columns[place]!), part);
      const column = isList(value) ? value : fail('type');
      if (column.v.length !== count(x)) return fail('length');
      const columns = [...result.columns];
      if (place < 0) result = table([...result.names, name], [...columns, column]);
      else {
        columns[place] = column;
        result = table(result.names, columns);
      }
    }
    return result;
  }
  if (!isReplace(f)) return fail('nyi amend of rows');
  const places = placesOf(at);
  const columns = x.columns.map((column, i) => {
    const name = x.names[i]!;
    const source =
      y!.kind === 'table'
        ? y!.columns[y!.names.indexOf(name)]!
        : y!.kind === 'dict'
          ? indexOne(y!, { kind: 'atom', t: -11, v: name })
          : itemAt(y!, i);
    return amendAt(column, at.kind === 'atom' ? at : at, undefined, source);
  });
  if (places.length === 0) return x;
  return table(x.names, columns);
}

/** Along a path: atoms select one item, lists and nothing several [ref/amend#the-general-case]. */
export function amendDeep(x: Q, path: readonly (Q | undefined)[], f: Change, y: Q | undefined): Q {
  if (path.length === 0) return changed(f, () => x, y);
  const [at, ...rest] = path;
  if (rest.length === 0) return amendAt(x, at ?? nothingOf(), f, y);
  if (at === undefined || isNothing(at)) {
    const keys = x.kind === 'dict' ? x.k : undefined;
    return amendDeep(x, [keys ?? allPlaces(x), ...rest], f, y);
  }
  if (x.kind === 'table' && Math.abs(at.t) !== 11) return amendDeep(x, [rest[0], at, ...rest.slice(1)], f, y);
  if (isList(at)) {
    if (y !== undefined && isList(y) && y.v.length !== at.v.length) return fail('length');
    return itemsOf(at).reduce<Q>(
      (result, item, place) =>
        amendDeep(result, [item, ...rest], f, y === undefined ? undefined : isList(y) ? itemAt(y, place) : y),
      x,
    );
  }
  const inner = amendDeep(indexOne(x, at), rest, f, y);
  return amendAt(x, at, undefined, inner);
}
const allPlaces = (x: Q): Vector =>
  vector(
    7,
    BigInt64Array.from({ length: count(x) }, (_, place) => BigInt(place)),
  );
const nothingOf = (): Q => fail('nyi amend of all');

export { findIn };
