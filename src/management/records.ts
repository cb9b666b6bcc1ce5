// What the management tables hold. Ids are internal and never reused; names belong to customers.

import type { FieldDefinition, SchemaMode } from '../kdb/engine.ts';
import type { Actor } from './audit.ts';
import type { HostHealth } from './host-agent.ts';
import type { Limits, PlanName } from './plans.ts';
import type { TaskKind } from './task-kinds.ts';

export type { TaskKind } from './task-kinds.ts';

export type Scope = 'read' | 'write' | 'manage';
export const scopes: readonly Scope[] = ['read', 'write', 'manage'];

interface Versioned {
  /** Starts at 1; every write is conditional on it. */
  readonly version: number;
  readonly createdAt: string;
}

/**
 * suspended: it can be looked at, and nothing else. closing: its tokens are good for nothing, and until `closesAt` the operator can
 * open it again. closed: its data is being removed, or is gone.
 */
export const accountStatuses = ['active', 'suspended', 'closing', 'closed'] as const;
export type AccountStatus = (typeof accountStatuses)[number];

export interface Account extends Versioned {
  readonly id: string;
  readonly name: string;
  readonly status: AccountStatus;
  readonly plan: PlanName;
  /** What holds instead of the plan's. */
  readonly limits: Partial<Limits>;
  /** What it stored when it was last seen to be over its limit; null while it is not. */
  readonly overStorageBytes: number | null;
  /** ISO time, and the task that waits for it; null unless it is closing or closed, the task also when all is removed. */
  readonly closesAt: string | null;
  readonly closeTaskId: string | null;
}

/** owner: everything. member: reads and writes data. viewer: reads. */
export const roles = ['owner', 'member', 'viewer'] as const;
export type Role = (typeof roles)[number];

export interface User extends Versioned {
  readonly accountId: string;
  readonly id: string;
  /** Unique in the account. */
  readonly name: string;
  readonly role: Role;
}

/** Keyed by the SHA-256 of the secret: the secret itself is shown once and stored nowhere. */
export interface Token extends Versioned {
  readonly hash: string;
  readonly id: string;
  readonly accountId: string;
  /** Whose it is, and whose role bounds it; null: the account's own. */
  readonly userId: string | null;
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** Names of the databases it is good for; null: every one of the account. */
  readonly databases: readonly string[] | null;
  /** May do what only the operator of the service may. */
  readonly operator: boolean;
  /** ISO time, or null: never. */
  readonly expiresAt: string | null;
}

/** restoring: as provisioning, but filled from a backup. failed: its task gave up; deleting it is what remains. */
export type DatabaseStatus = 'provisioning' | 'restoring' | 'active' | 'deleting' | 'failed';

/** What is done to a database again and again. */
export const chosenSchedules = ['backup', 'retention'] as const;
/** The last one is the service's own. */
export const scheduleNames = [...chosenSchedules, 'compaction'] as const;
export type ScheduleName = (typeof scheduleNames)[number];

/** Five fields of cron, in UTC; null: never. */
export type Schedules = Readonly<Record<(typeof chosenSchedules)[number], string | null>>;

export interface Endpoint {
  readonly host: string;
  readonly port: number;
  /** Where the host agent syncs journals; absent where the engine does it itself. */
  readonly durablePort?: number;
  /** Of processes that answer reads too; absent where there are none. */
  readonly readerPorts?: readonly number[];
}

export interface Database extends Versioned {
  /** Key: accountId and name. */
  readonly accountId: string;
  readonly name: string;
  readonly id: string;
  readonly region: string;
  readonly volumes: number;
  readonly schema: SchemaMode;
  readonly status: DatabaseStatus;
  /** Null until it is placed. */
  readonly hostId: string | null;
  /** Null until its process has answered. */
  readonly endpoint: Endpoint | null;
  /** Of the database process; never leaves the service. */
  readonly user: string;
  readonly password: string;
  /** Points older than this are removed; null: none. */
  readonly retentionDays: number | null;
  /** How far ahead of the service's clock the time of a point may be; null: any time. */
  readonly futureHours: number | null;
  /** Writes that its process does not take now are kept and applied later. */
  readonly spill: boolean;
  readonly schedules: Schedules;
  /** It is on its way to another host, or to another number of volumes. */
  readonly move: Move | null;
}

export interface Move {
  readonly taskId: string;
  /** Where the other copy is, which has a slot there too. */
  readonly hostId: string;
  readonly volumes: number;
  /** copying: that one is being filled. leaving: it was the one in use, and is being removed. */
  readonly phase: 'copying' | 'leaving';
}

/** What stands in a database under a name. Strict: what may be written. Flexible: what the database process had when it was last asked. */
export interface Series extends Versioned {
  /** Key: databaseId and name. */
  readonly databaseId: string;
  readonly name: string;
  readonly tags: readonly string[];
  readonly fields: readonly FieldDefinition[];
}

export interface Host extends Versioned {
  readonly id: string;
  readonly region: string;
  readonly zone: string;
  /** How often an agent of the host has started; what an earlier one says is refused. */
  readonly epoch: number;
  /** Where the agent's control port is. */
  readonly agent: Endpoint;
  readonly slots: number;
  readonly usedSlots: number;
  readonly volumes: number;
  readonly heartbeatAt: string;
  /** It gets no new databases. Undefined: it does. */
  readonly cordoned?: boolean;
  /** The task that moves its databases away, or has moved them. */
  readonly drain?: { readonly taskId: string; readonly done: boolean } | null;
  /** As it was then; undefined until its agent has said so. */
  readonly health?: HostHealth;
}

export const taskStates = ['queued', 'running', 'succeeded', 'failed', 'cancelled'] as const;
export type TaskState = (typeof taskStates)[number];

export interface TaskProgress {
  readonly done: number;
  /** Null: not known. */
  readonly total: number | null;
  readonly unit: string;
  /** Over the last seconds; null until there is one. */
  readonly ratePerS: number | null;
  readonly etaS: number | null;
}

/** lost: its worker ended without a word, or could not keep its lease. returned: its worker was stopped. */
export type AttemptOutcome = 'succeeded' | 'failed' | 'cancelled' | 'lost' | 'returned';

export interface TaskAttempt {
  readonly attempt: number;
  /** Who worked on it. */
  readonly owner: string;
  readonly startedAt: string;
  /** All three null while it runs. */
  readonly endedAt: string | null;
  readonly outcome: AttemptOutcome | null;
  readonly error: string | null;
}

export interface Task extends Versioned {
  readonly id: string;
  /** `service`: it is about the service itself. */
  readonly accountId: string;
  readonly region: string;
  readonly kind: TaskKind;
  readonly state: TaskState;
  /** Null when it is about the whole account, or the service. */
  readonly databaseName: string | null;
  readonly databaseId: string | null;
  /** JSON, as the kind's schema has it. */
  readonly params: unknown;
  readonly requestedBy: Actor;
  /** W3C trace context of what asked for it; null: it is from before there was one. */
  readonly traceparent: string | null;
  /** JSON; null until it succeeds. */
  readonly result: unknown;
  /** JSON: where the work is; null: at its beginning. */
  readonly checkpoint: unknown;
  readonly progress: TaskProgress | null;
  /** Tries so far that count: not those that were put off, handed back or went on after a slice. */
  readonly attempts: number;
  /** The newest last; the last twenty. */
  readonly history: readonly TaskAttempt[];
  /** Of the last try that failed. */
  readonly error: string | null;
  /** What it waits for, and until when (ISO), without anybody looking at it. */
  readonly waits: { readonly reason: string; readonly until: string } | null;
  /** It runs, and its worker is to stop. */
  readonly cancelRequested: boolean;
  /** It was cancelled, and what it left behind is still to be put in order: how often that was tried. */
  readonly cleanUps: number | null;
  /** ISO time of the first claim, and for how long it was worked on until the last one ended. */
  readonly startedAt: string | null;
  readonly workedMs: number;
  /** Number of its newest message: older ones mean nothing any more. */
  readonly sends: number;
  /** How often it was claimed, who works on it, and until when that claim holds (ISO). */
  readonly claims: number;
  readonly leaseOwner: string | null;
  readonly leaseUntil: string | null;
  readonly updatedAt: string;
}

export type BackupStatus = 'running' | 'complete' | 'failed' | 'expiring';
/** manual: asked for. scheduled: kept by the rule (backup-rule.ts). final: of a database that is deleted. move: of one that is moved. */
export const backupReasons = ['manual', 'scheduled', 'final', 'move'] as const;
export type BackupReason = (typeof backupReasons)[number];

/** What a task that restores a backup is told. */
export interface RestoreParams {
  readonly backup: string;
  /** Of the database that it is of, and the region whose object store has it. */
  readonly databaseId: string;
  readonly region: string;
  /** ISO time up to which the journal is applied; null: as the backup has it. */
  readonly until: string | null;
}

/** A file of a database's journal. The incarnation tells it from the journal of the database that it was restored from. */
export interface JournalPlace {
  readonly incarnation: string;
  readonly generation: number;
}

export interface Backup extends Versioned {
  /** Key: databaseId and id. Ids are in the order of time. */
  readonly databaseId: string;
  readonly id: string;
  readonly accountId: string;
  readonly databaseName: string;
  readonly region: string;
  readonly taskId: string;
  readonly status: BackupStatus;
  readonly reason: BackupReason;
  /** Every file was uploaded anew. */
  readonly full: boolean;
  /** The backup whose objects it may name; null: none. */
  readonly base: string | null;
  readonly volumes: number;
  readonly schema: SchemaMode;
  readonly bytes: number;
  readonly uploadedBytes: number;
  readonly rows: number;
  readonly journal: JournalPlace | null;
  /** Its files have nothing that came later; null: they are still to be put aside. */
  readonly takenAt: string | null;
  readonly completedAt: string | null;
  /** Null: by the rule when it is scheduled, else when it is deleted. */
  readonly expiresAt: string | null;
}
