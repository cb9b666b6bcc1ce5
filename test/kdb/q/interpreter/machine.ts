// What the language asks of the world around it: names, clocks, files, handles. The language itself needs none of it.

import { fail, notYet, type Primitive, type Q } from './values.ts';

export interface World {
  /** system "…", and a line of a script that begins with \ (without it).. */
  system(command: string): Q;
  /** handle message, neg[handle] message: the handle has its sign. */
  send(handle: number, message: Q): Q;
  /** `:path, without its leading colon, of get, value and key; set; an append by `:path upsert is not known. */
  read(path: string): Q;
  write(path: string, content: Q, compression: readonly number[] | undefined): void;
  keyOf(path: string): Q;
}

export const noWorld: World = {
  system: (command) => notYet(`system ${command}`),
  send: () => fail('Cannot write to handle'),
  read: (path) => fail(path),
  write: (path) => fail(path),
  keyOf: () => notYet('key of a path'),
};

/** What an interpreter shares with its words and its world. */
export class Machine {
  /** By full name: `a`, `.tsg.numbers`. */
  readonly globals = new Map<string, Q>();
  /** Words of q and of .Q, .j, .h, … that are made here; a global of the same name hides them. */
  readonly words = new Map<string, Primitive | Q>();
  /** .z.p and the like: found anew each time. */
  readonly computed = new Map<string, () => Q>();
  /** -11! and the like, by their number: -11. */
  readonly internals = new Map<number, (argument: Q) => Q>();
  /** After an assignment to a global, by full name: .z.ts and the like. */
  readonly assigned = new Map<string, (value: Q) => void>();
  /** '' or '.tsg', as \d leaves it. */
  namespace = '';
  world: World = noWorld;
}
