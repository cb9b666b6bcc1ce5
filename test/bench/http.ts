// The one client of every target: HTTP/1.1 over a raw socket, one request at a time on each connection. node:http costs about three times the
// processor time, and here the client shares two cores with what it measures.
import { connect, type Socket } from 'node:net';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Reply {
  readonly status: number;
  /** As received, without chunk lengths. */
  readonly body: Buffer;
}

/** A request that is ready to be sent, any number of times. */
export type Message = readonly Buffer[];

export function get(path: string, headers: Readonly<Record<string, string>> = {}): Message {
  return [head('GET', path, headers)];
}

export function post(path: string, headers: Readonly<Record<string, string>>, body: Buffer): Message {
  return [head('POST', path, { ...headers, 'Content-Length': String(body.length) }), body];
}

export function put(path: string, headers: Readonly<Record<string, string>>, body: Buffer): Message {
  return [head('PUT', path, { ...headers, 'Content-Length': String(body.length) }), body];
}

function head(method: string, path: string, headers: Readonly<Record<string, string>>): Buffer {
  const lines = Object.entries({ Host: 'localhost', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`);
}

/** Longer than any of the peers' slowest queries takes; a target that hangs must not hang the benchmark. */
const timeoutMs = 60_000;

interface Waiting {
  resolve(reply: Reply): void;
  reject(error: Error): void;
}

/** The other side closed a connection on which nothing was under way: servers do that after some idle seconds. */
class ClosedWhileIdle extends Error {}

export class Connection {
  readonly #address: Address;
  #socket: Socket | null = null;
  #waiting: Waiting | null = null;
  #received: Buffer[] = [];
  #receivedBytes = 0;
  /** How many bytes there must be before it is worth looking at them again. */
  #wantedBytes = 1;

  private constructor(address: Address) {
    this.#address = address;
  }

  static async open(address: Address): Promise<Connection> {
    const connection = new Connection(address);
    await connection.#connect();
    return connection;
  }

  async send(message: Message): Promise<Reply> {
    if (!this.#socket) await this.#connect();
    try {
      return await this.#exchange(message);
    } catch (error) {
      if (!(error instanceof ClosedWhileIdle)) throw error;
      await this.#connect();
      return await this.#exchange(message);
    }
  }

  close(): void {
    this.#waiting = null;
    this.#socket?.destroy();
    this.#socket = null;
  }

  #connect(): Promise<void> {
    return new Promise((resolve, reject) => {
      const { host, port } = this.#address;
      const socket = connect({ host, port });
      let used = false;
      socket.setNoDelay(true);
      socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`nothing came from ${port} for ${timeoutMs} ms`)));
      socket.on('data', (chunk: Buffer) => {
        used = true;
        this.#receive(chunk);
      });
      socket.on('error', (error) => {
        reject(error);
        this.#lost(socket, error);
      });
      socket.on('close', () => {
        const idle = used && this.#receivedBytes === 0;
        this.#lost(socket, new (idle ? ClosedWhileIdle : Error)(`port ${port} closed the connection`));
      });
      socket.once('connect', () => {
        this.#socket = socket;
        resolve();
      });
    });
  }

  #exchange(message: Message): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      const socket = this.#socket!;
      socket.cork();
      for (const part of message) socket.write(part);
      socket.uncork();
    });
  }

  #receive(chunk: Buffer): void {
    this.#received.push(chunk);
    this.#receivedBytes += chunk.length;
    if (this.#receivedBytes < this.#wantedBytes) return;
    const bytes = this.#received.length === 1 ? chunk : Buffer.concat(this.#received);
    this.#received = [bytes];
    try {
      const reply = readReply(bytes);
      if (typeof reply === 'number') {
        this.#wantedBytes = reply;
        return;
      }
      this.#forget();
      const waiting = this.#waiting;
      this.#waiting = null;
      waiting?.resolve(reply);
    } catch (error) {
      this.#socket?.destroy(error as Error);
    }
  }

  #lost(socket: Socket, error: Error): void {
    if (this.#socket !== socket) return;
    const waiting = this.#waiting;
    this.close();
    this.#forget();
    waiting?.reject(error);
  }

  #forget(): void {
    this.#received = [];
    this.#receivedBytes = 0;
    this.#wantedBytes = 1;
  }
}

/** The reply, or how many bytes there must be before there can be one. */
function readReply(bytes: Buffer): Reply | number {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd < 0) return bytes.length + 1;
  const head = bytes.toString('latin1', 0, headEnd);
  const status = Number(head.slice(9, 12));
  const bodyStart = headEnd + 4;
  if (status === 204 || status === 304) return { status, body: bytes.subarray(bodyStart, bodyStart) };
  const length = /\r\ncontent-length: *(\d+)/i.exec(head);
  if (length) {
    const end = bodyStart + Number(length[1]);
    return bytes.length < end ? end : { status, body: bytes.subarray(bodyStart, end) };
  }
  if (!/\r\ntransfer-encoding: *chunked/i.test(head)) throw new Error(`a reply without a length: ${head}`);
  return readChunks(bytes, bodyStart, status);
}

function readChunks(bytes: Buffer, bodyStart: number, status: number): Reply | number {
  // Every look starts anew; a big chunk is waited for at once, so that there are few of them.
  const chunks: Buffer[] = [];
  let at = bodyStart;
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd < 0) return bytes.length + 1;
    const length = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16);
    const end = lineEnd + 2 + length + 2;
    if (bytes.length < end) return end;
    if (length === 0) return { status, body: chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks) };
    chunks.push(bytes.subarray(lineEnd + 2, end - 2));
    at = end;
  }
}
