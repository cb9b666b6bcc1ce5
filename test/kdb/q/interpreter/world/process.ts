// One q process: its command line, its handles and port, its timer, and what .z says. Node's event loop is its main loop: messages, connections and
// ticks come one at a time, each evaluated to its end.

import { readFileSync } from 'node:fs';
import type { Server } from 'node:net';
import { hostname, userInfo } from 'node:os';
import type { Machine } from '../machine.ts';
import {
  boolean,
  chars,
  dict,
  fail,
  float,
  int,
  isAtom,
  isText,
  list,
  nothing,
  type Q,
  Signal,
  symbol,
  textOf,
  vector,
} from '../values.ts';
import * as clock from './clock.ts';
import type { CommandLine } from './command-line.ts';
import { system } from './commands.ts';
import type { Functions } from './deserialise.ts';
import { keyOf, pathOf, readValue, writeValue } from './files.ts';
import { Handles } from './handles.ts';
import { addressOf } from './outgoing.ts';
import { Peer } from './peer.ts';
import { addressNumber, type Caller, Connection, listen, type Session } from './server.ts';
import { addWords } from './words.ts';

/** The language, as the world sees it. */
export interface Language {
  readonly machine: Machine;
  apply(f: Q, args: readonly Q[]): Q;
  /** Runs a script in its own namespace; what fails says where. */
  load(text: string, path: string): void;
  readonly functions: Functions;
  readonly collapse: (items: readonly Q[]) => Q;
  /** Signals 'stop when this time has come, in milliseconds of performance.now; Infinity: never. */
  deadline(atMs: number): void;
}

const nobody: Caller = { handle: 0, address: 0, user: '' };

export class QProcess implements Session {
  readonly handles = new Handles((message) => this.#evaluate('.z.ps', message));
  readonly functions: Functions;
  readonly #language: Language;
  readonly #line: CommandLine;
  #caller = nobody;
  #server: Server | undefined;
  #port = 0;
  #timer: NodeJS.Timeout | undefined;
  #timerMs = 0;
  #timeoutS: number;

  constructor(language: Language, line: CommandLine, raw: readonly string[]) {
    this.#language = language;
    this.#line = line;
    this.functions = language.functions;
    this.#timeoutS = Number(line.options.get('T')?.[0] ?? 0);
    this.#computed(raw);
    addWords(language.machine, {
      functions: this.functions,
      collapse: language.collapse,
      hopen: (x) => this.#hopen(x),
      hclose: (handle) => this.handles.close(handle),
      exit: (code) => this.exit(code),
      applyRecord: (record) => void this.#evaluate('.z.ps', record),
      respond: (x) => this.#respond(x),
      workspaceBytes: Number(line.options.get('w')?.[0] ?? 0) * 1024 ** 2,
    });
    language.machine.world = {
      system: (command) => this.#system(command),
      send: (handle, message) => this.handles.send(handle, message),
      read: (path) => readValue(path, this.functions),
      write: writeValue,
      keyOf,
    };
  }

  /** The script, and then what options ask for. */
  start(): void {
    if (this.#line.file !== undefined) this.#load(this.#line.file);
    const port = this.#line.options.get('p')?.[0];
    if (port !== undefined) this.#listen(port);
    const timer = this.#line.options.get('t')?.[0];
    if (timer !== undefined) this.#startTimer(Number(timer));
  }

  exit(code: number): never {
    try {
      this.call('.z.exit', [int(code)]);
    } catch (error) {
      this.complain(error);
    }
    process.exit(code);
  }

  call(handler: string, args: readonly Q[], caller: Caller = nobody): Q | undefined {
    const f = this.#language.machine.globals.get(handler);
    if (!f) return undefined;
    return this.#as(caller, () => this.#language.apply(f, args));
  }

  evaluate(handler: '.z.pg' | '.z.ps', x: Q, caller: Caller): Q {
    return this.#as(caller, () => {
      if (this.#timeoutS > 0) this.#language.deadline(performance.now() + 1000 * this.#timeoutS);
      try {
        return this.#evaluate(handler, x);
      } finally {
        this.#language.deadline(Number.POSITIVE_INFINITY);
      }
    });
  }

  complain(error: unknown): void {
    process.stderr.write(`${error instanceof Signal ? error.message : ((error as Error).stack ?? error)}\n`);
  }

  #as<T>(caller: Caller, act: () => T): T {
    const former = this.#caller;
    this.#caller = caller;
    try {
      return act();
    } finally {
      this.#caller = former;
    }
  }

  #evaluate(handler: '.z.pg' | '.z.ps', x: Q): Q {
    const { globals, words } = this.#language.machine;
    return this.#language.apply(globals.get(handler) ?? words.get('value') ?? fail('nyi value'), [x]);
  }

  // ---- handles ----

  #hopen(x: Q): Q {
    const [what, timeout] = x.kind === 'list' && x.v.length === 2 ? [x.v[0]!, x.v[1]!] : [x, undefined];
    if (isAtom(what) && [-5, -6, -7].includes(what.t)) return this.#connect(`::${what.v}`, 0);
    if (!isText(what) && what.t !== -11) return fail('type');
    const text = textOf(what);
    const timeoutMs = timeout === undefined ? 0 : isAtom(timeout) ? Number(timeout.v) : fail('type');
    if (!text.startsWith(':')) return fail('type');
    return addressOf(text) ? this.#connect(text, timeoutMs) : int(this.handles.openFile(pathOf(symbol(text))));
  }

  #connect(text: string, timeoutMs: number): Q {
    const { address, login } = addressOf(text) ?? fail('hop');
    return int(new Peer(address, login, timeoutMs, this).handle);
  }

  #respond(x: Q): void {
    if (x === nothing) {
      this.handles.client(this.#caller.handle).defer();
      return;
    }
    if (x.kind !== 'list' || x.v.length !== 3) throw new Signal('type');
    const [handle, isError, answer] = x.v as [Q, Q, Q];
    if (!isAtom(handle) || !isAtom(isError) || isError.t !== -1) throw new Signal('type');
    this.handles.client(Number(handle.v)).answer(isError.v === 1, answer);
  }

  // ---- system ----

  #system(command: string): Q {
    return system(command, {
      load: (path) => this.#load(path),
      listen: (at) => this.#listen(at),
      port: this.#port,
      timer: (ms) => this.#startTimer(ms),
      timerMs: this.#timerMs,
      timeout: (s) => {
        this.#timeoutS = s;
      },
      timeoutS: this.#timeoutS,
    });
  }

  #load(path: string): void {
    let text: string;
    try {
      text = readFileSync(path, 'latin1');
    } catch {
      throw new Signal(`${path}. OS reports: No such file or directory`);
    }
    this.#language.load(text, path);
  }

  #listen(at: string): void {
    const [, host = '', port = ''] = /^(?:(.*):)?([^:]*)$/.exec(at)!;
    if (port !== '0W' && !/^\d+$/.test(port)) fail('nyi \\p of a service or a range');
    this.#server?.close();
    this.#port = 0;
    if (port === '0') return;
    this.#server = listen(host, port === '0W' ? 0 : Number(port), (socket) => new Connection(socket, this));
    this.#port = (this.#server.address() as { port: number }).port;
  }

  /** A timer alone keeps no process alive [ref/dotz#zts]. */
  #startTimer(ms: number): void {
    clearInterval(this.#timer);
    this.#timerMs = ms;
    if (ms === 0) return;
    this.#timer = setInterval(() => {
      try {
        this.call('.z.ts', [clock.timestamp()]);
      } catch (error) {
        this.complain(error);
      }
    }, ms);
    this.#timer.unref();
  }

  // ---- what .z says ----

  #computed(raw: readonly string[]): void {
    const { computed } = this.#language.machine;
    const texts = (given: readonly string[]): Q =>
      list(given.map((text) => chars(Buffer.from(text).toString('latin1'))));
    const of: Record<string, () => Q> = {
      p: clock.timestamp,
      P: clock.timestamp,
      n: clock.timespan,
      N: clock.timespan,
      d: clock.date,
      D: clock.date,
      t: clock.time,
      T: clock.time,
      z: clock.datetime,
      Z: clock.datetime,
      i: () => int(process.pid),
      w: () => int(this.#caller.handle),
      u: () => symbol(this.#caller === nobody ? userInfo().username : this.#caller.user),
      a: () => int(this.#caller === nobody ? addressNumber('127.0.0.1') : this.#caller.address),
      W: () => this.#pending(),
      H: () =>
        vector(
          6,
          Int32Array.from(this.handles.pending(), ([handle]) => handle),
        ),
      f: () => symbol(Buffer.from(this.#line.file ?? '').toString('latin1')),
      x: () => texts(this.#line.rest),
      X: () => texts(raw),
      h: () => symbol(hostname()),
      o: () => symbol('l64'),
      K: () => float(4.1),
      q: () => boolean(this.#line.options.has('q')),
    };
    for (const [name, value] of Object.entries(of)) computed.set(`.z.${name}`, value);
  }

  #pending(): Q {
    const found = this.handles.pending();
    const handles = vector(
      6,
      Int32Array.from(found, ([handle]) => handle),
    );
    return dict(
      handles,
      vector(
        7,
        BigInt64Array.from(found, ([, bytes]) => BigInt(bytes)),
      ),
    );
  }
}
