import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { encodeError, encodeMessage } from '../../src/kdb/codec.ts';
import type { QValue } from '../../src/kdb/qvalue.ts';

/** What a fake q does on one connection, as a story. Returning leaves the connection open. */
export type Script = (peer: Peer, connection: number) => Promise<void>;

export interface FakeQ {
  readonly port: number;
  /** Connections so far. */
  readonly connections: () => number;
  close(): Promise<void>;
}

/** The client went away while the script waited for it. */
class Gone extends Error {}

/** One connection seen from the side of q. */
export class Peer {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #wake: () => void = () => {};

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
    socket.on('close', () => this.#wake());
  }

  /** Reads the login and answers with the byte. */
  async welcome(capability = 3): Promise<string> {
    const login = await this.login();
    await this.send(Buffer.of(capability));
    return login;
  }

  /** Reads the login without an answer. */
  async login(): Promise<string> {
    const end = await this.#until(() => this.#received.indexOf(0));
    const login = this.#received.toString('latin1', 0, end - 1);
    this.#received = this.#received.subarray(end + 1);
    return login;
  }

  /** The next message of the client. */
  async request(): Promise<Buffer> {
    const length = await this.#until(() => {
      const size = this.#received.length < 8 ? Number.POSITIVE_INFINITY : this.#received.readInt32LE(4);
      return size <= this.#received.length ? size : -1;
    });
    const message = this.#received.subarray(0, length);
    this.#received = this.#received.subarray(length);
    return message;
  }

  reply(value: QValue): Promise<void> {
    return this.send(encodeMessage(2, value));
  }

  push(value: QValue): Promise<void> {
    return this.send(encodeMessage(0, value));
  }

  fail(text: string): Promise<void> {
    return this.send(encodeError(text));
  }

  /** Resolves when the bytes are handed to the kernel, so that two sends arrive apart where the network allows. */
  send(bytes: Buffer): Promise<void> {
    return new Promise((resolve) => this.#socket.write(bytes, () => resolve()));
  }

  /** In pieces of so many bytes, each in a packet of its own as far as the loopback does that. */
  async sendInPieces(bytes: Buffer, size: number): Promise<void> {
    for (let at = 0; at < bytes.length; at += size) {
      await this.send(bytes.subarray(at, at + size));
      await new Promise(setImmediate);
    }
  }

  hangUp(): void {
    this.#socket.destroy();
  }

  /** Waits until the client has closed. */
  async closed(): Promise<void> {
    while (!this.#socket.closed) await once(this.#socket, 'close');
  }

  async #until(find: () => number): Promise<number> {
    for (;;) {
      const found = find();
      if (found >= 0) return found;
      if (this.#socket.closed) throw new Gone();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

/** Plays the script on each connection. A failed script hangs up and fails `close`. */
export async function fakeQ(script: Script, port = 0): Promise<FakeQ> {
  const sockets = new Set<Socket>();
  const failures: unknown[] = [];
  let connections = 0;
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    script(new Peer(socket), ++connections).catch((error) => {
      if (!(error instanceof Gone)) failures.push(error);
      socket.destroy();
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
      if (failures.length > 0) throw failures[0];
    },
  };
}
