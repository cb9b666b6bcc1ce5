import type { Log, RepeatsData } from '../../src/base/log.ts';
import type { ObjectStore } from '../../src/base/object-store.ts';
import type { Engine, Hello } from '../../src/kdb/engine.ts';
import type { Management } from '../../src/management/index.ts';
import type { Database, Endpoint, Task } from '../../src/management/records.ts';
import type { UsageMeter } from '../../src/management/usage-meter.ts';
import type { AgentClient } from '../agent-client.ts';
import type { HostStarter } from '../host-starter.ts';

/** To be closed by who asked for it. */
export type Connection = Engine & { close(): Promise<void> };

/** What every kind of task works with. */
export interface WorkerServices {
  readonly management: Management;
  /** Tells the workers of the task's region of it. */
  readonly announce: (task: Task) => Promise<void>;
  readonly agents: Pick<AgentClient, keyof AgentClient>;
  readonly hostStarter: HostStarter;
  readonly objects: ObjectStore;
  /** Another region's, for what was made there. */
  readonly objectsOf: (region: string) => ObjectStore;
  /** Asks a database process whether it is up. */
  readonly hello: (endpoint: Endpoint, database: Pick<Database, 'id' | 'user' | 'password'>) => Promise<Hello>;
  /** Counts what tasks write into databases of customers. */
  readonly meter: Pick<UsageMeter, 'addPoints'>;
  /** To the process of a database that has an endpoint. */
  readonly connect: (database: Pick<Database, 'id' | 'endpoint' | 'user' | 'password'>) => Promise<Connection>;
}

export interface TaskRun<P = unknown, C = unknown> {
  readonly task: Task;
  /** As the kind's schema has them. */
  readonly params: P;
  /** Where the work is, as it was last saved; null: at its beginning. */
  readonly checkpoint: C | null;
  readonly services: WorkerServices;
  readonly log: Log;
  /** Aborted when the task is no longer this worker's to do: cancelled, past its time limit, taken over, or the worker stops. */
  readonly signal: AbortSignal;
  /** For whoever looks on; written once a second at most. */
  progress(done: number, total: number | null, unit: string): void;
  /** From here on a later try goes on from there. At most 64 KB of JSON. */
  saveCheckpoint(checkpoint: C): Promise<void>;
  /** It is time to save a checkpoint and to throw SliceOver. */
  sliceOver(): boolean;
}

/** Others are to have their turn: the task is queued again, and goes on from its checkpoint. Not counted as an attempt. */
export class SliceOver extends Error {}

/** It is not time for the task yet: it is tried again then, and this does not count as an attempt. The reason is shown on the task. */
export class Postponed extends Error {
  readonly untilMs: number;

  constructor(untilMs: number, reason: string) {
    super(reason);
    this.untilMs = untilMs;
  }
}

/** Trying again would not help. */
export class Permanent extends Error {}

/** What stands in the customer's file, or in the database, is why: its owner is told, the log is not. */
export class PermanentByData extends Permanent implements RepeatsData {
  readonly repeatsData = true;
}

/**
 * One kind of task: its parameters, its checkpoint and its result, all JSON. Every step may be run again after a crash at any point.
 * An error other than those above is a passing fault: the task is tried again later until `giveUp`. The error's message is shown to
 * the task's owner: addresses and the like belong in its cause.
 */
export interface Kind<P = unknown, C = unknown, R = unknown> {
  /** How many of it one worker does at once. */
  readonly lanes: number;
  /** Of work on one task, over all its attempts and slices; then it fails. */
  readonly timeLimitMs: number;
  readonly maxAttempts: number;
  /** JSON schema of P. */
  readonly params: object;
  run(run: TaskRun<P, C>): Promise<R>;
  /** After the last attempt or the time limit: what the task leaves behind must be something that its owner can act on. */
  giveUp(run: TaskRun<P, C>): Promise<void>;
  /** After it was cancelled, also when it never ran: puts in order what it left behind. Tried like the task itself. */
  cancel?(run: TaskRun<P, C>): Promise<void>;
}

/** Of a kind that takes none. */
export const noParams = { type: 'object', additionalProperties: false } as const;
