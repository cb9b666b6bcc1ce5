// One task, from the claim to its end: done, back to the queue with a reason, or given up.

import type { Log } from '../src/base/log.ts';
import type { Task } from '../src/management/records.ts';
import { LeaseLost, leaseMs } from '../src/management/tasks.ts';
import type { TaskQueue } from '../src/tasks/queue.ts';
import { type Kind, Postponed, type WorkerServices } from './kinds/kind.ts';

const extendEveryMs = leaseMs / 3;
/** With the back-off below, about eight minutes of trying. */
const maxAttempts = 20;
const firstBackoffMs = 1_000;
const maxBackoffMs = 30_000;

type Outcome = 'succeeded' | 'lost' | 'handed_back' | 'postponed' | 'retried' | 'failed';

export interface TaskRunnerOptions {
  /** Who claims: no other worker has this name, and no earlier life of this one had it. */
  readonly owner: string;
  readonly kinds: Readonly<Record<Task['kind'], Kind>>;
  readonly services: WorkerServices;
  readonly queue: Pick<TaskQueue, 'sendTask'>;
  /** An attempt has ended. */
  readonly ended: (kind: Task['kind'], outcome: Outcome, durationMs: number) => void;
  readonly log: Log;
}

export class TaskRunner {
  readonly #options: TaskRunnerOptions;
  readonly #stop = new AbortController();

  constructor(options: TaskRunnerOptions) {
    this.#options = options;
  }

  /** Tasks under way are handed back; none is claimed any more. */
  stop(): void {
    this.#stop.abort();
  }

  /** Resolves when the message has served its purpose. Rejects when the task's item could not be written: the message must come again. */
  async run(taskId: string): Promise<void> {
    const { owner, services, ended } = this.#options;
    if (this.#stop.signal.aborted) throw new Error('this worker stops');
    const task = await services.management.tasks.claim(taskId, owner);
    if (!task) return;
    const startedMs = performance.now();
    ended(task.kind, await this.#attempt(task), performance.now() - startedMs);
  }

  async #attempt(task: Task): Promise<Outcome> {
    const { log } = this.#options;
    const subject = { taskId: task.id, kind: task.kind, databaseId: task.databaseId, attempt: task.attempts };
    log.info('task claimed', subject);
    try {
      await this.#work(task);
    } catch (error) {
      if (!(error instanceof LeaseLost)) return this.#after(task, error);
      log.warn('task lost to another worker', subject);
      return 'lost';
    }
    log.info('task succeeded', subject);
    return 'succeeded';
  }

  async #work(task: Task): Promise<void> {
    const { kinds, services, log } = this.#options;
    const { tasks } = services.management;
    // An attempt that ended without a trace, with its worker, counts too.
    if (task.attempts > maxAttempts) throw new Error(task.error ?? 'its workers ended again and again');
    const lost = new AbortController();
    const extending = setInterval(() => {
      tasks.extend(task).catch((error: unknown) => {
        // Any other fault may pass before the lease runs out.
        if (error instanceof LeaseLost) lost.abort(error);
      });
    }, extendEveryMs);
    try {
      await kinds[task.kind].run({
        task,
        services,
        log,
        signal: AbortSignal.any([lost.signal, this.#stop.signal]),
        progress: async (done, total) => void (await tasks.progress(task, done, total)),
      });
      lost.signal.throwIfAborted();
      await tasks.finish(task);
    } catch (error) {
      lost.signal.throwIfAborted();
      throw error;
    } finally {
      clearInterval(extending);
    }
  }

  async #after(task: Task, error: unknown): Promise<Outcome> {
    const { kinds, services, log } = this.#options;
    const { tasks } = services.management;
    const subject = { taskId: task.id, kind: task.kind, databaseId: task.databaseId, attempt: task.attempts };
    if (this.#stop.signal.aborted) {
      log.info('task handed back', subject);
      await this.#requeue(task, task.error, 0);
      return 'handed_back';
    }
    if (error instanceof Postponed) {
      log.info('task postponed', { ...subject, until: new Date(error.untilMs).toISOString() });
      await tasks.postpone(task, error.untilMs);
      return 'postponed';
    }
    const reason = error instanceof Error ? error.message : String(error);
    if (task.attempts < maxAttempts) {
      const backoffMs = Math.min(firstBackoffMs * 2 ** (task.attempts - 1), maxBackoffMs) * (0.75 + Math.random() / 2);
      log.warn('task will be tried again', { ...subject, backoffMs, error });
      await this.#requeue(task, reason, backoffMs);
      return 'retried';
    }
    log.error('task given up', { ...subject, error });
    await kinds[task.kind].giveUp({ task, services });
    await tasks.fail(task, reason);
    return 'failed';
  }

  async #requeue(task: Task, reason: string | null, delayMs: number): Promise<void> {
    const { services, queue, log } = this.#options;
    await services.management.tasks.requeue(task, reason, delayMs);
    await queue.sendTask(task.id, delayMs).catch((error: unknown) => {
      log.warn('the message was not sent; the sweeper will do it', { taskId: task.id, error });
    });
  }
}
