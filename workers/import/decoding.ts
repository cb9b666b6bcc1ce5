// The thread that decodes the file of an import, as the import sees it.

import { Worker } from 'node:worker_threads';
import type { ByteRange, ObjectStore } from '../../src/base/object-store.ts';
import type { ImportParams } from '../../src/ingest/import.ts';
import type { SeriesInfo } from '../../src/kdb/engine.ts';
import { Permanent } from '../kinds/kind.ts';
import type { Plan } from './plan.ts';
import type { Piece } from './source-file.ts';
import type { Step, StepsFrom } from './steps.ts';
import type { Answer, FromThread, ToThread } from './thread-messages.ts';

/** Of JavaScript's heap, per import; columns are outside of it, and bounded by what is decoded at once. */
const maxHeapMb = 384;
/** A message between threads costs some 20 µs on either side. */
const readBytes = 512 * 1024;

export class Decoding {
  readonly #objects: Pick<ObjectStore, 'get'>;
  readonly #signal: AbortSignal;
  readonly #thread: Worker;
  readonly #reads = new Map<number, AsyncGenerator<Uint8Array<ArrayBuffer>>>();
  readonly #answers: Answer[] = [];
  /** Told when there is an answer, or a fault. */
  #heard = (): void => {};
  #fault: unknown;
  /** For whoever has to look at the file. */
  #where = 'its beginning';
  readonly #abort = (): void => this.#fail(this.#signal.reason);

  constructor(objects: Pick<ObjectStore, 'get'>, signal: AbortSignal, limitMb = maxHeapMb) {
    this.#objects = objects;
    this.#signal = signal;
    this.#thread = new Worker(new URL('./decoding-thread.ts', import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: limitMb },
    });
    this.#thread.on('message', (message: FromThread) => this.#hear(message));
    this.#thread.on('error', (error) => this.#fail(this.#explained(error, limitMb)));
    this.#thread.on('exit', () => this.#fail(new Error('the decoding ended')));
    if (signal.aborted) this.#abort();
    else signal.addEventListener('abort', this.#abort, { once: true });
  }

  plan(pieces: readonly Piece[], params: ImportParams, info: SeriesInfo | null): Promise<Plan> {
    return this.#planned({ kind: 'plan', pieces, params, info });
  }

  /** The plan of a Parquet file with what its columns are. */
  columns(plan: Plan, params: ImportParams): Promise<Plan> {
    return this.#planned({ kind: 'columns', plan, params });
  }

  async *steps(plan: Plan, params: ImportParams, from: StepsFrom): AsyncGenerator<Step> {
    this.#say({ kind: 'steps', plan, params, from });
    for (;;) {
      const answer = await this.#answer();
      if (answer.kind !== 'step') return;
      this.#say({ kind: 'more' });
      const { step } = answer;
      this.#where = `${plan.format === 'parquet' ? 'row' : 'line'} ${step.next.line}`;
      yield step;
    }
  }

  async close(): Promise<void> {
    this.#signal.removeEventListener('abort', this.#abort);
    this.#fail(new Error('the decoding was closed'));
    await this.#thread.terminate();
  }

  async #planned(task: Extract<ToThread, { kind: 'plan' | 'columns' }>): Promise<Plan> {
    this.#say(task);
    const answer = await this.#answer();
    if (answer.kind !== 'planned') throw new Error(`the thread answers ${answer.kind}`);
    return answer.plan;
  }

  async #answer(): Promise<Exclude<Answer, { kind: 'failed' }>> {
    while (this.#answers.length === 0 && this.#fault === undefined)
      await new Promise<void>((resolve) => (this.#heard = resolve));
    if (this.#fault !== undefined) throw this.#fault;
    const answer = this.#answers.shift()!;
    if (answer.kind !== 'failed') return answer;
    // Classes do not pass between threads.
    throw answer.permanent ? new Permanent(answer.error.message, { cause: answer.error }) : answer.error;
  }

  #hear(message: FromThread): void {
    switch (message.kind) {
      case 'read':
        this.#reads.set(message.read, this.#bytesOf(message.key, message.range));
        break;
      case 'pull':
        void this.#send(message.read);
        break;
      case 'stop':
        void this.#reads
          .get(message.read)
          ?.return(undefined)
          .catch(() => {});
        this.#reads.delete(message.read);
        break;
      default:
        this.#answers.push(message);
        this.#heard();
    }
  }

  async #send(read: number): Promise<void> {
    try {
      const { value = null } = (await this.#reads.get(read)?.next()) ?? {};
      this.#say({ kind: 'bytes', read, bytes: value }, value ? [value.buffer] : []);
    } catch (error) {
      this.#fail(error);
    }
  }

  async *#bytesOf(key: string, range: ByteRange | undefined): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    let waiting: Buffer[] = [];
    let waitingBytes = 0;
    const take = (): Uint8Array<ArrayBuffer> => {
      // Memory of its own: Buffers share theirs, and could not be handed over.
      const bytes = new Uint8Array(waitingBytes);
      let at = 0;
      for (const piece of waiting) {
        bytes.set(piece, at);
        at += piece.length;
      }
      waiting = [];
      waitingBytes = 0;
      return bytes;
    };
    for await (const piece of await this.#objects.get(key, range)) {
      waiting.push(piece as Buffer);
      waitingBytes += (piece as Buffer).length;
      if (waitingBytes >= readBytes) yield take();
    }
    if (waitingBytes > 0) yield take();
  }

  #explained(error: unknown, limitMb: number): unknown {
    if ((error as { code?: unknown }).code !== 'ERR_WORKER_OUT_OF_MEMORY') return error;
    return new Permanent(
      `to decode the file takes more than ${limitMb} MB of memory, after ${this.#where}; write it with fewer columns, smaller row groups or shorter values`,
      { cause: error },
    );
  }

  /** The first one counts. */
  #fail(error: unknown): void {
    if (this.#fault !== undefined) return;
    this.#fault = error;
    void this.#thread.terminate();
    for (const read of this.#reads.values()) void read.return(undefined).catch(() => {});
    this.#reads.clear();
    this.#heard();
  }

  #say(message: ToThread, handed: ArrayBuffer[] = []): void {
    if (this.#fault === undefined) this.#thread.postMessage(message, handed);
  }
}
