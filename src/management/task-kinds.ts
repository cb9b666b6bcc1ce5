// The kinds of tasks, and the queue of each. Interactive ones, for which somebody waits, never stand behind bulk ones, which take hours.

export type TaskQueueName = 'interactive' | 'bulk';

interface TaskKindEntry {
  readonly queue: TaskQueueName;
  /** What a task of it that operators wish for may be about. */
  readonly about: 'database' | 'service' | 'either';
  /** How it is asked for, where a task alone would be about nothing. */
  readonly asked?: string;
  /** Why a customer or an operator cannot cancel it. */
  readonly uncancellable?: string;
}

export const taskKinds = {
  provision: { queue: 'interactive', about: 'database', asked: 'POST /v1/databases' },
  deprovision: { queue: 'interactive', about: 'database', asked: 'DELETE /v1/databases/{db}' },
  'close-account': {
    queue: 'interactive',
    about: 'service',
    asked: 'DELETE /v1/accounts/{account}',
    uncancellable: 'the account is opened again by PATCH, while that is possible',
  },
  'start-host': { queue: 'interactive', about: 'service' },
  import: { queue: 'bulk', about: 'database' },
  export: { queue: 'bulk', about: 'database' },
  backup: { queue: 'bulk', about: 'database' },
  restore: { queue: 'bulk', about: 'database', asked: 'POST /v1/restores' },
  'restore-drill': { queue: 'bulk', about: 'database' },
  'expire-backups': { queue: 'bulk', about: 'either' },
  move: { queue: 'bulk', about: 'database' },
  'drain-host': { queue: 'bulk', about: 'service' },
  retention: { queue: 'bulk', about: 'database' },
  compaction: { queue: 'bulk', about: 'database' },
} as const satisfies Record<string, TaskKindEntry>;

export type TaskKind = keyof typeof taskKinds;

export function isTaskKind(value: unknown): value is TaskKind {
  return typeof value === 'string' && Object.hasOwn(taskKinds, value);
}

export function taskKindEntry(kind: TaskKind): TaskKindEntry {
  return taskKinds[kind];
}
