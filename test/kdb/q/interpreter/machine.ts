// What the language asks of the world around it: names, clocks, files, handles. The language itself needs none of it.

import { indexDeep } from './apply.ts';
import { dict, fail, list, nothing, notYet, type Primitive, type Q, symbol, symbols } from './values.ts';

export interface World {
  /** system "…", and a line of a script that begins with \ (without it). */
  system(command: string): Q;
  /** handle message, neg[handle] message: the handle has its sign. */
  send(handle: number, message: Q): Q;
  /** `:path, without its leading colon: get, value; set; key. */
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
  /** Words of q and of .Q, .j, .h, … that are made here; a global of the same name hides the dotted ones. */
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
  /** Called with each call of a lambda; may signal 'stop. */
  tick: () => void = () => {};

  /** What a name means in a namespace. */
  fullName(name: string, namespace = this.namespace): string {
    return name.startsWith('.') || namespace === '' ? name : `${namespace}.${name}`;
  }

  assign(name: string, value: Q): void {
    this.globals.set(name, value);
    this.assigned.get(name)?.(value);
  }

  find(name: string): Q | undefined {
    const known = this.globals.get(name) ?? this.computed.get(name)?.() ?? this.words.get(name);
    if (known) return known;
    if (name.startsWith('.')) {
      const names = this.namesUnder(name);
      if (names.length > 0)
        return dict(
          symbols(['', ...names]),
          list([nothing, ...names.map((each) => this.globals.get(`${name}.${each}`)!)]),
        );
      // .a.b.c is an entry of the dictionary .a.b
      const dot = name.lastIndexOf('.');
      const holder = dot > 0 ? this.globals.get(name.slice(0, dot)) : undefined;
      if (holder?.kind === 'dict' || holder?.kind === 'table') return indexDeep(holder, [symbol(name.slice(dot + 1))]);
    }
    return undefined;
  }
  /** An undefined name signals itself. */
  value(name: string, shown = name): Q {
    return this.find(name) ?? fail(shown);
  }
  namesUnder(namespace: string): string[] {
    const prefix = `${namespace}.`;
    const names = new Set<string>();
    for (const name of this.globals.keys())
      if (name.startsWith(prefix)) names.add(name.slice(prefix.length).split('.')[0]!);
    return [...names];
  }
}
