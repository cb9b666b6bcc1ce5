// The kinds of tasks, and the queue of each. Interactive ones, for which somebody waits, never stand behind bulk ones, which take hours.

export type TaskQueueName = 'interactive' | 'bulk';

interface TaskKindEntry {
  readonly queue: TaskQueueName;
  /** Why a customer or an operator cannot cancel it. */
  readonly uncancellable?: string;
}

export const taskKinds = {
  provision: { queue: 'interactive' },
  deprovision: { queue: 'interactive' },
  'close-account': {
    queue: 'interactive',
    uncancellable: 'the account is opened again by PATCH, while that is possible',
  },
  'start-host': { queue: 'interactive' },
  import: { queue: 'bulk' },
  export: { queue: 'bulk' },
  backup: { queue: 'bulk' },
  restore: { queue: 'bulk' },
  'restore-drill': { queue: 'bulk' },
  'expire-backups': { queue: 'bulk' },
  move: { queue: 'bulk' },
  'drain-host': { queue: 'bulk' },
  retention: { queue: 'bulk' },
  compaction: { queue: 'bulk' },
} as const satisfies Record<string, TaskKindEntry>;

export type TaskKind = keyof typeof taskKinds;

export function isTaskKind(value: unknown): value is TaskKind {
  return typeof value === 'string' && Object.hasOwn(taskKinds, value);
}

export function taskKindEntry(kind: TaskKind): TaskKindEntry {
  return taskKinds[kind];
}
