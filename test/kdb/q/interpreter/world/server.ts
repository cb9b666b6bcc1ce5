// The port [basics/listening-port]: logins, messages and their answers [basics/ipc], HTTP. Whatever a message is answered with is computed before the
// next event is looked at.

import net from 'node:net';
import { chars, fail, int, list, type Q, Signal, symbol, vector } from '../values.ts';
import type { Functions } from './deserialise.ts';
import type { Client, Handles } from './handles.ts';
import { answerHttp, isHttp } from './http.ts';
import { Cutter, contentOf, errorMessage, kinds, message } from './messages.ts';

/** Whose message is evaluated: what .z.w, .z.a and .z.u say. */
export interface Caller {
  readonly handle: number;
  readonly address: number;
  readonly user: string;
}

/** What a connection needs of the process. */
export interface Session {
  readonly handles: Handles;
  readonly functions: Functions;
  /** Calls a handler of .z in the name of somebody; undefined: there is none. */
  call(handler: string, args: readonly Q[], caller?: Caller): Q | undefined;
  /** What .z.pg and .z.ps are without a definition: value, under the deadline of -T. */
  evaluate(handler: '.z.pg' | '.z.ps', x: Q, caller: Caller): Q;
  /** An error that nobody is answered with. */
  complain(error: unknown): void;
}

const capability = 3;

export function addressNumber(ip: string | undefined): number {
  const parts = (ip ?? '')
    .replace(/^::ffff:/, '')
    .split('.')
    .map(Number);
  return parts.length === 4 ? Buffer.from(parts).readInt32BE() : 0;
}

/** Listens at once: the port is known when this returns. */
export function listen(host: string, port: number, onSocket: (socket: net.Socket) => void): net.Server {
  // node looks up even an address before it binds; q has bound when \p returns.
  type Bind = (address: string, port: number, family: number, descriptor: number, flags: number) => object | number;
  const bind = (net as unknown as { _createServerHandle: Bind })._createServerHandle;
  const bound = bind(host === 'localhost' ? '127.0.0.1' : host || '0.0.0.0', port, 4, -1, 0);
  const server = net.createServer(onSocket);
  server.on('error', () => {});
  if (typeof bound === 'object') server.listen(bound);
  if (server.address() === null) fail(`${port}. OS reports: Address already in use`);
  return server;
}

export class Connection implements Client {
  readonly #socket: net.Socket;
  readonly #session: Session;
  readonly #cutter = new Cutter();
  #login: Buffer = Buffer.alloc(0);
  #caller: Caller;
  #isOpen = false;
  #isDeferred = false;
  /** Requests whose answers were put off with -30!(::). */
  #owed = 0;

  constructor(socket: net.Socket, session: Session) {
    this.#socket = socket;
    this.#session = session;
    this.#caller = { handle: 0, address: addressNumber(socket.remoteAddress), user: '' };
    socket.setNoDelay();
    socket.on('data', (chunk) => this.#take(chunk));
    socket.on('error', () => {});
    socket.on('close', () => this.#closed());
  }

  get pending(): number {
    return this.#socket.writableLength;
  }
  ask(): Q {
    return fail('nyi a synchronous call to a client');
  }
  tell(x: Q): void {
    if (x.t !== 101) this.#socket.write(message(kinds.async, x));
  }
  close(): void {
    this.#isOpen = false;
    this.#socket.destroySoon();
  }

  /** -30!(::) */
  defer(): void {
    this.#isDeferred = true;
  }
  /** -30!(handle;isError;x) */
  answer(isError: boolean, x: Q): void {
    if (this.#owed === 0) fail(`Handle ${this.#caller.handle} was not expecting a response msg`);
    this.#owed--;
    this.#socket.write(isError ? errorMessage(errorText(x)) : message(kinds.response, x));
  }

  #take(chunk: Buffer): void {
    try {
      if (this.#isOpen) for (const whole of this.#cutter.push(chunk)) this.#receive(whole);
      else this.#takeLogin(chunk);
    } catch (error) {
      this.#session.complain(error);
      this.#socket.destroy();
    }
  }

  #takeLogin(chunk: Buffer): void {
    this.#login = Buffer.concat([this.#login, chunk]);
    if (isHttp(this.#login)) {
      const reply = answerHttp(this.#login, this.#session, this.#caller);
      if (reply !== undefined) this.#socket.end(reply);
      return;
    }
    const end = this.#login.indexOf(0);
    if (end < 0) return;
    const rest = this.#login.subarray(end + 1);
    const hasCapability = end > 0 && this.#login[end - 1]! < 9;
    const offered = hasCapability ? this.#login[end - 1]! : 0;
    const text = this.#login.toString('latin1', 0, hasCapability ? end - 1 : end);
    const colon = text.includes(':') ? text.indexOf(':') : text.length;
    this.#caller = { ...this.#caller, user: text.slice(0, colon) };
    const isWelcome = this.#session.call(
      '.z.pw',
      [symbol(this.#caller.user), chars(text.slice(colon + 1))],
      this.#caller,
    );
    if (isWelcome && !(isWelcome.kind === 'atom' && isWelcome.t === -1 && isWelcome.v === 1)) {
      this.#socket.destroy();
      return;
    }
    this.#socket.write(Buffer.from([Math.min(offered, capability)]));
    this.#isOpen = true;
    this.#caller = { ...this.#caller, handle: this.#session.handles.add(this) };
    this.#session.call('.z.po', [int(this.#caller.handle)], this.#caller);
    if (rest.length > 0) this.#take(rest);
  }

  #receive(whole: Buffer): void {
    if (!this.#isOpen) return;
    const x = this.#decoded(whole);
    if (x === undefined || x instanceof Signal) return;
    if (whole[1] === kinds.async) {
      try {
        this.#session.evaluate('.z.ps', x, this.#caller);
      } catch (error) {
        this.#session.complain(error);
      }
    } else if (whole[1] === kinds.sync) this.#reply(x);
  }

  #reply(x: Q): void {
    this.#isDeferred = false;
    let reply: Buffer;
    try {
      reply = message(kinds.response, this.#session.evaluate('.z.pg', x, this.#caller));
    } catch (error) {
      if (!(error instanceof Signal)) this.#session.complain(error);
      reply = errorMessage(error instanceof Signal ? error.text : 'the interpreter failed');
    }
    if (this.#isDeferred) this.#owed++;
    else this.#socket.write(reply);
  }

  /** Undefined: it was malformed, and the connection is closed [ref/dotz#zbm]. */
  #decoded(whole: Buffer): Q | Signal | undefined {
    try {
      return contentOf(whole, this.#session.functions);
    } catch (error) {
      const bytes = vector(4, new Uint8Array(whole));
      this.#session.call('.z.bm', [list([int(this.#caller.handle), bytes])], this.#caller);
      this.#session.complain(error);
      this.#socket.destroy();
      return undefined;
    }
  }

  #closed(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#session.handles.forget(this.#caller.handle);
    this.#session.call('.z.pc', [int(this.#caller.handle)]);
  }
}

const errorText = (x: Q): string =>
  x.kind === 'vector' && x.t === 10 ? Buffer.from(x.v as Uint8Array).toString('latin1') : fail('type');
