import { busyAfterMs, type Holder, type Slots } from './allowance.ts';
import { badReply } from './calls/request.ts';
import { hello } from './calls/upkeep.ts';
import { dial, type Endpoint, type QConnection } from './dial.ts';
import type { Hello } from './engine.ts';
import { ConnectionFailed, ConnectionLost, EngineError } from './engine-error.ts';
import { type QValue, Sym } from './qvalue.ts';

/** A long as node-q gives it with long2number off: a long.js value, which prints all its digits. Null and the infinities are not. */
interface Long {
  readonly unsigned: boolean;
  toString(): string;
}

interface HealthOptions {
  readonly timeoutMs: number;
  readonly idleMs: number;
  /** Shared with the others that have connections to the process. */
  readonly slots: Slots;
}

/**
 * Health calls are node-q's own, on a connection where node-q also reads: one small call at a time, no text from outside, longs as long.js, so
 * none of what keeps node-q from the other lanes can touch them. (As arguments node-q would send user text of the form `abc as a symbol, a
 * timestamp through a double, and a NUL within symbols unescaped; as replies it blocks for seconds on tens of megabytes.)
 */
export class Health implements Holder {
  readonly #endpoint: Endpoint;
  readonly #timeoutMs: number;
  readonly #idleMs: number;
  readonly #slots: Slots;
  starvingSinceMs: number | undefined;
  /** It waits for a connection that it may have. */
  #granted: { readonly resolve: () => void } | undefined;
  #connection: QConnection | undefined;
  #running: Promise<Hello> | undefined;
  #idle: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(endpoint: Endpoint, { timeoutMs, idleMs, slots }: HealthOptions) {
    this.#endpoint = endpoint;
    this.#timeoutMs = timeoutMs;
    this.#idleMs = idleMs;
    this.#slots = slots;
    slots.add(this);
  }

  /** Who asks while a call runs gets its answer. */
  hello(): Promise<Hello> {
    if (this.#closed) return Promise.reject(new ConnectionFailed('the client is closed'));
    this.#running ??= this.#ask().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  close(): void {
    this.#closed = true;
    this.#hangUp();
  }

  yieldIdle(): boolean {
    const isIdle = this.#connection !== undefined && this.#running === undefined;
    if (isIdle) this.#hangUp();
    return isIdle;
  }

  wake(): void {
    if (!this.#granted || !this.#slots.take(this, false)) return;
    this.#granted.resolve();
    this.#granted = undefined;
    this.starvingSinceMs = undefined;
  }

  /** A connection that was kept may have died unnoticed: its loss is forgiven once. */
  async #ask(): Promise<Hello> {
    const kept = this.#connection !== undefined;
    try {
      return await this.#askOnce();
    } catch (error) {
      if (kept && error instanceof ConnectionLost) return await this.#askOnce();
      throw error;
    }
  }

  async #askOnce(): Promise<Hello> {
    clearTimeout(this.#idle);
    this.#connection ??= await this.#connect();
    try {
      const reply = await this.#call(this.#connection, hello.name);
      this.#idle = setTimeout(() => this.#hangUp(), this.#idleMs).unref();
      return hello.decodeReply(reply);
    } catch (error) {
      this.#hangUp();
      throw badReply(error);
    }
  }

  async #connect(): Promise<QConnection> {
    await this.#takeSlot();
    try {
      return await dial(this.#endpoint, this.#timeoutMs, (opened, behind) => this.#keep(opened, behind));
    } catch (error) {
      this.#slots.give();
      throw error;
    }
  }

  async #takeSlot(): Promise<void> {
    if (this.#slots.take(this, true)) return;
    this.starvingSinceMs = performance.now();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#granted = { resolve };
    const late = setTimeout(() => {
      this.#granted = undefined;
      this.starvingSinceMs = undefined;
      reject(new EngineError('EngineBusy'));
    }, busyAfterMs);
    await promise.finally(() => clearTimeout(late));
  }

  #keep(opened: QConnection, behind: Buffer): QConnection {
    // node-q reads nothing any more after a message right behind the handshake byte.
    if (behind.length > 0) throw new Error('the database sends what nobody asked for');
    if (this.#closed) throw new Error('the client is closed');
    opened.socket.unref();
    opened.socket.on('close', () => {
      if (this.#connection === opened) this.#hangUp();
    });
    return opened;
  }

  #hangUp(): void {
    clearTimeout(this.#idle);
    const connection = this.#connection;
    if (!connection) return;
    this.#connection = undefined;
    connection.socket.destroy();
    this.#slots.give();
  }

  #call(connection: QConnection, name: string): Promise<QValue> {
    const { promise, resolve, reject } = Promise.withResolvers<QValue>();
    const lost = (): void => reject(new ConnectionLost('the database closed the connection'));
    if (connection.socket.destroyed) lost();
    // node-q calls nobody back when the connection closes or the peer stays silent.
    const deadline = setTimeout(() => reject(new EngineError('DeadlineExceeded')), this.#timeoutMs);
    connection.socket.once('close', lost);
    // A string that begins with ` goes over as a symbol; null as ::.
    connection.k(`\`${name}`, null, (error, reply) => {
      if (error) reject(EngineError.fromWire(error.message));
      else resolve(fromNodeQ(reply));
    });
    return promise.finally(() => {
      clearTimeout(deadline);
      connection.socket.off('close', lost);
    });
  }
}

/** The few kinds of value that the reply of `.tsg.hello` has. */
function fromNodeQ(value: unknown): QValue {
  if (Array.isArray(value)) return value.map(fromNodeQ);
  if (typeof value === 'string') return new Sym(value);
  if (isLong(value)) return BigInt(value.toString());
  return null;
}

function isLong(value: unknown): value is Long {
  return typeof value === 'object' && value !== null && 'unsigned' in value;
}
