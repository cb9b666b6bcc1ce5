// x . y and x @ y: functions to arguments, lists, dictionaries and tables to indexes [ref/apply].

import { iterateApply } from './iterate.ts';
import { cells, collapse, count, doubt, enlist, itemAt, itemsOf, nullItem, pick } from './lists.ts';
import { find } from './order.ts';
import {
  type Atom,
  type Dict,
  fail,
  isFloating,
  isKeyed,
  isList,
  isNothing,
  list,
  nothing,
  projection,
  type Q,
  symbol,
  type Table,
  table,
} from './values.ts';

/** What a symbol and an int are applied as: found by the machine. */
export const handles: { named: (name: string) => Q; send: (handle: number, message: Q) => Q } = {
  named: () => fail('type'),
  send: () => fail('type'),
};

/** How many arguments it waits for; 1 for lists and the like. */
export function rankOf(f: Q): number {
  if (f.kind === 'lambda') return Math.max(1, f.parameters.length);
  if (f.kind === 'primitive') return f.ranks.includes(2) ? 2 : f.ranks[0]!;
  if (f.kind === 'projection') return missing(f.f, f.args);
  if (f.kind === 'composition') return rankOf(f.fs.at(-1)!);
  if (f.kind === 'derived') {
    if (f.iterator === "'") return rankOf(f.f);
    if (f.iterator === '/:' || f.iterator === '\\:') return 2;
    const rank = rankOf(f.f);
    return rank > 2 ? rank : f.iterator === "':" && rank === 1 ? 1 : 2;
  }
  return 1;
}
const missing = (f: Q, args: readonly (Q | undefined)[]): number =>
  args.filter((arg) => arg === undefined).length + Math.max(0, rankOf(f) - args.length);

export function apply(f: Q, args: readonly (Q | undefined)[]): Q {
  switch (f.kind) {
    case 'lambda':
    case 'primitive':
    case 'projection':
    case 'composition':
    case 'derived':
      return applyFunction(f, args);
    case 'atom':
      return applyAtom(f, args);
    default:
      return indexDeep(f, args);
  }
}
export const apply1 = (f: Q, x: Q): Q => apply(f, [x]);
export const apply2 = (f: Q, x: Q, y: Q): Q => apply(f, [x, y]);

function applyFunction(f: Q, args: readonly (Q | undefined)[]): Q {
  if (f.kind === 'projection') {
    const filled = fillIn(f.args, args);
    return apply(f.f, filled);
  }
  if (f.kind === 'composition') {
    if (args.some((arg) => arg === undefined)) return projection(f, args);
    const fs = f.fs;
    const inner = fs.at(-1)!;
    if (args.length < rankOf(inner)) return projection(f, args);
    let value = apply(inner, args);
    for (let i = fs.length - 2; i >= 0; i--) value = apply(fs[i]!, [value]);
    return value;
  }
  if (args.length === 1 && args[0] === undefined) {
    if (f.kind === 'lambda' && f.parameters.length <= 1) return f.call([nothing]);
    if (f.kind === 'primitive' && f.ranks[0] === 1) return f.call([nothing]);
    if (f.kind === 'lambda') return projection(f, args);
    return projection(f, args);
  }
  const isWhole = !args.includes(undefined);
  if (f.kind === 'lambda') {
    const rank = f.parameters.length;
    if (args.length > Math.max(1, rank)) return fail('rank');
    if (!isWhole || args.length < rank) return projection(f, args);
    return f.call(args as Q[]);
  }
  if (f.kind === 'primitive') {
    const most = f.ranks.at(-1)!;
    if (args.length > most) return fail('rank');
    if (!isWhole) return projection(f, args);
    if (!f.ranks.includes(args.length)) return projection(f, args);
    return f.call(args as Q[]);
  }
  if (!isWhole) return projection(f, args);
  return iterateApply(f as Q & { kind: 'derived' }, args as Q[]);
}

/** Holes from the left, the rest behind. */
function fillIn(held: readonly (Q | undefined)[], given: readonly (Q | undefined)[]): (Q | undefined)[] {
  const filled = [...held];
  let next = 0;
  for (let i = 0; i < filled.length && next < given.length; i++) if (filled[i] === undefined) filled[i] = given[next++];
  return [...filled, ...given.slice(next)];
}

function applyAtom(f: Atom, args: readonly (Q | undefined)[]): Q {
  if (f.t === -11) return apply(handles.named(f.v as string), args);
  if (f.t === -6 || f.t === -7) {
    if (args.length !== 1 || args[0] === undefined) return fail('rank');
    return handles.send(Number(f.v), args[0]);
  }
  return fail('type');
}

// ---- index ----

export function indexDeep(x: Q, args: readonly (Q | undefined)[]): Q {
  const [at, ...rest] = args;
  if (args.length === 0) return x;
  if (at === undefined || isNothing(at)) {
    if (rest.length === 0) return x;
    if (x.kind === 'table' && rest.length === 1 && rest[0] !== undefined) return indexOne(x, rest[0]);
    const inner = itemsOf(x).map((item) => apply(item, rest));
    return x.kind === 'dict' ? { ...x, v: collapse(inner) } : collapse(inner);
  }
  if (rest.length === 0) return indexOne(x, at);
  const found = indexOne(x, at);
  if (x.kind === 'table' && isList(at) && at.t === 11)
    return collapse(itemsOf(found).map((column) => indexDeep(column, rest)));
  if (x.kind === 'table' && found.kind === 'table') return indexDeep(found, [undefined, ...rest]);
  if (isList(at)) return collapse(itemsOf(found).map((item) => apply(item, rest)));
  return apply(found, rest);
}

export function placesOf(x: Q): number[] | Int32Array {
  if (x.kind === 'atom' || x.kind === 'vector') {
    const type = Math.abs(x.t);
    if (![1, 4, 5, 6, 7].includes(type)) return fail('type');
    const from = x.kind === 'atom' ? [x.v] : cells(x);
    const out = new Int32Array(from.length);
    for (let i = 0; i < out.length; i++) {
      const place = Number(from[i]);
      out[i] = place < 0 || place > 2_147_483_647 ? -1 : place;
    }
    return out;
  }
  return fail('type');
}

export function indexOne(x: Q, at: Q): Q {
  if (isNothing(at)) return x;
  if (x.kind === 'table') return indexTable(x, at);
  if (x.kind === 'dict') return isKeyed(x) ? indexKeyed(x, at) : indexDict(x, at);
  if (x.kind !== 'vector' && x.kind !== 'list') return apply(x, [at]);
  if (at.kind === 'atom') return itemAt(x, placesOf(at)[0]!);
  if (at.kind === 'vector') return pick(x, placesOf(at));
  if (at.kind === 'list') {
    if (at.v.length === 0) {
      doubt('a list indexed by ()');
      return pick(x, []);
    }
    return collapse(at.v.map((item) => indexOne(x, item)));
  }
  if (at.kind === 'dict') return { ...at, v: indexOne(x, at.v), a: '' };
  return fail('type');
}

function indexTable(x: Table, at: Q): Q {
  if ((at.kind === 'atom' || at.kind === 'vector') && Math.abs(at.t) === 11) {
    const column = (name: string): Q => x.columns[x.names.indexOf(name)] ?? fail(name);
    return at.kind === 'atom' ? column(at.v as string) : list((at.v as string[]).map(column));
  }
  if (at.kind === 'atom') return itemAt(x, placesOf(at)[0]!);
  if (at.kind === 'vector') return pick(x, placesOf(at));
  if (at.kind === 'list') {
    if (at.v.length === 0) return pick(x, []);
    return collapse(at.v.map((item) => indexOne(x, item)));
  }
  return fail('type');
}

function indexDict(x: Dict, at: Q): Q {
  if (x.a === 's') return fail('nyi step dictionary');
  if (at.kind === 'list' && at.v.length === 0 && x.k.kind === 'vector') {
    doubt('a dictionary indexed by ()');
    return pick(x.v, []);
  }
  const places = find(x.k, at);
  if (places.kind === 'atom') {
    const place = Number(places.v);
    return place < count(x.k) ? itemAt(x.v, place) : nullItem(x.v);
  }
  if (places.kind === 'vector') return pick(x.v, placesOf(places));
  return collapse(
    itemsOf(places).map((item) => (item.kind === 'atom' ? itemAt(x.v, Number(item.v)) : pick(x.v, placesOf(item)))),
  );
}

function indexKeyed(x: Dict & { readonly k: Table; readonly v: Table }, at: Q): Q {
  const key = x.k;
  if (at.kind === 'atom') {
    if (key.names.length !== 1) return fail('length');
    const place = find(key, table(key.names, [enlist(at)]));
    return itemAt(x.v, Number(itemAt(place, 0).kind === 'atom' ? (itemAt(place, 0) as Atom).v : 0));
  }
  const places = find(key, at);
  return places.kind === 'atom' ? itemAt(x.v, Number(places.v)) : pick(x.v, placesOf(places));
}

/** f . args: an empty list gives f itself [ref/apply#nullaries]. */
export function applyDot(f: Q, args: Q): Q {
  if (args.kind === 'list' && args.v.length === 0) return f;
  if (args.kind === 'atom' || args.t >= 98) return fail('type');
  const items = itemsOf(args);
  const given = items.map((item) => (isNothing(item) && f.t < 100 ? undefined : item));
  if (f.kind === 'atom' && f.t === -11) return apply(handles.named(f.v as string), given);
  return apply(f, given);
}
export { isFloating, symbol };
