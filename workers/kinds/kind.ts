import type { Log } from '../../src/base/log.ts';
import type { ObjectStore } from '../../src/base/object-store.ts';
import type { Hello } from '../../src/kdb/engine.ts';
import type { Management } from '../../src/management/index.ts';
import type { Database, Endpoint, Task } from '../../src/management/records.ts';
import type { AgentClient } from '../agent-client.ts';

/** What every kind of task works with. */
export interface WorkerServices {
  readonly management: Management;
  /** Tells the workers of the task's region of it. */
  readonly announce: (task: Task) => Promise<void>;
  readonly agents: Pick<AgentClient, 'putDatabase' | 'deleteDatabase'>;
  readonly objects: ObjectStore;
  /** Asks a database process whether it is up. */
  readonly hello: (endpoint: Endpoint, credentials: Pick<Database, 'user' | 'password'>) => Promise<Hello>;
}

export interface TaskRun {
  readonly task: Task;
  readonly services: WorkerServices;
  readonly log: Log;
  /** Aborted when the task is no longer this worker's to do. */
  readonly signal: AbortSignal;
  readonly progress: (done: number, total: number) => Promise<void>;
}

/** It is not time for the task yet: it is tried again then, and this does not count as an attempt. */
export class Postponed extends Error {
  readonly untilMs: number;

  constructor(untilMs: number) {
    super(`postponed until ${new Date(untilMs).toISOString()}`);
    this.untilMs = untilMs;
  }
}

/**
 * One kind of task. Every step may be run again after a crash at any point. An error is a passing fault: the task is tried again
 * later until `giveUp`. The error's message is shown to the task's owner: addresses and the like belong in its cause.
 */
export interface Kind {
  readonly run: (run: TaskRun) => Promise<void>;
  /** After the last attempt: what the task leaves behind must be something that its owner can act on. */
  readonly giveUp: (run: Pick<TaskRun, 'task' | 'services'>) => Promise<void>;
}
