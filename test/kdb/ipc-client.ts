import { connect, type Socket } from 'node:net';

// A q IPC client in a few lines, written from the protocol's description. It shares no code with src/kdb, so that the two check each other.

/** An atom or list as bytes: 's' symbol, 'j' long, 'b' boolean, 'C' text, 'S' symbols, 'J' longs, 'I' ints, 'F' floats, 'g' guid, '0' list, ':' null. */
export const q = {
  null: Buffer.of(0x65, 0),
  s: (text: string) => Buffer.concat([Buffer.of(0xf5), Buffer.from(text), Buffer.of(0)]),
  j: (value: bigint) => atom(0xf9, 8, (out) => out.writeBigInt64LE(value, 1)),
  b: (value: boolean) => Buffer.of(0xff, value ? 1 : 0),
  g: (bytes: Uint8Array) => Buffer.concat([Buffer.of(0xfe), bytes]),
  C: (text: string) => vector(10, Buffer.from(text), 1),
  S: (...names: string[]) => Buffer.concat([head(11, names.length), ...names.map((name) => Buffer.from(`${name}\0`))]),
  J: (...values: bigint[]) => vector(7, Buffer.from(BigInt64Array.from(values).buffer), 8),
  I: (...values: number[]) => vector(6, Buffer.from(Int32Array.from(values).buffer), 4),
  F: (...values: number[]) => vector(9, Buffer.from(Float64Array.from(values).buffer), 8),
  list: (...items: Buffer[]) => Buffer.concat([head(0, items.length), ...items]),
  dict: (keys: Buffer, values: Buffer) => Buffer.concat([Buffer.of(99), keys, values]),
};

function atom(type: number, bytes: number, write: (out: Buffer) => void): Buffer {
  const out = Buffer.alloc(1 + bytes);
  out[0] = type;
  write(out);
  return out;
}

function head(type: number, count: number): Buffer {
  const out = Buffer.alloc(6);
  out[0] = type;
  out.writeInt32LE(count, 2);
  return out;
}

function vector(type: number, bytes: Buffer, width: number): Buffer {
  return Buffer.concat([head(type, bytes.length / width), bytes]);
}

/** A message: kind 0 async, 1 sync, 2 response. */
export function message(kind: number, body: Buffer): Buffer {
  const header = Buffer.of(1, kind, 0, 0, 0, 0, 0, 0);
  header.writeInt32LE(8 + body.length, 4);
  return Buffer.concat([header, body]);
}

/** A sync call. */
export function call(name: string, ...args: Buffer[]): Buffer {
  return message(1, q.list(q.s(name), ...args));
}

/** The text of an error reply. */
export function errorText(reply: Buffer): string | undefined {
  return reply[8] === 0x80 ? reply.toString('utf8', 9, reply.length - 1) : undefined;
}

export class IpcClient {
  readonly socket: Socket;
  #bytes = Buffer.alloc(0);
  #closed = false;
  #wake: () => void = () => {};

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('data', (chunk) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      this.#wake();
    });
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.#closed = true;
      this.#wake();
    });
  }

  /** The capability byte, or undefined when the server hung up. */
  async login(userAndPassword: string, capability = 3): Promise<number | undefined> {
    // A client of capability 0 is one from before there was such a byte.
    const end = capability > 0 ? Buffer.of(capability, 0) : Buffer.of(0);
    this.socket.write(Buffer.concat([Buffer.from(userAndPassword), end]));
    return (await this.#take(() => 1))?.[0];
  }

  send(...messages: Buffer[]): void {
    this.socket.write(Buffer.concat(messages));
  }

  /** The next message, or undefined when the server hung up. */
  next(): Promise<Buffer | undefined> {
    return this.#take(() => (this.#bytes.length < 8 ? 8 : this.#bytes.readInt32LE(4)));
  }

  /** Resolves when the server hangs up; whatever it sent before is left out. */
  async closed(): Promise<void> {
    while (!this.#closed) await this.#woken();
  }

  close(): void {
    this.socket.destroy();
  }

  async #take(size: () => number): Promise<Buffer | undefined> {
    while (this.#bytes.length < size()) {
      if (this.#closed) return undefined;
      await this.#woken();
    }
    const taken = this.#bytes.subarray(0, size());
    this.#bytes = this.#bytes.subarray(taken.length);
    return taken;
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
