// Finds tasks that nobody takes care of: the message was lost, or the worker that held the lease is gone. Every worker sweeps; a task is
// taken over conditionally, so its message is sent once.

import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../src/base/log.ts';
import type { Tasks } from '../src/management/tasks.ts';
import type { TaskQueue } from '../src/tasks/queue.ts';

const sweepEveryMs = 3_000;
const tasksPerSweep = 100;

export interface SweeperOptions {
  readonly tasks: Tasks;
  readonly queue: Pick<TaskQueue, 'check' | 'sendTask'>;
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
    const { tasks, queue, isGone, log } = this.#options;
    const found = this.#firstDone ? await tasks.due(tasksPerSweep) : await tasks.unfinished();
    // Taken over and then not sent, a task would wait longer than necessary.
    if (found.length > 0) await queue.check();
    for (const task of found) {
      const orphaned = task.leaseOwner !== null && isGone(task.leaseOwner);
      const mine = await tasks.takeOver(task, { orphaned });
      if (!mine) continue;
      log.info('task queued again', { taskId: task.id, kind: task.kind, was: task.state });
      await queue.sendTask(task.id);
      this.requeued += 1;
    }
    this.#firstDone = true;
  }
}
