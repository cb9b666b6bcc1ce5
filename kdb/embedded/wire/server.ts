import { createHash, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { Log } from '../../../src/base/log.ts';
import { encodeError, encodeMessage, plainFrame } from '../../../src/kdb/codec.ts';
import { CodecError, MessageTooLong } from '../../../src/kdb/codec-error.ts';
import { calls } from '../../../src/kdb/contract.ts';
import type { Engine } from '../../../src/kdb/engine.ts';
import { EngineError } from '../../../src/kdb/engine-error.ts';
import { FrameReader, maxMessageBytes, messageKinds } from '../../../src/kdb/frame.ts';
import type { QValue } from '../../../src/kdb/qvalue.ts';
import { type FrameSink, type ReadCall, readCall } from './answers.ts';

export type { FrameSink } from './answers.ts';

export interface ServerOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly log: Log;
  readonly maxConnections?: number;
  readonly maxMessageBytes?: number;
  readonly queryTimeoutMs?: number;
  /** A connection that has not logged in by then is closed. */
  readonly handshakeTimeoutMs?: number;
}

export interface EngineServer {
  readonly port: number;
  /** Takes no more calls, answers those that run, closes. */
  close(): Promise<void>;
}

const defaults = {
  maxConnections: 256,
  maxMessageBytes,
  queryTimeoutMs: calls['.tsg.query'].timeoutMs,
  handshakeTimeoutMs: 5_000,
};

const maxHandshakeBytes = 1_024;
/** guid; the highest capability without messages of more than 2 GB. */
const capability = 3;
/** What a connection may have sent ahead before its socket is no longer read. */
const maxAhead = { requests: 64, bytes: 8 * 1024 * 1024 };
/** A client that takes no byte of its reply for this long is hung up on. */
const drainTimeoutMs = 60_000;
const closeGraceMs = 5_000;

type Settings = Required<ServerOptions> & { readonly engine: Engine & FrameSink };

/** Answers q IPC on a port: one call after the other per connection, any number of connections at once. */
export async function createEngineServer(engine: Engine & FrameSink, options: ServerOptions): Promise<EngineServer> {
  const settings: Settings = { ...defaults, ...options, engine };
  const sessions = new Set<Session>();
  // Keep-alive finds the clients whose machine has gone.
  const server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 }, (socket) => {
    const session = new Session(socket, settings);
    sessions.add(session);
    socket.on('close', () => sessions.delete(session));
  });
  server.maxConnections = settings.maxConnections;
  server.listen(options.port, options.host);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const session of sessions) session.finish();
      const cut = setTimeout(() => {
        for (const session of sessions) session.hangUp();
      }, closeGraceMs);
      await closed;
      clearTimeout(cut);
    },
  };
}

/** One connection: handshake, then requests in the order in which they came. */
class Session {
  readonly #socket: Socket;
  readonly #settings: Settings;
  readonly #reader: FrameReader;
  readonly #requests: Buffer[] = [];
  #requestBytes = 0;
  /** Of the query that runs. */
  #running: AbortController | undefined;
  readonly #handshakeTimer: NodeJS.Timeout;
  #handshake: Buffer | null = Buffer.alloc(0);
  #serving = false;
  #finishing = false;

  constructor(socket: Socket, settings: Settings) {
    this.#socket = socket;
    this.#settings = settings;
    this.#reader = new FrameReader(settings.maxMessageBytes, (frame) => this.#receive(frame));
    this.#handshakeTimer = setTimeout(() => socket.destroy(), settings.handshakeTimeoutMs);
    socket.on('data', (chunk) => this.#read(chunk));
    socket.on('error', () => {});
    // The end of what the client sends counts as a hang-up: a client of q waits for its answers.
    socket.on('end', () => this.hangUp());
    socket.on('close', () => {
      clearTimeout(this.#handshakeTimer);
      this.#running?.abort(new EngineError('Cancelled'));
    });
  }

  /** Closes once the running call is answered. */
  finish(): void {
    this.#finishing = true;
    this.#requests.length = 0;
    if (!this.#serving) this.#socket.destroy();
  }

  hangUp(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    try {
      const rest = this.#handshake === null ? chunk : this.#shakeHands(chunk);
      if (rest.length > 0) this.#reader.push(rest);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      this.#refuse(error.message);
    }
  }

  /** user:password, capability byte, 0. One byte back, or the connection closes. Gives what came behind. */
  #shakeHands(chunk: Buffer): Buffer {
    const received = Buffer.concat([this.#handshake!, chunk]);
    const end = received.indexOf(0);
    // HTTP on this port (q answers it) is told by its line end.
    if (end < 0 && received.length <= maxHandshakeBytes && !received.includes('\r')) {
      this.#handshake = received;
      return Buffer.alloc(0);
    }
    clearTimeout(this.#handshakeTimer);
    const { user, password } = this.#settings;
    // Clients from before the capability byte end with the password.
    const offered = end > 0 && received[end - 1]! < 0x20 ? received[end - 1]! : 0;
    const login = received.subarray(0, Math.max(0, offered > 0 ? end - 1 : end));
    if (end < 1 || end > maxHandshakeBytes || !sameText(login, `${user}:${password}`)) {
      this.#refuse('login refused');
      return Buffer.alloc(0);
    }
    this.#handshake = null;
    this.#socket.write(Buffer.of(Math.min(offered, capability)));
    return received.subarray(end + 1);
  }

  #receive(frame: Buffer): void {
    if (this.#socket.destroyed || this.#finishing) return;
    // Nobody would hear of what an asynchronous message does.
    if (frame[1] !== messageKinds.sync) {
      this.#refuse('only synchronous calls are answered');
      return;
    }
    this.#requests.push(frame);
    this.#requestBytes += frame.length;
    if (this.#requests.length > maxAhead.requests || this.#requestBytes > maxAhead.bytes) this.#socket.pause();
    if (!this.#serving) void this.#serve();
  }

  #refuse(reason: string): void {
    this.#settings.log.warn('connection closed', { reason, peer: this.#socket.remoteAddress });
    this.#requests.length = 0;
    this.#socket.destroy();
  }

  async #serve(): Promise<void> {
    this.#serving = true;
    for (let frame = this.#requests.shift(); frame !== undefined; frame = this.#requests.shift()) {
      this.#requestBytes -= frame.length;
      const reply = await this.#answer(frame);
      if (this.#socket.destroyed) break;
      if (!this.#socket.write(reply)) await this.#drained();
      if (this.#requests.length === 0 && this.#socket.isPaused()) this.#socket.resume();
    }
    this.#serving = false;
    if (this.#finishing) this.#socket.end();
  }

  async #answer(frame: Buffer): Promise<Buffer> {
    try {
      const call = readCall(plainFrame(frame, this.#settings.maxMessageBytes));
      const { engine } = this.#settings;
      const reply = await (call.cancellable ? this.#cancellable(call) : call.run(engine));
      return encodeMessage(messageKinds.response, reply);
    } catch (error) {
      return encodeError(this.#asEngineError(error).toWire());
    }
  }

  /** Ends when the connection closes or the deadline passes; the answer goes out then, even if the engine is slow to stop. */
  async #cancellable(call: ReadCall): Promise<QValue> {
    const running = new AbortController();
    this.#running = running;
    const aborted = Promise.withResolvers<never>();
    running.signal.addEventListener('abort', () => aborted.reject(running.signal.reason));
    const deadline = setTimeout(() => {
      running.abort(new EngineError('DeadlineExceeded'));
    }, this.#settings.queryTimeoutMs);
    try {
      return await Promise.race([call.run(this.#settings.engine, running.signal), aborted.promise]);
    } finally {
      clearTimeout(deadline);
      this.#running = undefined;
    }
  }

  #asEngineError(error: unknown): EngineError {
    // The caller learns no path; whoever mends the volume needs it.
    if (error instanceof EngineError && (error.code === 'StorageFailed' || error.code === 'StorageDamaged'))
      this.#settings.log.error('call failed', { error });
    if (error instanceof EngineError) return error;
    // Only a reply can be too long here: what came in was a message.
    if (error instanceof MessageTooLong) return new EngineError('ResultTooLarge', `${error.limitBytes} bytes of`);
    if (error instanceof CodecError) return new EngineError('BadCall', error.message);
    this.#settings.log.error('call failed', { error });
    return new EngineError('InternalError', error instanceof Error ? error.message : String(error));
  }

  async #drained(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const stalled = setTimeout(() => this.#refuse('the client does not take its reply'), drainTimeoutMs);
    this.#socket.once('drain', resolve).once('close', resolve);
    await promise;
    clearTimeout(stalled);
    this.#socket.off('drain', resolve).off('close', resolve);
  }
}

/** Takes as long for a wrong text as for the right one. */
function sameText(given: Buffer, expected: string): boolean {
  const digest = (content: Buffer | string) => createHash('sha256').update(content).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
