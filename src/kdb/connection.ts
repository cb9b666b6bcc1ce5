import type { Socket } from 'node:net';
import { dial, type Endpoint, type QConnection } from './dial.ts';
import { ConnectionFailed, ConnectionLost, EngineError } from './engine-error.ts';
import { FrameReader, messageKinds } from './frame.ts';

/** The peer did not answer in time; whether it has applied the request is not known. */
export class NoAnswer extends ConnectionLost {}

interface Pending {
  readonly resolve: (reply: Buffer) => void;
  readonly reject: (error: Error) => void;
}

/**
 * One connection, on which node-q has done connect, login and TLS, with our frames both ways. node-q's `data` listener is taken off, because it
 * copies all it has at every chunk (16 MiB: 1.8 s), can lose the callback of a reply that arrives before its write callback, takes a push for a
 * reply, and never rejects when the socket closes.
 */
export class Connection {
  readonly #socket: Socket;
  readonly #reader: FrameReader;
  #pending: Pending | undefined;
  /** Of the request that is under way. */
  #deadlineMs = 0;
  /** Fires at that deadline or before, and is set again then: over many short requests there is one timer, not one for each. */
  #timer: NodeJS.Timeout | undefined;
  #timerMs = 0;
  #closed = false;

  static open(
    endpoint: Endpoint,
    limits: { readonly connectTimeoutMs: number; readonly maxReplyBytes: number },
    onClose: (connection: Connection) => void,
  ): Promise<Connection> {
    return dial(
      endpoint,
      limits.connectTimeoutMs,
      (opened, behind) => new Connection(opened, behind, limits.maxReplyBytes, onClose),
    );
  }

  private constructor(
    { socket }: QConnection,
    behind: Buffer,
    maxReplyBytes: number,
    onClose: (connection: Connection) => void,
  ) {
    this.#socket = socket;
    this.#reader = new FrameReader(maxReplyBytes, (frame) => this.#receive(frame));
    socket.removeAllListeners('data');
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('close', () => {
      this.#fail(new ConnectionLost('the database closed the connection'));
      onClose(this);
    });
    // An idle connection must not keep the process.
    socket.unref();
    this.#read(behind);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Sends a message and gives the reply's. One at a time: q has no request ids. The deadline and the signal close the connection, which makes the
   * engine cancel the work, and rejects.
   */
  request(frame: Buffer, timeoutMs: number, signal?: AbortSignal): Promise<Buffer> {
    if (this.#pending) throw new Error('a connection carries one request at a time');
    if (this.#closed) return Promise.reject(new ConnectionFailed('the connection is closed'));
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    const cancel = (): void => this.#fail(new EngineError('Cancelled'));
    signal?.addEventListener('abort', cancel, { once: true });
    const settle = (): void => {
      this.#pending = undefined;
      this.#socket.unref();
      signal?.removeEventListener('abort', cancel);
    };
    this.#pending = {
      resolve(reply) {
        settle();
        resolve(reply);
      },
      reject(error) {
        settle();
        reject(error);
      },
    };
    this.#deadlineMs = performance.now() + timeoutMs;
    if (this.#timer === undefined || this.#timerMs > this.#deadlineMs) this.#watch();
    this.#socket.ref();
    this.#socket.write(frame);
    return promise;
  }

  close(): void {
    this.#fail(new ConnectionLost('the connection was closed here'));
  }

  #watch(): void {
    clearTimeout(this.#timer);
    this.#timerMs = this.#deadlineMs;
    this.#timer = setTimeout(() => this.#look(), this.#deadlineMs - performance.now()).unref();
  }

  #look(): void {
    this.#timer = undefined;
    if (this.#pending === undefined) return;
    // A timer counts whole milliseconds and may be up to one early.
    if (performance.now() >= this.#deadlineMs - 1) this.#fail(new NoAnswer('no answer in time'));
    else this.#watch();
  }

  #read(chunk: Buffer): void {
    if (this.#closed) return;
    try {
      this.#reader.push(chunk);
    } catch (error) {
      this.#fail(new ConnectionLost('the database sends what is no q IPC', { cause: error }));
    }
  }

  #receive(frame: Buffer): void {
    // A push is nobody's reply.
    if (frame[1] !== messageKinds.response) return;
    if (this.#pending) this.#pending.resolve(frame);
    else this.#fail(new ConnectionLost('the database answers what nobody asked'));
  }

  #fail(error: Error): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#socket.destroy();
    this.#pending?.reject(error);
  }
}
