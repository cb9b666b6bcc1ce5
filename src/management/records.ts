// What the management tables hold. Ids are internal and never reused; names belong to customers.

import type { FieldDefinition, SchemaMode } from '../kdb/engine.ts';
import type { Limits, PlanName } from './plans.ts';

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

/** failed: its task gave up; deleting it is what remains. */
export type DatabaseStatus = 'provisioning' | 'active' | 'deleting' | 'failed';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
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
  /** Where the agent's control port is. */
  readonly agent: Endpoint;
  readonly slots: number;
  readonly usedSlots: number;
  readonly volumes: number;
  readonly heartbeatAt: string;
}

export type TaskKind = 'provision' | 'deprovision' | 'close-account';
export type TaskState = 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled';

export interface Task extends Versioned {
  readonly id: string;
  readonly accountId: string;
  readonly region: string;
  readonly kind: TaskKind;
  readonly state: TaskState;
  /** Null when it is about the whole account. */
  readonly databaseName: string | null;
  readonly databaseId: string | null;
  readonly attempts: number;
  /** How often its message had to be sent again. */
  readonly sends: number;
  /** Who works on it and until when that claim holds (ISO). */
  readonly leaseOwner: string | null;
  readonly leaseUntil: string | null;
  readonly updatedAt: string;
  readonly progress: { readonly done: number; readonly total: number } | null;
  readonly error: string | null;
}

export type BackupStatus = 'running' | 'complete' | 'failed' | 'expiring';
/** manual: asked for. scheduled: kept by the rule (backup-rule.ts). final: of a database that is deleted. move: of one that is moved. */
export const backupReasons = ['manual', 'scheduled', 'final', 'move'] as const;
export type BackupReason = (typeof backupReasons)[number];

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
  readonly completedAt: string | null;
  /** Null: by the rule when it is scheduled, else when it is deleted. */
  readonly expiresAt: string | null;
}
