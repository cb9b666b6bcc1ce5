// Iterators: ' / \ ': /: \: [ref/maps], [ref/accumulators].

import { apply, rankOf } from './apply.ts';
import { collapse, count, itemAt, itemsOf, join, match, nullItem, withAttribute } from './lists.ts';
import {
  type Atom,
  atom,
  boolean,
  type Derived,
  dict,
  empty,
  fail,
  infiniteLong,
  isList,
  list,
  long,
  notYet,
  type Q,
} from './values.ts';

export function iterateApply(f: Derived, args: readonly Q[]): Q {
  switch (f.iterator) {
    case "'":
      return each(f.f, args);
    case '/:':
      return args.length === 2 ? eachRight(f.f, args[0]!, args[1]!) : exposed(f, args);
    case '\\:':
      return args.length === 2 ? eachLeft(f.f, args[0]!, args[1]!) : exposed(f, args);
    case "':":
      return rankOf(f.f) === 1 ? each(f.f, args) : eachPrior(f.f, args);
    default:
      return accumulate(f.f, args, f.iterator === '\\');
  }
}
/** ", "/: and 0x0\: [basics/exposed-infrastructure]: vs and sv say it. */
const exposed = (f: Derived, args: readonly Q[]): Q =>
  args.length > 2 ? fail('rank') : notYet(`one argument of ${f.iterator}`);

const isMany = (x: Q): boolean => isList(x) || x.kind === 'dict' || x.kind === 'table';

/** Item by item of all arguments; nothing is evaluated for empty ones. */
export function each(f: Q, args: readonly Q[]): Q {
  const keyed = args.filter((arg) => arg.kind === 'dict');
  if (keyed.length > 0) {
    const keys = (keyed[0] as Q & { kind: 'dict' }).k;
    for (const other of keyed) if (!match((other as Q & { kind: 'dict' }).k, keys)) return fail('length');
    const result = each(
      f,
      args.map((arg) => (arg.kind === 'dict' ? arg.v : arg)),
    );
    return dict(keys, result);
  }
  const many = args.filter(isMany);
  if (many.length === 0) return apply(f, args);
  const length = count(many[0]!);
  if (many.some((arg) => count(arg) !== length)) return fail('length');
  if (length === 0) return empty;
  const results: Q[] = [];
  for (let i = 0; i < length; i++)
    results.push(
      apply(
        f,
        args.map((arg) => (isMany(arg) ? itemAt(arg, i) : arg)),
      ),
    );
  return collapse(results);
}

function eachLeft(f: Q, x: Q, y: Q): Q {
  if (x.kind === 'dict') return dict(x.k, eachLeft(f, x.v, y));
  if (!isMany(x)) return apply(f, [x, y]);
  if (count(x) === 0) return empty;
  return collapse(itemsOf(x).map((item) => apply(f, [item, y])));
}
function eachRight(f: Q, x: Q, y: Q): Q {
  if (y.kind === 'dict') return dict(y.k, eachRight(f, x, y.v));
  if (!isMany(y)) return apply(f, [x, y]);
  if (count(y) === 0) return empty;
  return collapse(itemsOf(y).map((item) => apply(f, [x, item])));
}

/** What an operator starts from [ref/accumulators#unary-application]. */
function identityOf(f: Q): Q | undefined {
  if (f.kind !== 'primitive') return undefined;
  const known: Record<string, () => Q> = {
    '+': () => long(0),
    '-': () => long(0),
    '*': () => long(1),
    '%': () => long(1),
    '&': () => long(infiniteLong),
    '|': () => long(-infiniteLong),
    and: () => long(infiniteLong),
    or: () => long(-infiniteLong),
    ',': () => empty,
  };
  return known[f.name]?.();
}

export function eachPrior(f: Q, args: readonly Q[]): Q {
  const x = args.at(-1)!;
  if (x.kind === 'dict') return dict(x.k, eachPrior(f, [...args.slice(0, -1), x.v]));
  if (!isMany(x)) return fail('type');
  if (count(x) === 0) return empty;
  const isJoin = f.kind === 'primitive' && f.name === ',';
  const seed = args.length === 2 ? args[0]! : isJoin ? undefined : (identityOf(f) ?? nullItem(x));
  return collapse(
    itemsOf(x).map((item, place) => {
      const before = place === 0 ? seed : itemAt(x, place - 1);
      return before === undefined ? item : apply(f, [item, before]);
    }),
  );
}

export function accumulate(f: Q, args: readonly Q[], isScan: boolean): Q {
  const rank = rankOf(f);
  if (rank === 1)
    return args.length === 1
      ? converge(f, args[0]!, isScan)
      : args.length === 2
        ? repeat(f, args[0]!, args[1]!, isScan)
        : fail('rank');
  if (args.length === 1) return fold(f, undefined, args[0]!, isScan);
  if (rank === 2 && args.length > 2) return fail('rank');
  if (args.length === 2 && rank === 2) return fold(f, args[0], args[1]!, isScan);
  if (args.length < rank) return fail('rank');
  return foldMany(f, args, isScan);
}

function fold(f: Q, start: Q | undefined, x: Q, isScan: boolean): Q {
  if (x.kind === 'dict') {
    const result = fold(f, start, x.v, isScan);
    return isScan ? dict(x.k, result) : result;
  }
  if (!isMany(x)) return start === undefined ? x : apply(f, [start, x]);
  const length = count(x);
  if (length === 0) {
    if (isScan) return x.kind === 'vector' && identityOf(f) ? x : empty;
    return start ?? identityOf(f) ?? empty;
  }
  // Joining tables or lists one by one would copy what is joined again and again.
  if (!isScan && f.kind === 'primitive' && f.name === ',')
    return razed(start === undefined ? itemsOf(x) : [start, ...itemsOf(x)]);
  const results: Q[] = [];
  let result: Q;
  let next = 0;
  if (start === undefined) {
    result = itemAt(x, 0);
    if (f.kind === 'primitive' && f.name === ',' && !isMany(result)) result = collapse([result]);
    next = 1;
    results.push(result);
  } else result = start;
  for (; next < length; next++) {
    result = apply(f, [result, itemAt(x, next)]);
    if (isScan) results.push(result);
  }
  return isScan ? collapse(results) : result;
}
/** In pairs, so that each item is copied a few times only. */
export function razed(given: readonly Q[]): Q {
  if (given.length === 1) return isMany(given[0]!) ? given[0]! : collapse([given[0]!]);
  let parts = [...given];
  while (parts.length > 1) {
    const joined: Q[] = [];
    for (let i = 0; i < parts.length; i += 2)
      joined.push(i + 1 < parts.length ? join(parts[i]!, parts[i + 1]!) : parts[i]!);
    parts = joined;
  }
  return parts[0]!.kind === 'vector' ? withAttribute(parts[0]!, '') : parts[0]!;
}

/** Three and more arguments: the first goes on, the others give their items. */
function foldMany(f: Q, args: readonly Q[], isScan: boolean): Q {
  const [start, ...rest] = args;
  const many = rest.filter(isMany);
  const length = many.length === 0 ? 1 : count(many[0]!);
  if (many.some((arg) => count(arg) !== length)) return fail('length');
  let result = start!;
  const results: Q[] = [];
  for (let i = 0; i < length; i++) {
    result = apply(f, [result, ...rest.map((arg) => (isMany(arg) ? itemAt(arg, i) : arg))]);
    if (isScan) results.push(result);
  }
  return isScan ? collapse(results) : result;
}

function converge(f: Q, x: Q, isScan: boolean): Q {
  const results = [x];
  let last = x;
  for (;;) {
    const next = apply(f, [last]);
    if (match(next, last) || match(next, x)) break;
    results.push(next);
    last = next;
  }
  return isScan ? collapse(results) : last;
}

/** So many times, or while a test of the result is not 0. */
function repeat(f: Q, test: Q, x: Q, isScan: boolean): Q {
  const results = [x];
  let result = x;
  const goesOn =
    test.kind === 'atom' && Math.abs(test.t) !== 11 ? undefined : (value: Q): boolean => truthOf(apply(test, [value]));
  let left = goesOn ? 0 : Number((test as Atom).v);
  while (goesOn ? goesOn(result) : left-- > 0) {
    result = apply(f, [result]);
    results.push(result);
  }
  return isScan ? (list(results).v.length > 0 ? collapse(results) : empty) : result;
}
/** What if, while and $[…] take for true: an atom that is not 0. */
export function truthOf(x: Q): boolean {
  if (x.kind !== 'atom') return fail('type');
  if (Math.abs(x.t) === 11 || Math.abs(x.t) === 2) return fail('type');
  return typeof x.v === 'bigint' ? x.v !== 0n : x.v !== 0;
}
export { atom, boolean };
