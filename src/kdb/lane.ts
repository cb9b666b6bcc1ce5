import { busyAfterMs, type Holder, Slots } from './allowance.ts';
import { list } from './calls/grammar.ts';
import { joinedBytes, joinInserts } from './calls/insert.ts';
import { badReply } from './calls/request.ts';
import { decodeMessage } from './codec.ts';
import { Connection, NoAnswer } from './connection.ts';
import type { Endpoint } from './dial.ts';
import { ConnectionFailed, ConnectionLost, EngineError } from './engine-error.ts';
import { Chars, QError, type QValue } from './qvalue.ts';

export interface LaneLimits {
  readonly maxConnections: number;
  /** Of these, how many only inserts may use, so that a checkpoint of minutes does not stop writes. */
  readonly insertsOnly: number;
  /** Another process can do what this one does: whoever finds it gone is told at once. */
  readonly isSpare?: true;
  readonly maxWaiting: number;
  readonly maxWaitingBytes: number;
  readonly idleMs: number;
  readonly connectTimeoutMs: number;
  readonly maxReplyBytes: number;
}

/** One call on its way. */
export interface Job {
  readonly frame: Buffer;
  /** `insert` may be joined with others, and sent again, since its batch id is applied once; `read` may be sent again; `change` neither. */
  readonly kind: 'insert' | 'read' | 'change';
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

interface WaitingJob extends Job {
  readonly deadlineMs: number;
  readonly resolve: (reply: QValue) => void;
  readonly reject: (error: unknown) => void;
  /** A lost connection is forgiven once, and so is one that cannot be made. */
  lost: number;
  refused: number;
}

/** 64 writers of one point each, loopback, two busy cores: 14,000 to 41,000 a second joined, 3,000 to 5,000 one by one. */
const joinLimits = { requests: 1_000, bytes: 4 * 1024 * 1024 };
/** An attempt that is refused costs 0.2 ms; a killed database is back within half a second, and then nobody should wait much longer. */
const backOffMs = { first: 50, most: 500 };
/** How often waiting calls are looked at for their deadlines and connections for idleness: one timer for all, none per call. */
const sweepMs = 250;

/** The connections of one kind to one database, opened when needed, and the calls that wait for one. */
export class Lane implements Holder {
  readonly #endpoint: Endpoint;
  readonly #limits: LaneLimits;
  readonly #slots: Slots;
  readonly #inserts: WaitingJob[] = [];
  readonly #others: WaitingJob[] = [];
  #waitingBytes = 0;
  readonly #open = new Set<Connection>();
  readonly #idle: { readonly connection: Connection; readonly sinceMs: number }[] = [];
  #connecting = 0;
  #othersRunning = 0;
  #failures = 0;
  #starvingSinceMs: number | undefined;
  #backOff: NodeJS.Timeout | undefined;
  #sweep: NodeJS.Timeout | undefined;
  #closed = false;

  /** Slots may be shared with others that have connections to the same process. */
  constructor(endpoint: Endpoint, limits: LaneLimits, slots = new Slots()) {
    this.#endpoint = endpoint;
    this.#limits = limits;
    this.#slots = slots;
    slots.add(this);
  }

  call(job: Job): Promise<QValue> {
    if (this.#closed) return Promise.reject(new ConnectionFailed('the client is closed'));
    if (job.signal?.aborted) return Promise.reject(new EngineError('Cancelled'));
    const { maxWaiting, maxWaitingBytes } = this.#limits;
    const tooMany = this.#waitingBytes + job.frame.length > maxWaitingBytes && this.waiting > 0;
    if (this.waiting >= maxWaiting || tooMany) return Promise.reject(new EngineError('EngineBusy'));
    const { isSpare } = this.#limits;
    if (isSpare && this.#backOff !== undefined && this.#open.size === 0)
      return Promise.reject(new ConnectionFailed('the process is away'));
    const { promise, resolve, reject } = Promise.withResolvers<QValue>();
    // While the database is known to be away, one more attempt is what a call gets.
    const refused = isSpare || this.#failures > 1 ? 1 : 0;
    const lost = isSpare ? 1 : 0;
    const waiting: WaitingJob = { ...job, deadlineMs: Date.now() + job.timeoutMs, resolve, reject, lost, refused };
    this.#enqueue(waiting);
    this.#pump();
    const { signal } = job;
    if (signal === undefined) return promise;
    const cancel = (): void => this.#refuse((other) => (other === waiting ? new EngineError('Cancelled') : undefined));
    signal.addEventListener('abort', cancel, { once: true });
    return promise.finally(() => signal.removeEventListener('abort', cancel));
  }

  get waiting(): number {
    return this.#inserts.length + this.#others.length;
  }

  /** Calls that run or wait. */
  get load(): number {
    return this.waiting + this.#open.size - this.#idle.length;
  }

  get openConnections(): number {
    return this.#open.size;
  }

  get starvingSinceMs(): number | undefined {
    return this.waiting > 0 && this.#open.size + this.#connecting === 0 ? this.#starvingSinceMs : undefined;
  }

  yieldIdle(): boolean {
    const idle = this.#idle.shift();
    idle?.connection.close();
    return idle !== undefined;
  }

  wake(): void {
    this.#pump();
  }

  /** Waiting calls are refused; running ones get the time given. */
  async close(graceMs: number): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#backOff);
    this.#refuse(() => new ConnectionFailed('the client is closed'));
    for (const { connection } of this.#idle.splice(0)) connection.close();
    const untilMs = Date.now() + graceMs;
    while (this.#open.size > 0 && Date.now() < untilMs) await new Promise((resolve) => setTimeout(resolve, 10));
    for (const connection of this.#open) connection.close();
    clearInterval(this.#sweep);
  }

  #enqueue(job: WaitingJob, where: 'front' | 'back' = 'back'): void {
    // Who came before and was refused does not shorten the patience with this one.
    if (this.waiting === 0) this.#starvingSinceMs = undefined;
    const queue = job.kind === 'insert' ? this.#inserts : this.#others;
    if (where === 'back') queue.push(job);
    else queue.unshift(job);
    this.#waitingBytes += job.frame.length;
    this.#sweep ??= setInterval(() => this.#lookAround(), sweepMs).unref();
  }

  #pump(): void {
    while (this.waiting > 0 && !this.#closed) {
      const free = this.#idle.pop();
      if (free === undefined) {
        this.#grow();
        return;
      }
      const jobs = this.#take();
      if (jobs.length === 0) {
        this.#park(free.connection);
        return;
      }
      void this.#run(free.connection, jobs);
    }
  }

  /** What the next free connection sends: one call, or the inserts that wait, joined. */
  #take(): WaitingJob[] {
    const { maxConnections, insertsOnly } = this.#limits;
    const jobs: WaitingJob[] = [];
    if (this.#others.length > 0 && this.#othersRunning < maxConnections - insertsOnly) {
      jobs.push(this.#others.shift()!);
    } else {
      let bytes = 0;
      const ready = this.#inserts.findIndex((job, i) => {
        bytes += joinedBytes(job.frame);
        return i > 0 && (i >= joinLimits.requests || bytes > joinLimits.bytes);
      });
      jobs.push(...this.#inserts.splice(0, ready < 0 ? this.#inserts.length : ready));
    }
    for (const job of jobs) this.#waitingBytes -= job.frame.length;
    return jobs;
  }

  async #run(connection: Connection, jobs: readonly WaitingJob[]): Promise<void> {
    const first = jobs[0]!;
    if (first.kind !== 'insert') this.#othersRunning++;
    try {
      const frame = jobs.length === 1 ? first.frame : joinInserts(jobs.map((job) => job.frame));
      const timeoutMs = Math.max(1, ...jobs.map((job) => job.deadlineMs - Date.now()));
      this.#answer(jobs, await connection.request(frame, timeoutMs, jobs.length === 1 ? first.signal : undefined));
    } catch (error) {
      for (const job of jobs.toReversed()) this.#lose(job, error);
    }
    if (first.kind !== 'insert') this.#othersRunning--;
    if (this.#closed || this.#slots.isWanted(this)) connection.close();
    else if (!connection.closed) this.#park(connection);
    this.#pump();
  }

  #answer(jobs: readonly WaitingJob[], reply: Buffer): void {
    const { value } = decodeMessage(reply, this.#limits.maxReplyBytes);
    if (value instanceof QError) {
      for (const job of jobs) job.reject(EngineError.fromWire(value.message));
      return;
    }
    const answers = jobs.length === 1 ? [value] : list(value, 'receipts', jobs.length);
    for (const [i, job] of jobs.entries()) {
      const answer = answers[i]!;
      if (jobs.length > 1 && answer instanceof Chars) job.reject(EngineError.fromWire(answer.toString()));
      else job.resolve(answer);
    }
  }

  #lose(job: WaitingJob, error: unknown): void {
    const harmless = job.kind !== 'change' || error instanceof ConnectionFailed;
    const again = harmless && error instanceof ConnectionLost && !(error instanceof NoAnswer);
    if (again && job.lost === 0 && !this.#closed) {
      job.lost++;
      this.#enqueue(job, 'front');
    } else {
      const late = error instanceof NoAnswer && job.kind === 'read';
      job.reject(late ? new EngineError('DeadlineExceeded') : badReply(error));
    }
  }

  #park(connection: Connection): void {
    this.#idle.push({ connection, sinceMs: Date.now() });
  }

  #grow(): void {
    const { maxConnections } = this.#limits;
    while (
      this.#backOff === undefined &&
      this.#connecting < this.waiting &&
      this.#connecting + this.#open.size < maxConnections
    ) {
      if (!this.#slots.take(this, this.#connecting + this.#open.size === 0)) {
        this.#starvingSinceMs ??= performance.now();
        return;
      }
      this.#starvingSinceMs = undefined;
      void this.#connect();
    }
  }

  async #connect(): Promise<void> {
    this.#connecting++;
    try {
      const connection = await Connection.open(this.#endpoint, this.#limits, (closed) => this.#forget(closed));
      if (connection.closed) throw new ConnectionFailed('the database closed the connection after the handshake');
      this.#failures = 0;
      if (this.#closed) {
        connection.close();
        this.#slots.give();
      } else {
        this.#open.add(connection);
        this.#park(connection);
      }
    } catch (error) {
      if (!this.#closed) this.#backOffFrom(error);
      this.#slots.give();
    }
    this.#connecting--;
    this.#pump();
  }

  #forget(connection: Connection): void {
    const wasOpen = this.#open.delete(connection);
    const at = this.#idle.findIndex((idle) => idle.connection === connection);
    if (at >= 0) this.#idle.splice(at, 1);
    if (wasOpen) this.#slots.give();
    this.#pump();
  }

  #backOffFrom(error: unknown): void {
    if (this.#backOff !== undefined) return;
    if (this.#open.size === 0) {
      this.#refuse((job) => {
        if (job.refused++ === 0) return undefined;
        // It was sent once, so it may have been applied.
        return job.lost > 0 ? new ConnectionLost('the database went away', { cause: error }) : error;
      });
    }
    const delayMs = Math.min(backOffMs.most, backOffMs.first * 2 ** this.#failures++) * (0.5 + Math.random() / 2);
    this.#backOff = setTimeout(() => {
      this.#backOff = undefined;
      this.#pump();
    }, delayMs);
  }

  #lookAround(): void {
    const nowMs = Date.now();
    this.#refuse((job) => (job.deadlineMs <= nowMs ? new EngineError('DeadlineExceeded') : undefined));
    if (performance.now() - (this.starvingSinceMs ?? Number.POSITIVE_INFINITY) > busyAfterMs)
      this.#refuse(() => new EngineError('EngineBusy'));
    // Lately used ones are at the end.
    while (this.#idle.length > 0 && this.#idle[0]!.sinceMs + this.#limits.idleMs <= nowMs)
      this.#idle.shift()!.connection.close();
    if (this.waiting > 0 || this.#open.size > 0) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }

  /** Takes the jobs for which `why` gives an error out of the queues. */
  #refuse(why: (job: WaitingJob) => unknown): void {
    for (const queue of [this.#inserts, this.#others]) {
      for (const job of queue.splice(0)) {
        const error = why(job);
        if (error === undefined) {
          queue.push(job);
        } else {
          this.#waitingBytes -= job.frame.length;
          job.reject(error);
        }
      }
    }
  }
}
