// Items of lists, dictionaries and tables: how many, which, joined, alike.

import {
  type Attribute,
  atom,
  type Cell,
  chars,
  type Dict,
  dict,
  empty,
  fail,
  isAtom,
  isFloating,
  isKeyed,
  isList,
  isVector,
  type List,
  list,
  nothing,
  nullCell,
  type Q,
  type Storage,
  storage,
  symbols,
  type Table,
  table,
  type Vector,
  vector,
} from './values.ts';

/** What was relied on though no page says it. */
export const doubts = new Map<string, number>();

/** Where pages leave it open. What runs here has to be right with either: the tests of kdb/q are run with the other one too when its text changes. */
export const readings = {
  /** Items of a general list that are left by # and _ become a vector, or a table, where they are alike. */
  doesTakeCollapse: true,
  /** A select by groups that has no row gives columns of the types that its expressions have for none. */
  areEmptyGroupsTyped: false,
  /** A doubt signals. */
  doesDoubtSignal: false,
};
export function doubt(what: string): void {
  doubts.set(what, (doubts.get(what) ?? 0) + 1);
  if (readings.doesDoubtSignal) fail(`doubt: ${what}`);
}

export function count(x: Q): number {
  if (x.kind === 'vector' || x.kind === 'list') return x.v.length;
  if (x.kind === 'dict') return count(x.k);
  if (x.kind === 'table') return x.columns.length === 0 ? 0 : count(x.columns[0]!);
  return 1;
}

export const cells = (x: Vector): ArrayLike<Cell> => x.v as ArrayLike<Cell>;

/** An item by its place; what is outside is null as the first item would be [basics/index-at#out-of-domain]. */
export function itemAt(x: Q, place: number): Q {
  const isInside = place >= 0 && place < count(x);
  if (x.kind === 'vector') return atom(x.t, isInside ? cells(x)[place]! : nullCell(x.t));
  if (x.kind === 'list') return isInside ? x.v[place]! : nullItem(x);
  if (x.kind === 'dict') return itemAt(x.v, place);
  if (x.kind === 'table')
    return dict(
      symbols(x.names),
      collapse(
        x.columns.map((column) => itemAt(column, place)),
        true,
      ),
    );
  return x;
}

/** What an item of the list is where there is none. */
export function nullItem(x: Q): Q {
  if (x.kind === 'vector') return atom(x.t, nullCell(x.t));
  if (x.kind === 'list') return x.v.length === 0 ? empty : nullLike(x.v[0]!);
  if (x.kind === 'table')
    return dict(
      symbols(x.names),
      collapse(
        x.columns.map((column) => nullItem(column)),
        true,
      ),
    );
  return fail('type');
}
function nullLike(x: Q): Q {
  if (x.kind === 'atom') return atom(x.t, nullCell(x.t));
  if (x.kind === 'vector') return vector(x.t, storage(x.t, 0));
  if (x.kind === 'list') return empty;
  if (x.kind === 'dict') return dict(x.k, pick(x.v, new Array<number>(count(x.k)).fill(-1)));
  if (x.kind === 'table') return pick(x, []);
  return nothing;
}

export function itemsOf(x: Q): Q[] {
  if (x.kind === 'list') return [...x.v];
  if (x.kind === 'vector' || x.kind === 'table')
    return Array.from({ length: count(x) }, (_, place) => itemAt(x, place));
  if (x.kind === 'dict') return itemsOf(x.v);
  return [x];
}

/** Atoms of one type are a vector, dictionaries of the same symbols a table [basics/dictsandtables]. `isRow`: dictionaries stay what they are. */
export function collapse(given: readonly Q[], isRow = false): Q {
  const first = given[0];
  if (first === undefined) return empty;
  if (first.kind === 'atom') {
    for (const item of given) if (item.kind !== 'atom' || item.t !== first.t) return list(given);
    const v = storage(first.t, given.length) as Cell[];
    for (let i = 0; i < given.length; i++) v[i] = (given[i] as { v: Cell }).v;
    return vector(-first.t, v as Storage);
  }
  if (!isRow && isRecord(first) && given.every((item) => isRecord(item) && sameNames(item.k, first.k)))
    return table(
      (first.k as Vector).v as string[],
      (first.k as Vector).v.length === 0
        ? []
        : Array.from({ length: count(first.k) }, (_, place) => collapse(given.map((item) => itemAt(item, place)))),
    );
  return list(given);
}
const isRecord = (x: Q): x is Dict => x.kind === 'dict' && x.k.kind === 'vector' && x.k.t === 11 && isList(x.v);
const sameNames = (a: Q, b: Q): boolean => {
  const left = (a as Vector).v as string[];
  const right = (b as Vector).v as string[];
  return left.length === right.length && left.every((name, place) => name === right[place]);
};

export function enlist(x: Q): Q {
  if (isAtom(x)) return collapse([x]);
  return isRecord(x) ? collapse([x]) : list([x]);
}

/** Items by place; outside is null. */
export function pick(x: Q, places: ArrayLike<number>): Q {
  if (x.kind === 'vector') {
    const length = x.v.length;
    const out = storage(x.t, places.length) as Cell[];
    const from = cells(x);
    const none = nullCell(x.t);
    for (let i = 0; i < places.length; i++) {
      const place = places[i]!;
      out[i] = place >= 0 && place < length ? from[place]! : none;
    }
    return vector(x.t, out as Storage);
  }
  if (x.kind === 'list') {
    if (places.length === 0) return empty;
    const none = x.v.length === 0 ? empty : nullItem(x);
    return collapse(Array.from(places, (place) => (place >= 0 && place < x.v.length ? x.v[place]! : none)));
  }
  if (x.kind === 'table')
    return table(
      x.names,
      x.columns.map((column) => pick(column, places)),
    );
  if (x.kind === 'dict') return dict(pick(x.k, places), pick(x.v, places));
  return fail('type');
}

/** A stretch of items, all inside. It keeps types of empty lists. */
export function slice(x: Q, start: number, end: number): Q {
  if (x.kind === 'vector') {
    const isWhole = start === 0 && end >= x.v.length;
    return isWhole ? x : vector(x.t, x.v.slice(start, end) as Storage, x.a === 's' ? 's' : '');
  }
  if (x.kind === 'list') {
    if (start === 0 && end >= x.v.length) return x;
    const kept = x.v.slice(start, end);
    return readings.doesTakeCollapse ? collapse(kept) : list(kept);
  }
  if (x.kind === 'table')
    return table(
      x.names,
      x.columns.map((column) => slice(column, start, end)),
    );
  if (x.kind === 'dict') return dict(slice(x.k, start, end), slice(x.v, start, end));
  return fail('type');
}

// ---- join ----

export function join(a: Q, b: Q): Q {
  if (a.kind === 'dict' && b.kind === 'dict') return joinDicts(a, b);
  if (a.kind === 'table' && b.kind === 'table') return joinTables(a, b);
  if (a.kind === 'table' && b.kind === 'dict' && !isKeyed(b)) return joinTables(a, recordTable(a, b));
  if (a.kind === 'table' && isList(b) && b.v.length === 0 && b.t === 0) return a;
  if (b.kind === 'table' && isList(a) && a.v.length === 0 && a.t === 0) return b;
  if (a.kind === 'dict' && (isList(b) || isAtom(b))) {
    if (isList(b) && b.v.length === 0) return a;
    if (!isKeyed(a)) return fail('type');
  }
  const left = a.kind === 'vector' || a.kind === 'list' ? a : undefined;
  const right = b.kind === 'vector' || b.kind === 'list' ? b : undefined;
  const typeA = Math.abs(a.t);
  if (typeA === Math.abs(b.t) && typeA > 0 && typeA < 20) return joinCells(a, b);
  if (left?.kind === 'list' && left.v.length === 0) return right ? right : enlist(b);
  if (right?.kind === 'list' && right.v.length === 0) return left ? left : enlist(a);
  if (left?.v.length === 0 || right?.v.length === 0) doubt('an empty vector joined with another type');
  return list([
    ...(left || a.kind === 'table' ? itemsOf(a) : [a]),
    ...(right || b.kind === 'table' ? itemsOf(b) : [b]),
  ]);
}

function joinCells(a: Q, b: Q): Vector {
  const left = isVector(a) ? cells(a) : [(a as { v: Cell }).v];
  const right = isVector(b) ? cells(b) : [(b as { v: Cell }).v];
  const type = Math.abs(a.t);
  const out = storage(type, left.length + right.length);
  if (Array.isArray(out)) {
    for (let i = 0; i < left.length; i++) out[i] = left[i] as string;
    for (let i = 0; i < right.length; i++) out[left.length + i] = right[i] as string;
  } else {
    (out as Uint8Array).set(left as ArrayLike<number>);
    (out as Uint8Array).set(right as ArrayLike<number>, left.length);
  }
  return vector(type, out);
}

/** Values of the right one win; new keys come behind [ref/join]. */
function joinDicts(a: Dict, b: Dict): Dict {
  if (isKeyed(a) !== isKeyed(b) && count(a.k) > 0 && count(b.k) > 0) return fail('type');
  const places = findIn(a.k, b.k);
  const fresh: number[] = [];
  const seen = new Map<string, number>();
  const source = Array.from({ length: count(a.k) }, (_, place) => place);
  const total = source.length;
  for (let i = 0; i < places.length; i++) {
    let place = places[i]!;
    if (place === total) {
      const key = keyText(itemAt(b.k, i));
      const known = seen.get(key);
      if (known === undefined) {
        place = source.length;
        seen.set(key, place);
        source.push(-1);
        fresh.push(i);
      } else place = known;
    }
    source[place] = total + i;
  }
  const keys = fresh.length === 0 ? a.k : join(a.k, pick(b.k, fresh));
  return dict(keys, pick(join(asList(a.v), asList(b.v)), source));
}
const asList = (x: Q): Q => (isList(x) || x.kind === 'table' ? x : fail('type'));

function joinTables(a: Table, b: Table): Table {
  if (a.names.length !== b.names.length || !a.names.every((name) => b.names.includes(name))) return fail('mismatch');
  if (!a.names.every((name, place) => name === b.names[place])) return fail('mismatch');
  return table(
    a.names,
    a.columns.map((column, place) => join(column, b.columns[place]!)),
  );
}
function recordTable(a: Table, b: Dict): Table {
  const names = b.k.kind === 'vector' && b.k.t === 11 ? (b.k.v as string[]) : fail('type');
  if (names.length !== a.names.length || !names.every((name) => a.names.includes(name))) return fail('mismatch');
  return table(
    a.names,
    a.names.map((name) => enlist(itemAt(b.v, names.indexOf(name)))),
  );
}

// ---- alike ----

/** Two floats that differ by no more than 2^-43 of the larger are equal [basics/precision#comparison-tolerance]. */
export function isClose(a: number, b: number): boolean {
  if (a === b) return true;
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) && Number.isNaN(b);
  if (!Number.isFinite(a) || !Number.isFinite(b)) return false;
  return Math.abs(a - b) <= 2 ** -43 * Math.max(Math.abs(a), Math.abs(b));
}

/** Same type, shape and content; attributes do not count [ref/match]. */
export function match(a: Q, b: Q): boolean {
  if (a === b) return true;
  if (a.t !== b.t || a.kind !== b.kind) return false;
  if (a.kind === 'atom') return sameCell(a.t, a.v, (b as { v: Cell }).v);
  if (a.kind === 'vector') {
    const left = cells(a);
    const right = cells(b as Vector);
    if (left.length !== right.length) return false;
    for (let i = 0; i < left.length; i++) if (!sameCell(a.t, left[i]!, right[i]!)) return false;
    return true;
  }
  if (a.kind === 'list')
    return a.v.length === (b as List).v.length && a.v.every((item, place) => match(item, (b as List).v[place]!));
  if (a.kind === 'dict') return match(a.k, (b as Dict).k) && match(a.v, (b as Dict).v);
  if (a.kind === 'table') {
    const other = b as Table;
    return (
      a.names.length === other.names.length &&
      a.names.every((name, place) => name === other.names[place]) &&
      a.columns.every((column, place) => match(column, other.columns[place]!))
    );
  }
  if (a.kind === 'lambda') return b.kind === 'lambda' && a.source === b.source && a.namespace === b.namespace;
  if (a.kind === 'primitive') return b.kind === 'primitive' && a.name === b.name;
  if (a.kind === 'projection')
    return (
      b.kind === 'projection' &&
      match(a.f, b.f) &&
      a.args.length === b.args.length &&
      a.args.every((arg, place) => {
        const other = b.args[place];
        return arg === undefined ? other === undefined : other !== undefined && match(arg, other);
      })
    );
  if (a.kind === 'composition')
    return b.kind === 'composition' && a.fs.length === b.fs.length && a.fs.every((f, place) => match(f, b.fs[place]!));
  return b.kind === 'derived' && a.iterator === b.iterator && match(a.f, b.f);
}
const sameCell = (type: number, a: Cell, b: Cell): boolean =>
  isFloating(type) ? isClose(a as number, b as number) : a === b;

/** A text that is the same of what is exactly the same. */
export function keyText(x: Q): string {
  if (x.kind === 'atom') return `${x.t}:${String(x.v).length}:${x.v}`;
  if (x.kind === 'vector')
    return `${x.t}[${Array.from(cells(x), (cell) => `${String(cell).length}:${cell}`).join(',')}]`;
  if (x.kind === 'list') return `(${x.v.map(keyText).join(';')})`;
  if (x.kind === 'dict') return `{${keyText(x.k)}!${keyText(x.v)}}`;
  if (x.kind === 'table') return `+${x.names.join('`')}${x.columns.map(keyText).join(';')}`;
  if (x.kind === 'lambda') return `f${x.source}`;
  if (x.kind === 'primitive') return `p${x.name}`;
  return fail('type');
}

/** Keys of the rows of a table, or of the items of a list, for a Map. -0 and 0 are one, nulls are one. */
export function keysOf(x: Q): ArrayLike<Cell> {
  if (x.kind === 'vector') return cells(x);
  if (x.kind === 'list') return x.v.map(keyText);
  if (x.kind === 'table') {
    if (x.columns.length === 1) return keysOf(x.columns[0]!);
    const columns = x.columns.map(keysOf);
    return Array.from({ length: count(x) }, (_, row) => columns.map((column) => String(column[row])).join('\u0000'));
  }
  return fail('type');
}

/** Of each item of y its first place in x, or the count of x. Both are lists of one kind, or tables of the same columns. */
export function findIn(x: Q, y: Q): Int32Array {
  const total = count(x);
  const left = isVector(x) && y.kind === 'list' ? (x.v.length === 0 ? [] : itemsOf(x).map(keyText)) : keysOf(x);
  const right = x.kind === 'list' && y.kind !== 'list' ? itemsOf(y).map(keyText) : keysOf(y);
  const places = new Map<Cell, number>();
  for (let i = 0; i < total; i++) if (!places.has(left[i]!)) places.set(left[i]!, i);
  const out = new Int32Array(right.length);
  for (let i = 0; i < right.length; i++) out[i] = places.get(right[i]!) ?? total;
  return out;
}

export const withAttribute = (x: Q, a: Attribute): Q =>
  x.kind === 'vector' || x.kind === 'dict' || x.kind === 'table' ? { ...x, a } : x;
/** A list of one text per item. */
export const texts = (given: readonly string[]): List => list(given.map(chars));
