// What the management tables hold. Ids are internal and never reused; names belong to customers.

import type { SchemaMode } from '../kdb/engine.ts';

export type Scope = 'read' | 'write' | 'manage';
export const scopes: readonly Scope[] = ['read', 'write', 'manage'];

interface Versioned {
  /** Starts at 1; every write is conditional on it. */
  readonly version: number;
  readonly createdAt: string;
}

export interface Account extends Versioned {
  readonly id: string;
  readonly name: string;
}

/** Keyed by the SHA-256 of the secret: the secret itself is shown once and stored nowhere. */
export interface Token extends Versioned {
  readonly hash: string;
  readonly id: string;
  readonly accountId: string;
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

export type TaskKind = 'provision' | 'deprovision';
export type TaskState = 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled';

export interface Task extends Versioned {
  readonly id: string;
  readonly accountId: string;
  readonly region: string;
  readonly kind: TaskKind;
  readonly state: TaskState;
  readonly databaseName: string;
  readonly databaseId: string;
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
