// select, exec, update and delete, as templates and as ?[t;c;b;a] and ![t;c;b;a] [basics/qsql], [basics/funsql].

import { amendAt, append } from './amend.ts';
import { apply, handles, placesOf } from './apply.ts';
import { cells, collapse, count, enlist, itemsOf, nullItem, pick, readings, withAttribute } from './lists.ts';
import { distinct, gradePlaces, groupPlaces, longVector } from './order.ts';
import {
  type Atom,
  dict,
  fail,
  isKeyed,
  isList,
  isNothing,
  list,
  type Q,
  symbols,
  type Table,
  table,
  type Vector,
} from './values.ts';

/** The column of a name, or undefined. */
export type Scope = (name: string) => Q | undefined;
export type Expression = (scope: Scope) => Q;
export interface Named {
  readonly name: string;
  readonly value: Expression;
}

/** Columns at some rows, each picked when it is first asked for; i is the number of the row [basics/qsql#virtual-column-i]. */
function scopeOf(x: Table, places: ArrayLike<number> | undefined): Scope {
  const found = new Map<string, Q>();
  return (name) => {
    const known = found.get(name);
    if (known) return known;
    const place = x.names.indexOf(name);
    if (place < 0)
      return name === 'i' ? longVector(places ?? Array.from({ length: count(x) }, (_, row) => row)) : undefined;
    const column = places ? pick(x.columns[place]!, places) : x.columns[place]!;
    found.set(name, column);
    return column;
  };
}

/** Row numbers that pass all conditions, one after the other; undefined: every row. */
function rowsOf(x: Table, where: readonly Expression[]): ArrayLike<number> | undefined {
  let places: ArrayLike<number> | undefined;
  for (const condition of where) {
    const flags = condition(scopeOf(x, places));
    const length = places ? places.length : count(x);
    const old = places;
    if (flags.kind === 'atom') {
      if (![-1, -4, -5, -6, -7].includes(flags.t)) return fail('type');
      if (Number(flags.v) === 0) places = new Int32Array(0);
      continue;
    }
    if (flags.kind === 'list' && flags.v.length === 0 && length === 0) {
      places = new Int32Array(0);
      continue;
    }
    if (flags.kind !== 'vector' || ![1, 4, 5, 6, 7].includes(flags.t)) return fail('type');
    if (flags.v.length !== length) return fail('length');
    const next: number[] = [];
    const from = cells(flags);
    for (let i = 0; i < from.length; i++) for (let n = Number(from[i]); n > 0; n--) next.push(old ? old[i]! : i);
    places = next;
  }
  return places;
}

export function unkeyed(x: Q): Table {
  if (x.kind === 'table') return x;
  if (isKeyed(x)) return table([...x.k.names, ...x.v.names], [...x.k.columns, ...x.v.columns]);
  return fail('type');
}
const rekeyed = (x: Table, like: Q): Q =>
  isKeyed(like)
    ? dict(
        table(like.k.names, x.columns.slice(0, like.k.names.length)),
        table(x.names.slice(like.k.names.length), x.columns.slice(like.k.names.length)),
      )
    : x;

/** Columns of one length; atoms are repeated, and one row comes of atoms only. */
function assemble(names: readonly string[], values: readonly Q[]): Table {
  const lists = values.filter((value) => isList(value));
  const length = lists.length === 0 ? 1 : count(lists[0]!);
  if (lists.some((value) => count(value) !== length)) return fail('length');
  return table(
    names,
    values.map((value) => (isList(value) ? value : repeated(value, length))),
  );
}
function repeated(value: Q, length: number): Q {
  if (value.kind === 'atom') return pick(enlist(value), new Int32Array(length));
  return collapse(Array.from({ length }, () => value));
}

export function select(
  given: Q,
  where: readonly Expression[],
  by: readonly Named[] | undefined,
  columns: readonly Named[],
  isDistinct = false,
): Q {
  const x = unkeyed(given);
  const places = rowsOf(x, where);
  let result: Q;
  if (by) result = grouped(x, places, by, columns);
  else if (columns.length === 0) result = places ? rekeyed(pick(x, places) as Table, given) : given;
  else {
    const scope = scopeOf(x, places);
    result = assemble(
      columns.map((column) => column.name),
      columns.map((column) => column.value(scope)),
    );
  }
  return isDistinct ? distinct(result) : result;
}

function keysBy(x: Table, places: ArrayLike<number> | undefined, by: readonly Named[]): Table {
  const scope = scopeOf(x, places);
  const length = places ? places.length : count(x);
  const values = by.map((column) => column.value(scope));
  for (const value of values) if (isList(value) && count(value) !== length) fail('length');
  return table(
    by.map((column) => column.name),
    values.map((value) => (isList(value) ? value : value.kind === 'atom' ? repeated(value, length) : fail('type'))),
  );
}

/** Groups in ascending order of their keys; the rows of each in theirs. */
function groupsOf(
  x: Table,
  places: ArrayLike<number> | undefined,
  by: readonly Named[],
): { keys: Table; groups: Int32Array[] } {
  const rows = keysBy(x, places, by);
  const { keys, groups } = groupPlaces(rows);
  const order = gradePlaces(keys);
  return {
    keys: pick(keys, order) as Table,
    groups: Array.from(order, (place) => Int32Array.from(groups[place]!, (row) => (places ? places[row]! : row))),
  };
}

function grouped(x: Table, places: ArrayLike<number> | undefined, by: readonly Named[], columns: readonly Named[]): Q {
  const { keys, groups } = groupsOf(x, places, by);
  const keyTable = table(
    keys.names,
    keys.columns.map((column, place) =>
      place === 0 && keys.columns.length === 1 && column.kind === 'vector' ? withAttribute(column, 's') : column,
    ),
  );
  if (columns.length === 0) {
    const last = groups.map((rows) => rows.at(-1)!);
    const others = x.names.filter((name) => !keys.names.includes(name));
    return dict(
      keyTable,
      pick(
        table(
          others,
          others.map((name) => x.columns[x.names.indexOf(name)]!),
        ),
        last,
      ),
    );
  }
  const scopes = groups.map((rows) => scopeOf(x, rows));
  const ofNone = (column: Named): Q => pick(collapse([column.value(scopeOf(x, []))]), []);
  const values = columns.map((column) =>
    scopes.length === 0 && readings.areEmptyGroupsTyped
      ? ofNone(column)
      : collapse(scopes.map((scope) => column.value(scope))),
  );
  return dict(
    keyTable,
    table(
      columns.map((column) => column.name),
      values,
    ),
  );
}

export function exec(
  given: Q,
  where: readonly Expression[],
  by: readonly Named[] | undefined,
  isByNamed: boolean,
  columns: readonly Named[],
  isNamed: boolean,
  isDistinct = false,
): Q {
  const x = unkeyed(given);
  const places = rowsOf(x, where);
  if (!by) {
    if (columns.length === 0) return pick(x, [count(x) - 1]);
    const scope = scopeOf(x, places);
    const values = columns.map((column) => column.value(scope));
    const result = isNamed ? dict(symbols(columns.map((column) => column.name)), collapse(values, true)) : values[0]!;
    return isDistinct ? distinct(result) : result;
  }
  const { keys, groups } = groupsOf(x, places, by);
  const scopes = groups.map((rows) => scopeOf(x, rows));
  const values = columns.map((column) => collapse(scopes.map((scope) => column.value(scope))));
  const keyOf = isByNamed ? keys : withAttribute(keys.columns[0]!, keys.columns[0]!.kind === 'vector' ? 's' : '');
  return dict(
    keyOf,
    isNamed
      ? table(
          columns.map((column) => column.name),
          values,
        )
      : values[0]!,
  );
}

export function update(
  given: Q,
  where: readonly Expression[],
  by: readonly Named[] | undefined,
  columns: readonly Named[],
): Q {
  const x = unkeyed(given);
  const places = rowsOf(x, where);
  let result = x;
  const groups = by ? groupsOf(x, places, by).groups : [places];
  for (const column of columns) {
    let current: Q | undefined = result.columns[result.names.indexOf(column.name)];
    for (const rows of groups) {
      const value = column.value(scopeOf(x, rows));
      current = updated(current, rows, value, count(x));
    }
    const place = result.names.indexOf(column.name);
    const columnsNow = [...result.columns];
    if (current === undefined) continue;
    if (place < 0) result = table([...result.names, column.name], [...columnsNow, current]);
    else {
      columnsNow[place] = current;
      result = table(result.names, columnsNow);
    }
  }
  return rekeyed(result, given);
}
function updated(column: Q | undefined, rows: ArrayLike<number> | undefined, value: Q, length: number): Q {
  const size = rows ? rows.length : length;
  if (isList(value) && count(value) !== size) return fail('length');
  if (!rows) return isList(value) ? value : repeated(value, length);
  const whole = isList(value) ? value : repeated(value, size);
  const base = column ?? pick(whole, new Int32Array(length).fill(-1));
  if (size === 0) return base;
  return amendAt(base, longVector(rows), undefined, whole);
}

/** Rows that conditions select, or columns. */
export function remove(given: Q, where: readonly Expression[], names: readonly string[]): Q {
  const x = unkeyed(given);
  if (names.length > 0) {
    for (const name of names) if (!x.names.includes(name)) fail(name);
    const kept = x.names.filter((name) => !names.includes(name));
    return table(
      kept,
      kept.map((name) => x.columns[x.names.indexOf(name)]!),
    );
  }
  const gone = new Set(Array.from(rowsOf(x, where) ?? Array.from({ length: count(x) }, (_, row) => row)));
  const kept = Array.from({ length: count(x) }, (_, row) => row).filter((row) => !gone.has(row));
  return rekeyed(pick(x, kept) as Table, given);
}

// ---- functional forms ----

/** A tree: a symbol is a column or a name, an enlisted value stands for itself, a list is applied [basics/funsql]. */
export function treeExpression(tree: Q): Expression {
  if (tree.kind === 'atom' && tree.t === -11)
    return (scope) => scope(tree.v as string) ?? handles.named(tree.v as string);
  if (tree.kind === 'vector' && tree.t === 11) {
    if (tree.v.length === 1) {
      const value = itemsOf(tree)[0]!;
      return () => value;
    }
    return () => fail('type');
  }
  if (tree.kind !== 'list' || tree.v.length === 0) return () => tree;
  if (tree.v.length === 1) {
    const only = tree.v[0]!;
    return only.t >= 100 ? () => apply(only, [undefined]) : () => only;
  }
  const parts = tree.v.map(treeExpression);
  return (scope) => {
    const values = parts.map(() => undefined as Q | undefined);
    for (let i = parts.length - 1; i >= 0; i--)
      values[i] = i > 0 && isNothing(tree.v[i]!) ? undefined : parts[i]!(scope);
    return apply(values[0]!, values.slice(1));
  };
}
const conditionsOf = (c: Q): Expression[] =>
  isList(c) && count(c) === 0 ? [] : c.kind === 'list' ? c.v.map(treeExpression) : fail('type');
function namedOf(x: Q): Named[] {
  if (x.kind === 'dict') {
    const names =
      x.k.kind === 'vector' && x.k.t === 11 ? (x.k.v as string[]) : isList(x.k) && count(x.k) === 0 ? [] : fail('type');
    const trees = itemsOf(x.v);
    return names.map((name, place) => ({ name, value: treeExpression(trees[place]!) }));
  }
  return fail('type');
}
const isEmptyList = (x: Q): boolean => isList(x) && count(x) === 0;
const isFalse = (x: Q): boolean => x.kind === 'atom' && x.t === -1 && (x as Atom).v === 0;

export function functionalSelect(args: readonly Q[]): Q {
  const [given, c, b, a] = args as [Q, Q, Q, Q];
  const t = resolved(given);
  if (args.length === 3) {
    // ?[t;i;p]: simple exec at rows.
    const x = unkeyed(t);
    return treeExpression(b)(scopeOf(x, placesOf(c)));
  }
  if (args.length > 4) return fail('nyi ?[t;c;b;a;n]');
  const where = conditionsOf(c);
  if (isEmptyList(b)) {
    if (a.kind === 'dict') return exec(t, where, undefined, false, namedOf(a), true);
    return exec(t, where, undefined, false, [{ name: 'x', value: treeExpression(a) }], false);
  }
  if (b.kind === 'atom' && b.t === -11)
    return exec(
      t,
      where,
      [{ name: b.v as string, value: treeExpression(b) }],
      false,
      a.kind === 'dict' ? namedOf(a) : [{ name: 'x', value: treeExpression(a) }],
      a.kind === 'dict',
    );
  const columns = isEmptyList(a) ? [] : namedOf(a);
  if (isFalse(b)) return select(t, where, undefined, columns);
  if (b.kind === 'atom' && b.t === -1) return select(t, where, undefined, columns, true);
  return select(t, where, namedOf(b), columns);
}
const resolved = (t: Q): Q => (t.kind === 'atom' && t.t === -11 ? handles.named(t.v as string) : t);

export function functionalUpdate(args: readonly Q[]): Q {
  const [given, c, b, a] = args as [Q, Q, Q, Q];
  if (given.kind === 'atom') return fail('nyi ![`name;…]');
  const where = conditionsOf(c);
  if (a.kind === 'vector' && a.t === 11) return remove(given, where, a.v as string[]);
  const columns = isEmptyList(a) ? [] : namedOf(a);
  if (columns.length === 0) return remove(given, where, []);
  return update(given, where, isFalse(b) ? undefined : namedOf(b), columns);
}

/** `name insert rows: the table of the name with them, and the numbers of the new rows [ref/insert]. */
export function inserted(x: Q, rows: Q): { table: Q; places: Vector } {
  const t = unkeyed(x);
  if (isKeyed(x)) return fail('nyi insert into a keyed table');
  let more: Table;
  if (rows.kind === 'table') more = rows;
  else if (rows.kind === 'dict') more = append(pick(t, []), rows) as Table;
  else {
    const items = itemsOf(rows);
    if (items.length !== t.names.length) return fail('length');
    const isBulk =
      items.every((item) => isList(item)) ||
      (items.some((item) => isList(item)) && !t.columns.some((column) => column.kind === 'list'));
    if (isBulk)
      more = table(
        t.names,
        items.map((item) => (isList(item) ? item : fail('length'))),
      );
    else
      more = table(
        t.names,
        items.map((item) => (isList(item) ? list([item]) : enlist(item))),
      );
    if (more.columns.some((column) => count(column) !== count(more.columns[0]!))) return fail('length');
  }
  const start = count(t);
  return { table: append(t, more), places: longVector(Array.from({ length: count(more) }, (_, i) => start + i)) };
}
export { nullItem };
