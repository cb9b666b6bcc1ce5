// Nodes to closures. Arguments and lists are evaluated from the right; local names are places of a frame.

import { amendDeep, append } from './amend.ts';
import { apply } from './apply.ts';
import { truthOf } from './iterate.ts';
import { collapse, count, doubt } from './lists.ts';
import type { Machine } from './machine.ts';
import { type Expression, exec, type Named, remove, type Scope, select, update } from './query.ts';
import type { Column, Node, Query } from './syntax.ts';
import { derived, dict, empty, fail, isList, type Lambda, nothing, type Q, Signal, table } from './values.ts';

export interface Frame {
  readonly locals: Q[];
  /** Columns of the query whose phrase is evaluated. */
  scope: Scope | undefined;
}
type Code = (frame: Frame) => Q;

class Returned {
  readonly value: Q;
  constructor(value: Q) {
    this.value = value;
  }
}
/** How deep lambdas may call: q's own limit is of memory. */
const maxDepth = 2000;
let depth = 0;

interface Names {
  readonly places: ReadonlyMap<string, number>;
  readonly namespace: string;
  readonly machine: Machine;
}

/** A statement at the top level. */
export function run(node: Node, machine: Machine): Q {
  const code = compile(node, { places: new Map(), namespace: machine.namespace, machine }, false);
  try {
    return code({ locals: [], scope: undefined });
  } catch (error) {
    if (error instanceof Returned) return error.value;
    throw error;
  }
}

function compile(node: Node, names: Names, isUsed = true): Code {
  switch (node.kind) {
    case 'constant': {
      const value = node.value;
      return () => value;
    }
    case 'verb':
      return verbCode(node.name, names);
    case 'name':
      return nameCode(node.name, names);
    case 'list':
      return listCode(node.items, names);
    case 'table':
      return tableCode(node.keys, node.columns, names);
    case 'apply':
      return applyCode(node, names);
    case 'iterate': {
      const f = compile(node.f, names);
      return (frame) => derived(node.iterator, f(frame));
    }
    case 'lambda': {
      const value = lambdaOf(node, names);
      return () => value;
    }
    case 'assign':
      return assignCode(node, names, isUsed);
    case 'cond':
      return condCode(node.parts, names, isUsed);
    case 'if':
    case 'while':
    case 'do':
      return controlCode(node, names);
    case 'block':
      return bodyCode(node.body, names);
    case 'return': {
      const value = compile(node.value, names);
      return (frame) => {
        throw new Returned(value(frame));
      };
    }
    case 'signal':
      return signalCode(compile(node.value, names));
    case 'query':
      return queryCode(node, names);
  }
}

function verbCode(name: string, names: Names): Code {
  const value = names.machine.words.get(name) ?? fail(`nyi ${name}`);
  return () => value;
}

function nameCode(name: string, names: Names): Code {
  const { machine } = names;
  const place = names.places.get(name);
  const global = machine.fullName(name, names.namespace);
  if (name === '.z.s') {
    const own = names.places.get('.z.s')!;
    return (frame) => frame.locals[own] ?? fail('.z.s');
  }
  return (frame) => {
    const column = frame.scope?.(name);
    if (column) return column;
    if (place !== undefined) return frame.locals[place]!;
    return machine.value(global, name);
  };
}

function listCode(items: readonly (Node | undefined)[], names: Names): Code {
  if (items.length === 1) return compile(items[0]!, names);
  if (items.length === 0) return () => empty;
  const codes = items.map((item) => item && compile(item, names));
  return (frame) => {
    const values = new Array<Q | undefined>(codes.length);
    for (let i = codes.length - 1; i >= 0; i--) values[i] = codes[i]?.(frame);
    if (values.includes(undefined)) return apply(names.machine.words.get('enlist')!, values);
    return collapse(values as Q[]);
  };
}

function tableCode(keys: readonly Column[], columns: readonly Column[], names: Names): Code {
  const of = (given: readonly Column[]): ((frame: Frame) => Q[]) => {
    const codes = given.map((column) => compile(column.value, names));
    return (frame) => {
      const values = new Array<Q>(codes.length);
      for (let i = codes.length - 1; i >= 0; i--) values[i] = codes[i]!(frame);
      return values;
    };
  };
  const keyCodes = of(keys);
  const columnCodes = of(columns);
  const keyNames = keys.map((column) => column.name);
  const columnNames = columns.map((column) => column.name);
  return (frame) => {
    const values = columnCodes(frame);
    const keyValues = keyCodes(frame);
    const all = [...keyValues, ...values];
    const lists = all.filter((value) => isList(value) || value.kind === 'table' || value.kind === 'dict');
    if (lists.length === 0) return fail('rank');
    const length = count(lists[0]!);
    if (lists.some((value) => count(value) !== length)) return fail('length');
    const wide = (value: Q): Q => (isList(value) ? value : collapse(Array.from({ length }, () => value)));
    const body = table(columnNames, values.map(wide));
    return keyNames.length === 0 ? body : dict(table(keyNames, keyValues.map(wide)), body);
  };
}

function applyCode(node: Node & { kind: 'apply' }, names: Names): Code {
  const f = compile(node.f, names);
  const args = node.args.map((arg) => arg && compile(arg, names));
  const [first, second] = args;
  if (args.length === 1 && first)
    return (frame) => {
      const value = first(frame);
      return apply(f(frame), [value]);
    };
  if (args.length === 2 && first && second)
    return (frame) => {
      const y = second(frame);
      const x = first(frame);
      return apply(f(frame), [x, y]);
    };
  return (frame) => {
    const values = new Array<Q | undefined>(args.length);
    for (let i = args.length - 1; i >= 0; i--) values[i] = args[i]?.(frame);
    return apply(f(frame), values);
  };
}

export function lambdaOf(node: Node & { kind: 'lambda' }, outer: Names): Lambda {
  const all = [...node.parameters, ...node.locals, '.z.s'];
  const places = new Map(all.map((name, place) => [name, place]));
  let body: Code | undefined;
  const names: Names = { places, namespace: outer.namespace, machine: outer.machine };
  const { machine } = outer;
  const lambda: Lambda = {
    kind: 'lambda',
    t: 100,
    source: node.source,
    namespace: outer.namespace,
    parameters: node.parameters,
    call: (args) => {
      body ??= bodyCode(node.body, names);
      const locals = new Array<Q>(all.length).fill(empty);
      for (let i = 0; i < node.parameters.length; i++) locals[i] = args[i]!;
      locals[all.length - 1] = lambda;
      if (++depth > maxDepth) {
        depth = 0;
        return fail('stack');
      }
      machine.tick();
      try {
        return body({ locals, scope: undefined });
      } catch (error) {
        if (error instanceof Returned) return error.value;
        throw traced(error, lambda);
      } finally {
        depth--;
      }
    },
  };
  return lambda;
}

/** Where it went wrong, for .Q.trp. */
export const traces = new WeakMap<Error, string[]>();
function traced(error: unknown, lambda: Lambda): unknown {
  const real = error instanceof RangeError && /call stack/.test(error.message) ? new Signal('stack') : error;
  if (real instanceof Signal) {
    const lines = traces.get(real) ?? [];
    if (lines.length < 20) lines.push(lambda.source);
    traces.set(real, lines);
  }
  return real;
}

/** The value of the last statement; an empty one is nothing. */
function bodyCode(body: readonly (Node | undefined)[], names: Names): Code {
  const codes = body.map((node, place) => node && compile(node, names, place === body.length - 1));
  return (frame) => {
    let value: Q = nothing;
    for (const code of codes) value = code ? code(frame) : nothing;
    return value;
  };
}

function assignCode(node: Node & { kind: 'assign' }, names: Names, isUsed: boolean): Code {
  const { machine } = names;
  if (machine.words.has(node.name) && !node.name.includes('.')) return fail('assign');
  const value = compile(node.value, names);
  const place = names.places.get(node.name);
  const global = machine.fullName(node.name, names.namespace);
  const read = (frame: Frame): Q | undefined =>
    place === undefined ? machine.globals.get(global) : frame.locals[place];
  const store = (frame: Frame, stored: Q): void => {
    if (place === undefined) machine.assign(global, stored);
    else frame.locals[place] = stored;
  };
  const operator = node.operator && compile(node.operator, names);
  if (!node.path) {
    if (!operator)
      return (frame) => {
        const given = value(frame);
        store(frame, given);
        return given;
      };
    return (frame) => {
      if (isUsed) doubt('the value of an assignment through an operator');
      const given = value(frame);
      const f = operator(frame);
      const old = read(frame) ?? identity(f);
      store(frame, isJoinVerb(f) ? append(old, given) : apply(f, [old, given]));
      return given;
    };
  }
  const path = node.path.map((part) => part && compile(part, names));
  return (frame) => {
    const given = value(frame);
    const at = new Array<Q | undefined>(path.length);
    for (let i = path.length - 1; i >= 0; i--) at[i] = path[i]?.(frame);
    const old = read(frame) ?? fail(node.name);
    if (place !== undefined && isList(old) && old.v.length === 0 && old === empty && at.length === 1)
      doubt('an indexed assignment to a local that is ()');
    store(frame, amendDeep(old, at, operator?.(frame), given));
    return given;
  };
}
const isJoinVerb = (f: Q): boolean => f.kind === 'primitive' && f.name === ',';
const identity = (f: Q): Q =>
  isJoinVerb(f) ? empty : fail('nyi an assignment through an operator to what is not there');

/** Without a last part what no test is true for is nothing [ref/cond#even-numbers-of-arguments]. */
function condCode(parts: readonly Node[], names: Names, isUsed: boolean): Code {
  const codes = parts.map((part) => compile(part, names, isUsed));
  return (frame) => {
    for (let i = 0; i + 1 < codes.length; i += 2) if (truthOf(codes[i]!(frame))) return codes[i + 1]!(frame);
    return codes.length % 2 === 0 ? nothing : codes.at(-1)!(frame);
  };
}

function controlCode(node: Node & { kind: 'if' | 'while' | 'do' }, names: Names): Code {
  const test = compile(node.test, names);
  const codes = node.body.map((part) => part && compile(part, names, false));
  const body = (frame: Frame): void => {
    for (const code of codes) code?.(frame);
  };
  if (node.kind === 'if')
    return (frame) => {
      if (truthOf(test(frame))) body(frame);
      return nothing;
    };
  if (node.kind === 'while')
    return (frame) => {
      while (truthOf(test(frame))) body(frame);
      return nothing;
    };
  return (frame) => {
    const times = test(frame);
    if (times.kind !== 'atom') return fail('type');
    for (let left = Number(times.v); left > 0; left--) body(frame);
    return nothing;
  };
}

/** A symbol or a text with another count than one; anything else is 'stype [ref/signal]. */
function signalCode(value: Code): Code {
  return (frame) => {
    const given = value(frame);
    if (given.kind === 'atom' && given.t === -11) return fail(given.v as string);
    if (given.kind === 'vector' && given.t === 10) return fail(Buffer.from(given.v as Uint8Array).toString('latin1'));
    return fail('stype');
  };
}

function queryCode(node: Query, names: Names): Code {
  const { machine } = names;
  const from = compile(node.from, names);
  const phrase = (code: Code): ((frame: Frame) => Expression) => {
    return (frame) => (scope) => {
      // Columns hide locals, and those of a query inside hide these.
      const inner: Frame = { locals: frame.locals, scope: (name) => scope(name) ?? frame.scope?.(name) };
      return code(inner);
    };
  };
  const named = (columns: readonly Column[]): ((frame: Frame) => Named[]) => {
    const codes = columns.map((column) => ({ name: column.name, value: phrase(compile(column.value, names)) }));
    return (frame) => codes.map((column) => ({ name: column.name, value: column.value(frame) }));
  };
  const columns = named(node.columns);
  const by = node.by && named(node.by);
  const where = node.where.map((condition) => phrase(compile(condition, names)));
  const isColumnNames = node.verb === 'delete';
  return (frame) => {
    const given = from(frame);
    const isByName = given.kind === 'atom' && given.t === -11;
    const source = isByName
      ? machine.value(machine.fullName(given.v as string, names.namespace), given.v as string)
      : given;
    const conditions = where.map((condition) => condition(frame));
    const result =
      node.verb === 'select'
        ? select(source, conditions, by?.(frame), columns(frame), node.isDistinct)
        : node.verb === 'exec'
          ? exec(source, conditions, by?.(frame), node.isByNamed, columns(frame), node.isNamed, node.isDistinct)
          : isColumnNames
            ? remove(
                source,
                conditions,
                node.columns.map((column) => column.name),
              )
            : update(source, conditions, by?.(frame), columns(frame));
    if (!isByName || node.verb === 'select' || node.verb === 'exec') return result;
    machine.assign(machine.fullName(given.v as string, names.namespace), result);
    return given;
  };
}
