// A task while this worker has it: its lease is extended, its progress written, and its work interrupted when it must end.

import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../src/base/log.ts';
import type { Task, TaskProgress } from '../src/management/records.ts';
import { LeaseLost, leaseMs, type TaskClaims } from '../src/management/task-claims.ts';
import { ProgressMeter } from './progress.ts';

/** A cancelled task is to be let go of within 5 s: this, a call, and the grace below. */
const extendEveryMs = 2_500;
/** Nobody else has it while the lease holds; before it ends, the work must have stopped. */
const leaseMarginMs = 2_000;
const progressEveryMs = 1_000;

/** Why the work on a task was interrupted. */
export class CancelRequested extends Error {}
export class WorkerStops extends Error {}
export class TimeLimitReached extends Error {}

/** How long the work may take to end once it is interrupted; then it is left alone: nothing that it still writes is taken. */
function graceMs(reason: unknown): number {
  if (reason instanceof WorkerStops) return 15_000;
  return reason instanceof TimeLimitReached ? 5_000 : 1_000;
}

interface HeldTaskOptions {
  readonly task: Task;
  readonly claims: TaskClaims;
  readonly timeLimitMs: number;
  /** Of the worker. */
  readonly stop: AbortSignal;
  readonly log: Log;
}

export class HeldTask {
  readonly #options: HeldTaskOptions;
  readonly #lost = new AbortController();
  readonly #interrupted = new AbortController();
  /** The work has; and the lease is nobody's concern any more. */
  readonly #ended = new AbortController();
  readonly #released = new AbortController();
  readonly #meter = new ProgressMeter(() => performance.now());
  readonly signal: AbortSignal;
  /** Of what is done after the work was interrupted. */
  readonly cleanUpSignal: AbortSignal;
  #leaseEnds: NodeJS.Timeout | undefined;
  #timeLimit: NodeJS.Timeout | undefined;
  #progress: TaskProgress | undefined;
  #writing: Promise<void> | undefined;
  #work: Promise<void> = Promise.resolve();

  constructor(options: HeldTaskOptions) {
    this.#options = options;
    this.cleanUpSignal = AbortSignal.any([this.#lost.signal, options.stop]);
    this.signal = AbortSignal.any([this.cleanUpSignal, this.#interrupted.signal]);
  }

  /** From now on the lease is extended, until `release`. */
  hold(): void {
    const { task, timeLimitMs } = this.#options;
    this.#leaseHolds(performance.now());
    void this.#extend();
    const leftMs = timeLimitMs - task.workedMs;
    const reached = (): void =>
      this.#interrupted.abort(new TimeLimitReached(`it took longer than ${timeLimitMs / 1_000} s`));
    if (leftMs <= 0) reached();
    // A timer's longest is 24 days.
    else this.#timeLimit = setTimeout(reached, Math.min(leftMs, 2 ** 31 - 1));
    if (task.cancelRequested) this.#interrupted.abort(new CancelRequested());
  }

  release(): void {
    this.#ended.abort();
    this.#released.abort();
    clearTimeout(this.#leaseEnds);
    clearTimeout(this.#timeLimit);
  }

  /** What the work gives; what interrupted it, when something did and it ended badly, or not in time. */
  async perform<T>(work: () => Promise<T>): Promise<T> {
    this.signal.throwIfAborted();
    const working = work();
    this.#work = working.then(
      () => {},
      () => {},
    );
    const interrupted = Promise.withResolvers<never>();
    let grace: NodeJS.Timeout | undefined;
    const interrupt = (): void => {
      const { reason } = this.signal;
      grace = setTimeout(() => {
        this.#options.log.error('the work on a task does not end', { taskId: this.#options.task.id, reason });
        interrupted.reject(reason);
      }, graceMs(reason));
    };
    this.signal.addEventListener('abort', interrupt);
    try {
      const result = await Promise.race([working, interrupted.promise]);
      this.#lost.signal.throwIfAborted();
      return result;
    } catch (error) {
      throw this.signal.aborted ? this.signal.reason : error;
    } finally {
      this.signal.removeEventListener('abort', interrupt);
      clearTimeout(grace);
    }
  }

  /** True when the work that was interrupted has ended, or was waited for so long; false when this worker must go before. */
  async workEnded(patienceMs: number): Promise<boolean> {
    const over = new AbortController();
    const signal = AbortSignal.any([over.signal, this.cleanUpSignal]);
    await Promise.race([this.#work, delay(patienceMs, undefined, { signal }).catch(() => {})]);
    over.abort();
    return !this.cleanUpSignal.aborted;
  }

  progress(done: number, total: number | null, unit: string): void {
    if (this.#ended.signal.aborted) return;
    this.#progress = this.#meter.measure(done, total, unit);
    this.#writing ??= this.#writeProgress();
  }

  async saveCheckpoint(checkpoint: unknown): Promise<void> {
    const { claims, task } = this.#options;
    try {
      await claims.checkpoint(task, checkpoint);
    } catch (error) {
      if (error instanceof LeaseLost) this.#lost.abort(error);
      throw error;
    }
  }

  /** What is said of the progress is written. */
  async progressWritten(): Promise<void> {
    this.#ended.abort();
    await this.#writing;
  }

  async #writeProgress(): Promise<void> {
    const { claims, task } = this.#options;
    while (this.#progress) {
      const progress = this.#progress;
      this.#progress = undefined;
      // It is only for people to look at; whether the lease is lost the next extension tells.
      await claims.progress(task, progress).catch(() => {});
      await delay(progressEveryMs, undefined, { signal: this.#ended.signal }).catch(() => {});
    }
    this.#writing = undefined;
  }

  async #extend(): Promise<void> {
    const { claims, task } = this.#options;
    const released = this.#released.signal;
    while (!released.aborted) {
      await delay(extendEveryMs, undefined, { signal: released }).catch(() => {});
      if (released.aborted) return;
      const askedMs = performance.now();
      try {
        const { cancelRequested } = await claims.extend(task);
        this.#leaseHolds(askedMs);
        if (cancelRequested) this.#interrupted.abort(new CancelRequested());
      } catch (error) {
        // Any other fault may pass before the lease runs out.
        if (error instanceof LeaseLost) this.#lost.abort(error);
      }
    }
  }

  #leaseHolds(sinceMs: number): void {
    if (this.#released.signal.aborted) return;
    clearTimeout(this.#leaseEnds);
    const leftMs = leaseMs - leaseMarginMs - (performance.now() - sinceMs);
    this.#leaseEnds = setTimeout(() => this.#lost.abort(new LeaseLost('the lease could not be extended')), leftMs);
  }
}
