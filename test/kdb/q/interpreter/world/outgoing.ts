// Connections that this process opens [ref/hopen]. A synchronous call blocks everything else, as it does in q, so a thread of its own reads the socket
// and this one waits for it.

import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { fail } from '../values.ts';

/** What the thread says of a connection. */
export type Told =
  | { readonly kind: 'open' }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'chunk'; readonly bytes: Uint8Array }
  | { readonly kind: 'closed' };

export interface Address {
  readonly host: string;
  readonly port: number;
  /** Of a Unix domain socket, in the abstract namespace. */
  readonly path: string | undefined;
}

export interface OpenRequest {
  readonly port: MessagePort;
  readonly address: Address;
  readonly login: Uint8Array;
  readonly timeoutMs: number;
}

/** `:host:port:user:password, `::port, `:unix://port, with or without the last two; or a port. */
export function addressOf(text: string): { readonly address: Address; readonly login: string } | undefined {
  const found = /^:?(unix:\/\/|[^:/]*:)(\d+)(?::(.*))?$/s.exec(text);
  if (!found) return undefined;
  const [, place, port, login = ''] = found as unknown as [string, string, string, string | undefined];
  const path = place === 'unix://' ? `\0/tmp/kx.${port}` : undefined;
  const host = path !== undefined ? '' : place.slice(0, -1) || '127.0.0.1';
  return { address: { host, port: Number(port), path }, login };
}

let thread: Worker | undefined;
/** Grows with everything that the thread says: what a blocked call waits on. */
const said = new Int32Array(new SharedArrayBuffer(4));

export class Outgoing {
  readonly #port: MessagePort;

  /** Signals what a refused connection does. */
  constructor(address: Address, login: string, timeoutMs: number, onIdle: (told: Told) => void) {
    thread ??= new Worker(new URL('./outgoing-thread.ts', import.meta.url), { workerData: said });
    thread.unref();
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const bytes = Buffer.from(`${login}\x03\0`, 'latin1');
    const request: OpenRequest = { port: port2, address, login: bytes, timeoutMs };
    thread.postMessage(request, [port2]);
    const told = this.next();
    if (told.kind === 'refused') fail(told.reason);
    port1.on('message', onIdle);
  }

  send(bytes: Uint8Array): void {
    this.#port.postMessage(bytes);
  }

  /** The next that is said, however long it takes. */
  next(): Told {
    for (;;) {
      const before = Atomics.load(said, 0);
      const received = receiveMessageOnPort(this.#port) as { message: Told } | undefined;
      if (received) return received.message;
      Atomics.wait(said, 0, before);
    }
  }

  close(): void {
    this.#port.close();
  }
}
