// A process that this one has opened a connection to.

import { fail, int, type Q, Signal } from '../values.ts';
import type { Target } from './handles.ts';
import { Cutter, contentOf, errorMessage, kinds, message } from './messages.ts';
import { type Address, Outgoing, type Told } from './outgoing.ts';
import { addressNumber, type Caller, type Session } from './server.ts';

export class Peer implements Target {
  readonly handle: number;
  readonly pending = 0;
  readonly #session: Session;
  readonly #outgoing: Outgoing;
  readonly #cutter = new Cutter();
  readonly #caller: Caller;
  /** Messages that came while another one was being asked for. */
  readonly #whole: Buffer[] = [];

  constructor(address: Address, login: string, timeoutMs: number, session: Session) {
    this.#session = session;
    this.#outgoing = new Outgoing(address, login, timeoutMs, (told) => this.#idle(told));
    this.handle = session.handles.add(this);
    this.#caller = { handle: this.handle, address: addressNumber(address.host), user: '' };
  }

  /** Until the answer comes, what else comes on this handle is evaluated [basics/ipc]. */
  ask(x: Q): Q {
    if (x.kind === 'primitive' && x.name === '::') return this.#next();
    this.#outgoing.send(message(kinds.sync, x));
    for (;;) {
      const whole = this.#read();
      if (whole[1] !== kinds.response) {
        this.#receive(whole);
        continue;
      }
      const answer = contentOf(whole, this.#session.functions);
      if (answer instanceof Signal) throw answer;
      return answer;
    }
  }

  tell(x: Q): void {
    if (!(x.kind === 'primitive' && x.name === '::')) this.#outgoing.send(message(kinds.async, x));
  }

  close(): void {
    this.#outgoing.close();
  }

  /** handle[]: the next message, whatever it is. */
  #next(): Q {
    const x = contentOf(this.#read(), this.#session.functions);
    if (x instanceof Signal) throw x;
    return x;
  }

  #read(): Buffer {
    while (this.#whole.length === 0) {
      const told = this.#outgoing.next();
      if (told.kind === 'chunk') this.#whole.push(...this.#cutter.push(Buffer.from(told.bytes)));
      else {
        this.#ended();
        fail('close');
      }
    }
    return this.#whole.shift()!;
  }

  #idle(told: Told): void {
    if (told.kind !== 'chunk') {
      this.#ended();
      return;
    }
    try {
      this.#whole.push(...this.#cutter.push(Buffer.from(told.bytes)));
      while (this.#whole.length > 0) this.#receive(this.#whole.shift()!);
    } catch (error) {
      this.#session.complain(error);
    }
  }

  #receive(whole: Buffer): void {
    const x = contentOf(whole, this.#session.functions);
    if (x instanceof Signal) return;
    if (whole[1] === kinds.async) {
      try {
        this.#session.evaluate('.z.ps', x, this.#caller);
      } catch (error) {
        this.#session.complain(error);
      }
      return;
    }
    try {
      this.#outgoing.send(message(kinds.response, this.#session.evaluate('.z.pg', x, this.#caller)));
    } catch (error) {
      this.#outgoing.send(errorMessage(error instanceof Signal ? error.text : String(error)));
    }
  }

  #ended(): void {
    this.#outgoing.close();
    this.#session.handles.forget(this.handle);
    this.#session.call('.z.pc', [int(this.handle)]);
  }
}
