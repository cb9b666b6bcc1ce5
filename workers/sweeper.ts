// Finds tasks that nobody takes care of: the message was lost, or the worker that held the lease is gone. Every worker sweeps; a task is
// taken over conditionally, so its message is sent once.

import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../src/base/log.ts';
import type { Task } from '../src/management/records.ts';
import type { DueSchedules } from '../src/management/schedules.ts';
import type { TaskClaims } from '../src/management/task-claims.ts';
import { taskKinds } from '../src/management/task-kinds.ts';
import type { TaskQueue } from '../src/tasks/queue.ts';

const sweepEveryMs = 3_000;
const tasksPerSweep = 500;
const schedulesPerSweep = 100;
/** A queue that has so many messages has no need of more: what waits behind them is not lost, and would only come twice. */
const enoughMessages = 1_000;
/** Taken over side by side. */
const atOnce = 10;

export interface SweeperOptions {
  readonly claims: TaskClaims;
  readonly schedules: DueSchedules;
  readonly queue: Pick<TaskQueue, 'depths' | 'sendTasks'>;
  /** Is the holder of a lease known to be dead? */
  readonly isGone: (owner: string) => boolean;
  readonly log: Log;
}

export class Sweeper {
  readonly #options: SweeperOptions;
  readonly #stop = new AbortController();
  #swept: Promise<void> = Promise.resolve();
  #firstDone = false;
  readonly sweeps = { done: 0, failed: 0 };
  /** Tasks that were queued again. */
  requeued = 0;

  constructor(options: SweeperOptions) {
    this.#options = options;
  }

  start(): void {
    this.#swept = this.#keepSweeping();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#swept;
  }

  async #keepSweeping(): Promise<void> {
    let failing = false;
    while (!this.#stop.signal.aborted) {
      try {
        await this.sweep();
        this.sweeps.done += 1;
        failing = false;
      } catch (error) {
        if (!failing) this.#options.log.warn('the sweep failed and will be tried again', { error });
        this.sweeps.failed += 1;
        failing = true;
      }
      await delay(sweepEveryMs, undefined, { signal: this.#stop.signal }).catch(() => {});
    }
  }

  /** The first one looks at every unfinished task: the queue may be newer than the tasks, and a worker may have died here. */
  async sweep(): Promise<void> {
    const { claims, queue } = this.#options;
    const found = this.#firstDone ? await claims.due(tasksPerSweep) : await claims.unfinished();
    if (found.length > 0) {
      // Taken over and then not sent, a task would wait longer than necessary.
      const room = { ...(await queue.depths()) };
      const wanted = found.filter((task) => {
        if (task.state === 'running') return true;
        return claims.isFree(task) && room[taskKinds[task.kind].queue]++ < enoughMessages;
      });
      for (let from = 0; from < wanted.length; from += atOnce) await this.#takeOver(wanted.slice(from, from + atOnce));
    }
    this.#firstDone = true;
    await this.#fireSchedules();
  }

  async #fireSchedules(): Promise<void> {
    const { schedules, queue, log } = this.#options;
    const due = await schedules.due(schedulesPerSweep);
    for (let from = 0; from < due.length; from += atOnce) {
      const tasks = await Promise.all(due.slice(from, from + atOnce).map((schedule) => schedules.fire(schedule)));
      const made = tasks.filter((task) => task !== undefined);
      for (const task of made) log.info('task of a schedule', { taskId: task.id, kind: task.kind });
      await queue.sendTasks(made);
    }
  }

  async #takeOver(tasks: readonly Task[]): Promise<void> {
    const { claims, queue, isGone, log } = this.#options;
    const taken = await Promise.all(
      tasks.map((task) => claims.takeOver(task, { orphaned: task.leaseOwner !== null && isGone(task.leaseOwner) })),
    );
    const mine = taken.filter((task) => task !== undefined);
    for (const [i, task] of tasks.entries())
      if (taken[i]) log.info('task queued again', { taskId: task.id, kind: task.kind, was: task.state });
    await queue.sendTasks(mine);
    this.requeued += mine.length;
  }
}
