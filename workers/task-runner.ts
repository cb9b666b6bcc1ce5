// One task, from the claim to its end: done, back to the queue with a reason, cancelled, or given up.

import type { Log } from '../src/base/log.ts';
import { inTask } from '../src/base/segments.ts';
import type { Task } from '../src/management/records.ts';
import { LeaseLost } from '../src/management/task-claims.ts';
import type { TaskMessage, TaskQueue } from '../src/tasks/queue.ts';
import { CancelRequested, HeldTask, TimeLimitReached, WorkerStops } from './held-task.ts';
import type { Kinds } from './kinds/index.ts';
import { type Kind, Permanent, Postponed, SliceOver, type TaskRun, type WorkerServices } from './kinds/kind.ts';
import { Lanes } from './lanes.ts';
import { paramsFault } from './params.ts';
import { InvalidMessage } from './task-message.ts';

const firstBackoffMs = 1_000;
const maxBackoffMs = 30_000;
const deferMs = 5_000;
/** Longer than this at once, and other tasks never have their turn (SQS stops extending a message at 12 h). */
const sliceMs = 600_000;
/** Giving up and cleaning up are tried more often than the work itself. */
const maxLastAttempts = 10;
/** Work that was cancelled and does not end is left alone for so long before what it did is cleaned up. */
const cancelPatienceMs = 60_000;

type Outcome =
  | 'succeeded'
  | 'lost'
  | 'handed_back'
  | 'sliced'
  | 'postponed'
  | 'retried'
  | 'cancelled'
  | 'cleaned_up'
  | 'failed';

export interface TaskRunnerOptions {
  /** Who claims: no other worker has this name, and no earlier life of this one had it. */
  readonly owner: string;
  readonly kinds: Kinds;
  readonly services: WorkerServices;
  readonly queue: Pick<TaskQueue, 'sendTask'>;
  /** To those that a person has to look at. */
  readonly deadLetter: (task: Task, reason: string) => Promise<void>;
  /** An attempt has ended. */
  readonly ended: (kind: Task['kind'], outcome: Outcome, durationMs: number) => void;
  readonly log: Log;
}

export class TaskRunner {
  readonly #options: TaskRunnerOptions;
  readonly #stop = new AbortController();
  readonly #lanes: Lanes;

  constructor(options: TaskRunnerOptions) {
    this.#options = options;
    this.#lanes = new Lanes(options.kinds);
  }

  /** Tasks under way are handed back; none is claimed any more. */
  stop(): void {
    this.#stop.abort(new WorkerStops());
    this.#lanes.close();
  }

  /**
   * Resolves when the message has served its purpose; false: this worker has no room for the task. Rejects when the task's item could
   * not be read or written: the message must come again.
   */
  async run({ taskId, send }: TaskMessage): Promise<boolean> {
    this.#stop.signal.throwIfAborted();
    const { owner, services, ended } = this.#options;
    const { tasks, claims } = services.management;
    const task = await tasks.getTask(taskId);
    if (!task) throw new InvalidMessage(`there is no task ${taskId}`);
    if ((send !== undefined && send < task.sends) || !claims.isFree(task)) return true;
    const leave = await this.#lanes.enter(task.kind);
    if (!leave) return this.#defer(task);
    try {
      this.#stop.signal.throwIfAborted();
      const claimed = await claims.claim(taskId, owner);
      if (claimed) {
        const startedMs = performance.now();
        const outcome = await inTask(claimed.kind, () => this.#hold(claimed, this.#options.kinds[claimed.kind]!));
        ended(claimed.kind, outcome, performance.now() - startedMs);
      }
    } finally {
      leave();
    }
    return true;
  }

  async #defer(task: Task): Promise<boolean> {
    this.#stop.signal.throwIfAborted();
    const delayMs = jittered(deferMs);
    const deferred = await this.#options.services.management.claims.defer(task, delayMs);
    if (deferred) await this.#send(deferred, delayMs);
    return false;
  }

  async #hold(task: Task, kind: Kind): Promise<Outcome> {
    const { services, log } = this.#options;
    const { claims } = services.management;
    const subject = { taskId: task.id, kind: task.kind, databaseId: task.databaseId, attempt: task.attempts };
    log.info('task claimed', { ...subject, ...(task.state === 'cancelled' && { cleanUp: task.cleanUps }) });
    const held = new HeldTask({ task, claims, timeLimitMs: kind.timeLimitMs, stop: this.#stop.signal, log });
    held.hold();
    try {
      return await (task.state === 'cancelled' ? this.#cleanUp(task, kind, held) : this.#work(task, kind, held));
    } catch (error) {
      if (!(error instanceof LeaseLost)) throw error;
      log.warn('task lost to another worker', { ...subject, error });
      return 'lost';
    } finally {
      held.release();
    }
  }

  async #work(task: Task, kind: Kind, held: HeldTask): Promise<Outcome> {
    const { services, log } = this.#options;
    try {
      // An attempt that ended without a trace, with its worker, counts too.
      if (task.attempts > kind.maxAttempts) throw new Permanent(task.error ?? 'its workers ended again and again');
      const fault = paramsFault(kind, task.params);
      if (fault) throw new Permanent(fault);
      const result = await held.perform(() => kind.run(this.#taskRun(task, held, held.signal)));
      await held.progressWritten();
      await services.management.claims.finish(task, result);
      log.info('task succeeded', { taskId: task.id, kind: task.kind });
      return 'succeeded';
    } catch (error) {
      if (error instanceof LeaseLost) throw error;
      await held.progressWritten();
      return this.#after(task, kind, held, error);
    }
  }

  async #after(task: Task, kind: Kind, held: HeldTask, error: unknown): Promise<Outcome> {
    const { services, log } = this.#options;
    const { claims } = services.management;
    const subject = { taskId: task.id, kind: task.kind, databaseId: task.databaseId, attempt: task.attempts };
    if (error instanceof CancelRequested) {
      log.info('task cancelled', subject);
      const cancelled = await claims.cancel(task);
      if (await held.workEnded(cancelPatienceMs)) await this.#cleanUp(cancelled, kind, held);
      else await this.#send(await claims.requeueCleanUp(cancelled, 0));
      return 'cancelled';
    }
    if (error instanceof WorkerStops) {
      log.info('task handed back', subject);
      await this.#send(await claims.handBack(task));
      return 'handed_back';
    }
    if (error instanceof SliceOver) {
      await this.#send(await claims.endSlice(task));
      return 'sliced';
    }
    if (error instanceof Postponed) {
      log.info('task postponed', { ...subject, until: new Date(error.untilMs).toISOString(), reason: error.message });
      await claims.postpone(task, error.untilMs, error.message);
      return 'postponed';
    }
    const isLast = error instanceof Permanent || error instanceof TimeLimitReached || task.attempts >= kind.maxAttempts;
    if (isLast && (await this.#givenUp(task, kind, held, error))) return 'failed';
    const delayMs = backoffMs(task.attempts);
    log.warn('task will be tried again', { ...subject, delayMs, error });
    await this.#send(await claims.requeue(task, messageOf(error), delayMs), delayMs);
    return 'retried';
  }

  /** Once what it leaves behind is in order. */
  async #givenUp(task: Task, kind: Kind, held: HeldTask, error: unknown): Promise<boolean> {
    const { services, deadLetter, log } = this.#options;
    const subject = { taskId: task.id, kind: task.kind, databaseId: task.databaseId, attempt: task.attempts };
    try {
      await kind.giveUp(this.#taskRun(task, held, held.cleanUpSignal));
    } catch (fault) {
      if (fault instanceof LeaseLost) throw fault;
      log.error('giving a task up failed', { ...subject, error: fault });
      if (task.attempts < kind.maxAttempts + maxLastAttempts) return false;
    }
    log.error('task given up', { ...subject, error });
    const reason = messageOf(error);
    // Before it counts as failed: whoever dies in between is followed by one who comes here again.
    await deadLetter(task, reason).catch((fault: unknown) => {
      log.warn('a failed task has no dead letter', { ...subject, error: fault });
    });
    await services.management.claims.fail(task, reason);
    return true;
  }

  async #cleanUp(task: Task, kind: Kind, held: HeldTask): Promise<Outcome> {
    const { services, log } = this.#options;
    const { claims } = services.management;
    try {
      await kind.cancel?.(this.#taskRun(task, held, held.cleanUpSignal));
    } catch (error) {
      const fault: unknown = held.cleanUpSignal.aborted ? held.cleanUpSignal.reason : error;
      if (fault instanceof LeaseLost) throw fault;
      const subject = { taskId: task.id, kind: task.kind, cleanUps: task.cleanUps };
      if (task.cleanUps! < kind.maxAttempts + maxLastAttempts) {
        log.warn('a cancelled task will be cleaned up later', { ...subject, error });
        const delayMs = fault instanceof WorkerStops ? 0 : backoffMs(task.cleanUps!);
        await this.#send(await claims.requeueCleanUp(task, delayMs), delayMs);
        return 'retried';
      }
      log.error('a cancelled task could not be cleaned up', { ...subject, error });
    }
    await claims.endCleanUp(task);
    return 'cleaned_up';
  }

  #taskRun(task: Task, held: HeldTask, signal: AbortSignal): TaskRun {
    const startedMs = performance.now();
    return {
      task,
      params: task.params,
      checkpoint: task.checkpoint,
      services: this.#options.services,
      log: this.#options.log,
      signal,
      progress: (done, total, unit) => held.progress(done, total, unit),
      saveCheckpoint: (checkpoint) => held.saveCheckpoint(checkpoint),
      sliceOver: () => performance.now() - startedMs >= sliceMs,
    };
  }

  async #send(task: Task, delayMs = 0): Promise<void> {
    await this.#options.queue.sendTask(task, delayMs).catch((error: unknown) => {
      this.#options.log.warn('the message was not sent; the sweeper will do it', { taskId: task.id, error });
    });
  }
}

function backoffMs(attempt: number): number {
  return jittered(Math.min(firstBackoffMs * 2 ** (attempt - 1), maxBackoffMs));
}

function jittered(ms: number): number {
  return ms * (0.75 + Math.random() / 2);
}

/** Customers see it. What sockets, files and the clients of the stores say of themselves names addresses: that is for the log. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return isRaw(error) ? 'a part of the service does not answer' : error.message;
}

function isRaw(error: object): boolean {
  const { code } = error as { code?: unknown };
  return '$metadata' in error || 'syscall' in error || (typeof code === 'string' && /^(E|UND_ERR_)[A-Z_]+$/.test(code));
}
