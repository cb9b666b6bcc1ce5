// A machine that has read nothing yet, and how it reads q: an expression, or a script with its continuation lines.

import { apply, handles } from './apply.ts';
import { run, traces } from './compile.ts';
import { join } from './lists.ts';
import { Machine } from './machine.ts';
import { parse } from './parser.ts';
import { inserted } from './query.ts';
import { til } from './shape.ts';
import { oneLine } from './text.ts';
import {
  chars,
  empty,
  fail,
  isKeyed,
  isList,
  isText,
  list,
  nothing,
  primitive,
  type Q,
  Signal,
  symbol,
  symbols,
  textOf,
  typeName,
} from './values.ts';
import { addWords } from './words.ts';

export function createMachine(): Machine {
  const machine = new Machine();
  addWords(machine);
  addNames(machine);
  handles.named = (name) => machine.value(machine.fullName(name), name);
  handles.send = (handle, message) => machine.world.send(handle, message);
  return machine;
}

/** The value of the last statement. */
export function evaluate(machine: Machine, source: string): Q {
  let value: Q = nothing;
  const nodes = parse(source);
  for (const node of nodes) value = node ? run(node, machine) : nothing;
  return value;
}

/** A script: statements begin at column 0, lines that begin with a blank go on; a lone / opens a comment, a lone \ ends all [basics/syntax#multiline-expressions]. */
export function load(machine: Machine, text: string): void {
  const namespace = machine.namespace;
  for (const statement of statementsOf(text)) {
    if (statement.startsWith('\\')) command(machine, statement.slice(1).trim());
    else evaluate(machine, statement);
  }
  machine.namespace = namespace;
}
export function* statementsOf(text: string): Generator<string> {
  let statement = '';
  let isComment = false;
  for (const whole of text.split('\n')) {
    const line = whole.replace(/\s+$/, '');
    if (isComment) {
      if (line === '\\') isComment = false;
      continue;
    }
    if (line === '/') {
      isComment = true;
      continue;
    }
    if (line === '\\') break;
    if (line === '' || line.startsWith('/')) continue;
    if (/^\s/.test(line)) {
      statement += `\n${line}`;
      continue;
    }
    if (statement !== '') yield statement;
    statement = line;
  }
  if (statement !== '') yield statement;
}
/** \d is the language's own; everything else the world's. */
export function command(machine: Machine, text: string): Q {
  const [word, argument] = text.split(/\s+/, 2) as [string, string?];
  if (word !== 'd') return machine.world.system(text);
  if (argument === undefined) return symbol(machine.namespace === '' ? '.' : machine.namespace);
  machine.namespace = argument === '.' ? '' : argument;
  return nothing;
}

const nameOf = (x: Q): string => (x.kind === 'atom' && x.t === -11 ? (x.v as string) : fail('type'));

/** value of text, of a name, of a dictionary, of a list to apply [ref/value]. */
function resolve(machine: Machine, x: Q): Q {
  if (isText(x)) return evaluate(machine, textOf(x));
  if (x.kind === 'atom' && x.t === -11) {
    const name = x.v as string;
    return name.startsWith(':') ? machine.world.read(name.slice(1)) : machine.value(machine.fullName(name), name);
  }
  if (x.kind === 'dict') return x.v;
  if (x.kind === 'list') {
    const [f, ...args] = x.v;
    if (f === undefined) return fail('type');
    const head = f.kind === 'atom' && f.t === -11 ? resolve(machine, f) : isText(f) ? evaluate(machine, textOf(f)) : f;
    return apply(head, args.length === 0 ? [undefined] : args);
  }
  if (x.kind === 'vector' && x.t === 11)
    return apply(resolve(machine, symbol((x.v as string[])[0]!)), (x.v as string[]).slice(1).map(symbol));
  if (x.kind === 'lambda')
    return list([chars(''), symbols(x.parameters), empty, symbols([x.namespace.slice(1)]), chars(x.source)]);
  return fail('type');
}

function keyOf(machine: Machine, x: Q): Q {
  if (x.kind === 'dict') return x.k;
  if (x.kind === 'vector') return symbol(typeName(x.t));
  if (x.kind === 'atom' && x.t === -11) {
    const name = x.v as string;
    if (name.startsWith(':')) return machine.world.keyOf(name.slice(1));
    const full = machine.fullName(name);
    const found = machine.globals.get(full);
    if (found?.kind === 'dict') return found.k;
    if (found) return x;
    const names = name.startsWith('.') ? machine.namesUnder(name) : [];
    return names.length > 0 ? symbols(['', ...names]) : empty;
  }
  if (x.kind === 'atom' && (x.t === -7 || x.t === -6)) return til(x);
  return fail('type');
}

/** `name set value; `:path set value; (`:path;…compression) set value [ref/set]. */
function setName(machine: Machine, x: Q, y: Q): Q {
  if (isList(x) && x.kind === 'list') {
    const [path, ...compression] = x.v;
    machine.world.write(
      nameOf(path!).slice(1),
      y,
      compression.map((part) => Number((part as { v: number }).v)),
    );
    return path!;
  }
  const name = nameOf(x);
  if (name.startsWith(':')) machine.world.write(name.slice(1), y, undefined);
  else machine.assign(machine.fullName(name), y);
  return x;
}

function insertInto(machine: Machine, x: Q, y: Q): Q {
  const name = machine.fullName(nameOf(x));
  const target = machine.globals.get(name);
  if (target === undefined) {
    if (y.kind !== 'table' && !isKeyed(y)) return fail('type');
    machine.assign(name, y);
    return til({ kind: 'atom', t: -7, v: BigInt((y.kind === 'table' ? y : y.k).columns.length) });
  }
  const { table, places } = inserted(target, y);
  machine.assign(name, table);
  return places;
}
function upsertInto(machine: Machine, x: Q, y: Q): Q {
  if (x.kind === 'atom' && x.t === -11) {
    const name = machine.fullName(nameOf(x));
    machine.assign(name, upserted(machine.value(name), y));
    return x;
  }
  return upserted(x, y);
}
function upserted(x: Q, y: Q): Q {
  if (isKeyed(x)) return isKeyed(y) ? join(x, y) : fail('nyi upsert of rows');
  return x.kind === 'table' && !(y.kind === 'table' || y.kind === 'dict') ? inserted(x, y).table : join(x, y);
}

function addNames(machine: Machine): void {
  const add = (name: string, ranks: number[], call: (args: readonly Q[]) => Q): void =>
    void machine.words.set(name, primitive(name, ranks, call));
  add('value', [1], ([x]) => resolve(machine, x!));
  add('get', [1], ([x]) => resolve(machine, x!));
  add('eval', [1], () => fail('nyi eval'));
  add('key', [1], ([x]) => keyOf(machine, x!));
  add('set', [2], ([x, y]) => setName(machine, x!, y!));
  add('insert', [2], ([x, y]) => insertInto(machine, x!, y!));
  add('upsert', [2], ([x, y]) => upsertInto(machine, x!, y!));
  add('system', [1], ([x]) => command(machine, textOf(x!)));
  add('show', [1], ([x]) => {
    process.stdout.write(`${oneLine(x!)}\n`);
    return nothing;
  });
  add('.Q.s1', [1], ([x]) => chars(oneLine(x!)));
  machine.internals.set(-3, (x) => chars(oneLine(x)));
  add('.Q.trp', [3], ([f, x, g]) => trap(f!, x!, g!));
  add('.Q.sbt', [1], ([x]) => x!);
  const lower = 'abcdefghijklmnopqrstuvwxyz';
  machine.words.set('.Q.a', chars(lower));
  machine.words.set('.Q.A', chars(lower.toUpperCase()));
  machine.words.set('.Q.n', chars('0123456789'));
  machine.words.set('.Q.an', chars(`${lower}${lower.toUpperCase()}_0123456789`));
  machine.words.set('.Q.t', chars(' bg xhijefcspmdznuvts'));
}

/** The handler gets the text and the stack, which .Q.sbt makes a text of [ref/dotq#trp]. */
function trap(f: Q, x: Q, handler: Q): Q {
  try {
    return apply(f, [x]);
  } catch (error) {
    if (!(error instanceof Signal)) throw error;
    return apply(handler, [
      chars(error.text),
      chars((traces.get(error) ?? []).map((line, i) => `  [${i}]  ${line}\n`).join('')),
    ]);
  }
}
