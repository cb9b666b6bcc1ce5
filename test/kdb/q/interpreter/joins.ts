// Joins of tables, and what groups and ungroups them [basics/joins].

import { amendAt } from './amend.ts';
import { apply } from './apply.ts';
import { fillWith } from './arithmetic.ts';
import { compareCells } from './comparison.ts';
import { cells, collapse, count, enlist, findIn, itemAt, itemsOf, join, nullItem, pick } from './lists.ts';
import { distinct, groupPlaces, longVector } from './order.ts';
import {
  type Cell,
  type Dict,
  dict,
  fail,
  isKeyed,
  isList,
  list,
  type Q,
  symbols,
  type Table,
  table,
  type Vector,
} from './values.ts';

type Keyed = Dict & { readonly k: Table; readonly v: Table };
const plain = (x: Q): Table =>
  x.kind === 'table'
    ? x
    : isKeyed(x)
      ? table([...x.k.names, ...x.v.names], [...x.k.columns, ...x.v.columns])
      : fail('type');
const keyed = (x: Q): Keyed => (isKeyed(x) ? x : fail('type'));
const columnsOf = (x: Table, names: readonly string[]): Table =>
  table(
    names,
    names.map((name) => x.columns[x.names.indexOf(name)] ?? fail(name)),
  );
const like = (x: Table, given: Q): Q =>
  isKeyed(given)
    ? dict(
        columnsOf(x, given.k.names),
        columnsOf(
          x,
          x.names.filter((name) => !given.k.names.includes(name)),
        ),
      )
    : x;
function withColumns(x: Table, y: Table): Table {
  let result = x;
  for (const [i, name] of y.names.entries()) {
    const place = result.names.indexOf(name);
    const columns = [...result.columns];
    if (place < 0) result = table([...result.names, name], [...columns, y.columns[i]!]);
    else {
      columns[place] = y.columns[i]!;
      result = table(result.names, columns);
    }
  }
  return result;
}

/** Rows of y by its key; where there is none the columns of x stay, and others are null [ref/lj]. */
export function lj(x: Q, y: Q): Q {
  const right = keyed(y);
  const left = plain(x);
  const places = findIn(right.k, columnsOf(left, right.k.names));
  const has = Array.from(places, (place) => place < count(right.k));
  const found = pick(right.v, places) as Table;
  const columns = found.columns.map((column, i) => {
    const place = left.names.indexOf(found.names[i]!);
    if (place < 0 || has.every((flag) => flag)) return column;
    const rows = has.flatMap((flag, row) => (flag ? [row] : []));
    return amendAt(left.columns[place]!, longVector(rows), undefined, pick(column, rows));
  });
  return like(withColumns(left, table(found.names, columns)), x);
}
export function ij(x: Q, y: Q): Q {
  const right = keyed(y);
  const left = plain(x);
  const places = findIn(right.k, columnsOf(left, right.k.names));
  const rows = Array.from(places, (_, row) => row).filter((row) => places[row]! < count(right.k));
  return like(
    withColumns(
      pick(left, rows) as Table,
      pick(
        right.v,
        rows.map((row) => places[row]!),
      ) as Table,
    ),
    x,
  );
}
/** A row for each of y that matches; columns of x that y has not come behind [ref/ej]. */
export function ej(names: Q, x: Q, y: Q): Q {
  const by = names.kind === 'atom' ? [names.v as string] : itemsOf(names).map((name) => (name as { v: string }).v);
  const left = plain(x);
  const right = plain(y);
  const { keys, groups } = groupPlaces(columnsOf(left, by));
  const places = findIn(keys, columnsOf(right, by));
  const pairs: [number, number][] = [];
  for (let row = 0; row < places.length; row++)
    for (const other of groups[places[row]!] ?? []) pairs.push([row, other]);
  const rest = left.names.filter((name) => !right.names.includes(name));
  const found = pick(
    columnsOf(left, rest),
    pairs.map(([, other]) => other),
  ) as Table;
  return withColumns(
    pick(
      right,
      pairs.map(([row]) => row),
    ) as Table,
    found,
  );
}
/** Columns of both; what one does not have is null there [ref/uj]. */
export function uj(x: Q, y: Q): Q {
  if (isKeyed(x) && isKeyed(y)) {
    const names = [...x.v.names, ...y.v.names.filter((name) => !x.v.names.includes(name))];
    const wide = (t: Table, other: Table): Table =>
      table(
        names,
        names.map(
          (name) =>
            t.columns[t.names.indexOf(name)] ??
            pick(other.columns[other.names.indexOf(name)]!, new Int32Array(count(t)).fill(-1)),
        ),
      );
    const places = findIn(y.k, x.k);
    if (Array.from(places).some((place) => place < count(y.k))) return fail('nyi uj of keyed tables with common keys');
    return dict(join(x.k, y.k), join(wide(x.v, y.v), wide(y.v, x.v)));
  }
  const left = plain(x);
  const right = plain(y);
  const names = [...left.names, ...right.names.filter((name) => !left.names.includes(name))];
  const wide = (t: Table, other: Table): Table =>
    table(
      names,
      names.map(
        (name) =>
          t.columns[t.names.indexOf(name)] ??
          pick(other.columns[other.names.indexOf(name)]!, new Int32Array(count(t)).fill(-1)),
      ),
    );
  return join(wide(left, right), wide(right, left));
}

/** The last row of y that is not later, per key; aj0 takes the time of y [ref/aj]. */
export function aj(names: Q, x: Q, y: Q, isOwnTime: boolean): Q {
  const by = itemsOf(names).map((name) => (name as { v: string }).v);
  const left = plain(x);
  const right = plain(y);
  const timeName = by.at(-1)!;
  const keys = by.slice(0, -1);
  const rightTime = right.columns[right.names.indexOf(timeName)] as Vector;
  const leftTime = left.columns[left.names.indexOf(timeName)] as Vector;
  if (rightTime.t !== leftTime.t) return fail('type');
  const from = cells(rightTime);
  const at = cells(leftTime);
  const groups = keys.length === 0 ? undefined : groupPlaces(columnsOf(right, keys));
  const groupOf = groups ? findIn(groups.keys, columnsOf(left, keys)) : new Int32Array(count(left));
  const all = Array.from({ length: count(right) }, (_, row) => row);
  const places = Int32Array.from(groupOf, (group, row) => {
    const rows = groups ? (groups.groups[group] ?? []) : all;
    let [low, high] = [0, rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareCells(rightTime.t, from[rows[middle]!] as Cell, at[row]!) <= 0) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? -1 : rows[low - 1]!;
  });
  const rest = right.names.filter((name) => !keys.includes(name) && (isOwnTime || name !== timeName));
  const found = pick(columnsOf(right, rest), places) as Table;
  const columns = found.columns.map((column, i) => {
    const place = left.names.indexOf(found.names[i]!);
    const rows = Array.from(places, (_, row) => row).filter((row) => places[row]! >= 0);
    return place < 0 || rows.length === places.length
      ? column
      : amendAt(left.columns[place]!, longVector(rows), undefined, pick(column, rows));
  });
  return withColumns(left, table(found.names, columns));
}

/** An aggregate of x[0] over groups of x[1], for each row: (f;values) fby groups [ref/fby]. */
export function fby(x: Q, groups: Q): Q {
  const [f, values] = itemsOf(x) as [Q, Q];
  const found = groupPlaces(groups);
  const results: Q[] = new Array(count(values));
  for (const places of found.groups) {
    const value = apply(f, [pick(values, places)]);
    for (const [i, place] of places.entries())
      results[place] = isList(value) && value.v.length === places.length ? itemAt(value, i) : value;
  }
  return collapse(results);
}

export function xgroup(names: Q, x: Q): Q {
  const by = names.kind === 'atom' ? [names.v as string] : ((names as Vector).v as string[]);
  const whole = plain(x);
  const { keys, groups } = groupPlaces(columnsOf(whole, by));
  const rest = whole.names.filter((name) => !by.includes(name));
  return dict(
    keys,
    table(
      rest,
      columnsOf(whole, rest).columns.map((column) => list(groups.map((places) => pick(column, places)))),
    ),
  );
}
export function ungroup(x: Q): Q {
  const whole = plain(x);
  const nested = whole.columns.map((column) => column.kind === 'list');
  const lengths = Array.from({ length: count(whole) }, (_, row) =>
    Math.max(1, ...whole.columns.map((column, i) => (nested[i] ? count(itemAt(column, row)) : 1))),
  );
  return table(
    whole.names,
    whole.columns.map((column, i) =>
      nested[i]
        ? itemsOf(column).reduce(join)
        : pick(
            column,
            lengths.flatMap((length, row) => Array<number>(length).fill(row)),
          ),
    ),
  );
}

export const fillOrCoalesce = (x: Q, y: Q): Q => (isKeyed(x) && isKeyed(y) ? fail('nyi coalesce') : fillWith(x, y));
export { distinct, enlist, nullItem, symbols };
