// The operators and keywords of q by their names, with the arguments that each can take. A binary one has its page's overloads told apart by type.

import * as aggregate from './aggregates.ts';
import { amendAt, amendDeep } from './amend.ts';
import { apply, applyDot, indexOne, rankOf } from './apply.ts';
import * as arithmetic from './arithmetic.ts';
import { castOrTok } from './cast.ts';
import * as comparison from './comparison.ts';
import { accumulate, each, eachPrior } from './iterate.ts';
import * as joins from './joins.ts';
import { collapse, count, enlist, itemAt, itemsOf, join, match, pick } from './lists.ts';
import type { Machine } from './machine.ts';
import * as order from './order.ts';
import { functionalSelect, functionalUpdate } from './query.ts';
import * as scalar from './scalar.ts';
import * as shape from './shape.ts';
import * as strings from './strings.ts';
import { string } from './text.ts';
import {
  boolean,
  chars,
  composition,
  fail,
  isList,
  isText,
  list,
  long,
  nothing,
  type Primitive,
  primitive,
  type Q,
  Signal,
  short,
} from './values.ts';

const unary: Record<string, (x: Q) => Q> = {
  abs: scalar.abs,
  acos: scalar.acos,
  all: aggregate.all,
  any: aggregate.any,
  asc: order.asc,
  asin: scalar.asin,
  atan: scalar.atan,
  attr: scalar.attr,
  avg: aggregate.avg,
  avgs: (x) => scalar.prefixes(x, aggregate.avg),
  ceiling: scalar.ceiling,
  cols: scalar.cols,
  cos: scalar.cos,
  count: (x) => long(count(x)),
  deltas: aggregate.deltas,
  desc: order.desc,
  dev: aggregate.deviation,
  differ: aggregate.differ,
  distinct: order.distinct,
  exp: scalar.exp,
  fills: aggregate.fills,
  first: aggregate.first,
  flip: shape.flip,
  floor: scalar.floor,
  group: order.group,
  hsym: scalar.hsym,
  iasc: order.iasc,
  idesc: order.idesc,
  inv: () => fail('nyi inv'),
  keys: scalar.keys,
  last: aggregate.last,
  log: scalar.log,
  lower: strings.lower,
  ltrim: strings.ltrim,
  max: aggregate.max,
  maxs: aggregate.maxs,
  md5: scalar.md5,
  med: aggregate.median,
  min: aggregate.min,
  mins: aggregate.mins,
  neg: arithmetic.negate,
  next: (x) => aggregate.previous(x, -1),
  not: scalar.not,
  null: scalar.isNull,
  prd: aggregate.product,
  prds: aggregate.products,
  prev: (x) => aggregate.previous(x),
  rank: order.rankOf,
  ratios: aggregate.ratios,
  raze: shape.raze,
  reciprocal: (x) => arithmetic.divideBy(long(1), x),
  reverse: shape.reverse,
  rtrim: strings.rtrim,
  sdev: aggregate.deviationSample,
  signum: scalar.signum,
  sin: scalar.sin,
  sqrt: scalar.sqrt,
  string,
  sum: aggregate.sum,
  sums: aggregate.sums,
  svar: aggregate.varianceSample,
  tan: scalar.tan,
  til: shape.til,
  trim: strings.trim,
  type: (x) => short(x.t),
  ungroup: joins.ungroup,
  upper: strings.upper,
  var: aggregate.variancePopulation,
  where: shape.where,
};

const binary: Record<string, (x: Q, y: Q) => Q> = {
  '+': arithmetic.plus,
  '-': arithmetic.minus,
  '*': arithmetic.times,
  '%': arithmetic.divideBy,
  '&': arithmetic.lesserOf,
  '|': arithmetic.greaterOf,
  and: arithmetic.lesserOf,
  or: arithmetic.greaterOf,
  '^': (x, y) => joins.fillOrCoalesce(x, y),
  '=': comparison.equal,
  '<>': comparison.differs,
  '<': comparison.less,
  '>': comparison.more,
  '<=': comparison.lessOrEqual,
  '>=': comparison.moreOrEqual,
  '~': (x, y) => boolean(match(x, y)),
  ',': join,
  '#': shape.take,
  _: shape.drop,
  bin: (x, y) => order.bin(x, y),
  binr: (x, y) => order.bin(x, y, true),
  cor: (x, y) => scalar.correlation(x, y),
  cov: (x, y) => scalar.covarianceOf(x, y),
  cross: shape.cross,
  cut: shape.cutInto,
  div: arithmetic.divOf,
  each: (f, x) => each(f, [x]),
  ema: scalar.ema,
  except: shape.except,
  fby: joins.fby,
  ij: joins.ij,
  in: order.isIn,
  inter: shape.inter,
  like: strings.like,
  lj: joins.lj,
  mavg: (x, y) => aggregate.moving(x, y, aggregate.avg),
  mcount: (x, y) => aggregate.moving(x, y, (part) => aggregate.sum(scalar.given(part))),
  mdev: (x, y) => aggregate.moving(x, y, aggregate.deviation),
  mmax: (x, y) => aggregate.moving(x, y, aggregate.max),
  mmin: (x, y) => aggregate.moving(x, y, aggregate.min),
  mod: arithmetic.modOf,
  msum: (x, y) => aggregate.moving(x, y, aggregate.sum),
  over: (f, x) => accumulate(f, [x], false),
  peach: (f, x) => each(f, [x]),
  prior: (f, x) => eachPrior(f, [x]),
  rotate: shape.rotate,
  scan: (f, x) => accumulate(f, [x], true),
  ss: strings.ss,
  sublist: shape.sublist,
  sv: strings.sv,
  uj: joins.uj,
  union: shape.union,
  vs: strings.vs,
  wavg: aggregate.weightedAverage,
  within: scalar.within,
  wsum: aggregate.weightedSum,
  xasc: (names, x) => order.sortBy(names, x, false),
  xbar: arithmetic.xbarOf,
  xcol: scalar.xcol,
  xcols: scalar.xcols,
  xdesc: (names, x) => order.sortBy(names, x, true),
  xexp: scalar.power,
  xgroup: joins.xgroup,
  xkey: scalar.xkey,
  xlog: (x, y) => arithmetic.divideBy(scalar.log(y), scalar.log(x)),
  xprev: (x, y) => aggregate.previous(y, Number((x as { v: number }).v)),
  xrank: (x, y) => scalar.xrank(x, y),
};

/** Text, then a function of it; anything else is the result itself [ref/apply#trap]. */
function trapped(evaluate: () => Q, handler: Q): Q {
  try {
    return evaluate();
  } catch (error) {
    const text =
      error instanceof Signal
        ? error.text
        : error instanceof RangeError && /call stack/.test(error.message)
          ? 'stack'
          : undefined;
    if (text === undefined) throw error;
    return handler.t >= 100 ? apply(handler, [chars(text)]) : handler;
  }
}

/** @ and . by their number of arguments: apply, trap, amend. */
function at(args: readonly Q[], machine: Machine): Q {
  const [x, i, f, y] = args as [Q, Q, Q, Q];
  if (args.length === 2)
    return x.kind === 'list' || x.kind === 'vector' || x.kind === 'dict' || x.kind === 'table'
      ? indexOne(x, i)
      : apply(x, [i]);
  if (args.length === 3 && x.t >= 100) return trapped(() => apply(x, [i]), f);
  return onTarget(x, machine, (target) => amendAt(target, i, f, args.length === 4 ? y : undefined));
}
function dot(args: readonly Q[], machine: Machine): Q {
  const [x, path, f, y] = args as [Q, Q, Q, Q];
  if (args.length === 2) return applyDot(x, path);
  if (args.length === 3 && x.t >= 100) return trapped(() => applyDot(x, path), f);
  const steps = itemsOf(path).map((step) => (step === nothing ? undefined : step));
  return onTarget(x, machine, (target) => amendDeep(target, steps, f, args.length === 4 ? y : undefined));
}
/** A symbol names what is amended in place; the name is the result. */
function onTarget(x: Q, machine: Machine, change: (target: Q) => Q): Q {
  if (x.kind !== 'atom' || x.t !== -11) return x.kind === 'atom' || x.t >= 100 ? fail('type') : change(x);
  const name = machine.fullName(x.v as string);
  machine.assign(name, change(machine.value(name)));
  return x;
}

function query(args: readonly Q[]): Q {
  const [x, y] = args as [Q, Q];
  if (args.length === 2) return x.kind === 'atom' ? fail('nyi deal') : order.find(x, y);
  if (args.length === 3 && x.kind !== 'table' && x.kind !== 'dict') return scalar.choose(x, y, args[2]!);
  return functionalSelect(args);
}

function dollar(x: Q, y: Q): Q {
  if (x.kind === 'atom' && (x.t === -7 || x.t === -6) && (isText(y) || y.kind === 'list'))
    return strings.pad(Number(x.v), y);
  return castOrTok(x, y);
}

export function addWords(machine: Machine): void {
  const add = (word: Primitive): void => void machine.words.set(word.name, word);
  for (const [name, call] of Object.entries(unary)) add(primitive(name, [1], ([x]) => call(x!)));
  for (const [name, call] of Object.entries(binary)) add(primitive(name, [2], ([x, y]) => call(x!, y!)));
  add(primitive('@', [2, 3, 4], (args) => at(args, machine)));
  add(primitive('.', [2, 3, 4], (args) => dot(args, machine)));
  add(primitive('?', [2, 3, 4, 5, 6], query));
  add(
    primitive('!', [2, 4], (args) => (args.length === 4 ? functionalUpdate(args) : bang(args[0]!, args[1]!, machine))),
  );
  add(primitive('$', [2], ([x, y]) => dollar(x!, y!)));
  add(primitive(':', [2], ([, y]) => y!));
  add(primitive("'", [2, 3, 4], (args) => composition(args)));
  add(primitive('enlist', [1, 2, 3, 4, 5, 6, 7, 8], (args) => (args.length === 1 ? enlist(args[0]!) : collapse(args))));
  add(primitive('ssr', [3], ([x, pattern, by]) => strings.ssr(x!, pattern!, by!, apply)));
  add(primitive('aj', [3], ([names, x, y]) => joins.aj(names!, x!, y!, false)));
  add(primitive('aj0', [3], ([names, x, y]) => joins.aj(names!, x!, y!, true)));
  add(primitive('ej', [3], ([names, x, y]) => joins.ej(names!, x!, y!)));
  machine.words.set('csv', chars(','));
}

/** -11!x is the machine's own; otherwise a dictionary, or keys of a table [ref/overloads#bang]. */
function bang(x: Q, y: Q, machine: Machine): Q {
  if (x.kind === 'atom' && (x.t === -7 || x.t === -6 || x.t === -5) && Number(x.v) < 0) {
    const known = machine.internals.get(Number(x.v)) ?? fail(`nyi ${x.v}!`);
    return known(y);
  }
  return shape.dictOf(x, y);
}

export { isList, itemAt, list, pick, rankOf };
