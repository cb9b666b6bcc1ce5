// The words of q that reach outside: handles, files, the environment, .Q and .j, and the numbered internal functions [basics/internal].

import { readFileSync } from 'node:fs';
import { freemem, totalmem } from 'node:os';
import type { Machine } from '../machine.ts';
import {
  chars,
  dict,
  fail,
  int,
  isAtom,
  isList,
  isText,
  list,
  long,
  longs,
  nothing,
  primitive,
  type Q,
  symbol,
  symbols,
  textOf,
  vector,
} from '../values.ts';
import { Deserialiser, type Functions } from './deserialise.ts';
import { bytesOf, compressionFacts, fileLength, lines, pathOf, removeFile } from './files.ts';
import { streamingExecute } from './journal.ts';
import { fromJson, toJson } from './json.ts';
import { frame, kinds } from './messages.ts';
import { serialise } from './serialise.ts';
import { addressNumber } from './server.ts';

/** What the words need of the process. */
export interface Outside {
  readonly functions: Functions;
  hopen(x: Q): Q;
  hclose(handle: number): void;
  exit(code: number): never;
  /** What -11! applies each record with. */
  applyRecord(record: Q): void;
  /** -30! */
  respond(x: Q): void;
  readonly collapse: (items: readonly Q[]) => Q;
  /** -w, in bytes; 0: without. Nothing ends here that passes it. */
  readonly workspaceBytes: number;
}

const handleOf = (x: Q): number => (isAtom(x) && [-5, -6, -7].includes(x.t) ? Number(x.v) : fail('type'));
const nameOf = (x: Q): string => (isText(x) || x.t === -11 ? textOf(x) : fail('type'));

export function addWords(machine: Machine, outside: Outside): void {
  const { functions } = outside;
  const unary = (name: string, call: (x: Q) => Q): void => {
    machine.words.set(
      name,
      primitive(name, [1], ([x]) => call(x!)),
    );
  };
  const internal = (number: number, call: (x: Q) => Q): void => {
    machine.internals.set(number, call);
  };

  unary('hopen', (x) => outside.hopen(x));
  unary('hclose', (x) => {
    outside.hclose(handleOf(x));
    return nothing;
  });
  unary('hcount', (x) => fileLength(pathOf(x)));
  unary('hdel', (x) => {
    removeFile(pathOf(x));
    return x;
  });
  unary('read0', (x) => lines(pathOf(x)));
  unary('read1', (x) => bytesOf(pathOf(x)));
  unary('exit', (x) => outside.exit(handleOf(x)));
  unary('getenv', (x) => chars(Buffer.from(process.env[nameOf(x)] ?? '').toString('latin1')));

  internal(-7, (x) => fileLength(pathOf(x)));
  internal(-8, (x) => vector(4, new Uint8Array(frame(kinds.async, serialise(x)))));
  internal(-9, (x) => {
    if (x.kind !== 'vector' || x.t !== 4) return fail('type');
    const reader = new Deserialiser(Buffer.from(x.v as Uint8Array), functions, 8);
    return reader.value();
  });
  internal(-11, (x) => streamingExecute(x, functions, outside.applyRecord));
  internal(-21, (x) => compressionFacts(pathOf(x)));
  internal(-22, (x) => long(8 + serialise(x).length));
  internal(-30, (x) => {
    outside.respond(x);
    return nothing;
  });

  unary('.j.k', (x) => fromJson(x, outside.collapse));
  unary('.j.j', toJson);
  unary('.Q.opt', optionsOf);
  unary('.Q.addr', (x) => int(addressNumber(nameOf(x) === 'localhost' ? '127.0.0.1' : nameOf(x))));
  unary('.Q.w', () => memory(machine, outside.workspaceBytes));
  unary('.Q.gc', () => long(0));
}

/** [ref/dotq#opt] Names without their dash; each has the texts up to the next one. */
function optionsOf(x: Q): Q {
  if (!isList(x)) return fail('type');
  const given = x.kind === 'list' ? x.v.map(textOf) : fail('type');
  const names: string[] = [];
  const texts: Q[][] = [];
  for (const text of given) {
    if (text.startsWith('-')) {
      names.push(text.slice(1));
      texts.push([]);
    } else texts.at(-1)?.push(chars(text));
  }
  return dict(symbols(names), list(texts.map((items) => list(items))));
}

/** [ref/dotq#w] Only how many symbols there are is like q's: those that variables hold. */
function memory(machine: Machine, workspaceBytes: number): Q {
  const { heapUsed, heapTotal } = process.memoryUsage();
  const figures = [heapUsed, heapTotal, heapTotal, workspaceBytes, 0, totalmem() - freemem(), machine.globals.size, 0];
  return dict(symbols(['used', 'heap', 'peak', 'wmax', 'mmap', 'mphy', 'syms', 'symw']), longs(figures));
}

export const scriptOf = (path: string): string => readFileSync(path, 'latin1');
export const fileSymbol = (path: string): Q => symbol(Buffer.from(path).toString('latin1'));
