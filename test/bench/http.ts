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

export class Connection {
  readonly #socket: Socket;
  #waiting: Waiting | null = null;
  #received: Buffer[] = [];
  #receivedBytes = 0;
  /** How many bytes there must be before it is worth looking at them again. */
  #wantedBytes = 1;
  #failure: Error | null = null;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.setTimeout(timeoutMs, () => this.#fail(new Error(`nothing came for ${timeoutMs} ms`)));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the connection was closed')));
  }

  static open({ host, port }: Address): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new Connection(socket));
      });
    });
  }

  send(message: Message): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.#failure) return reject(this.#failure);
      this.#waiting = { resolve, reject };
      this.#socket.cork();
      for (const part of message) this.#socket.write(part);
      this.#socket.uncork();
    });
  }

  close(): void {
    this.#waiting = null;
    this.#socket.destroy();
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
      this.#received = [];
      this.#receivedBytes = 0;
      this.#wantedBytes = 1;
      const waiting = this.#waiting;
      this.#waiting = null;
      waiting?.resolve(reply);
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#waiting?.reject(this.#failure);
    this.close();
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
