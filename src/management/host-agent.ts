// What workers and host agents say to each other on the agent's control port.

import type { SchemaMode } from '../kdb/engine.ts';
import type { ProcessLimits } from './plans.ts';
import type { Endpoint } from './records.ts';

/** The body of PUT /databases/<id>. */
export interface WantedDatabase extends ProcessLimits {
  readonly volumes: number;
  readonly schema: SchemaMode;
  /** Of the database process. */
  readonly user: string;
  readonly password: string;
  /** Only its directories are made: they take files (PUT …/files/…) until POST …/start. */
  readonly filling?: boolean;
}

/** `crash-loop`: it ended again and again, and is tried once a minute; `fault` says why. */
export type ProcessState = 'filling' | 'starting' | 'running' | 'crashed' | 'crash-loop' | 'stopped';

/** The answer. */
export interface DatabaseReport {
  readonly id: string;
  readonly state: ProcessState;
  /** Null until its process has listened for the first time. */
  readonly endpoint: Endpoint | null;
  /** Why it does not run. */
  readonly fault: string | null;
  /** Who keeps it from taking writes; null: nobody. */
  readonly heldBy: string | null;
  /** Names the journal that it ships; a database that is filled from a backup begins a new one. */
  readonly incarnation: string;
  /** What was found when it was started from files of a backup. */
  readonly recovered: Recovery | null;
}

/** The body of POST /databases/<id>/start. */
export interface StartOptions {
  /** The journal is applied up to what arrived at this time; null: as far as it goes, and its loss is refused. */
  readonly recover: { readonly untilMs: number } | null;
  /** It takes no writes until that one lets go of it. */
  readonly heldBy?: string;
}

/** The body of POST /databases/<id>/hold. Who comes later takes over; who does not hold it lets go of nothing. */
export interface HoldOptions {
  readonly held: boolean;
  readonly by: string;
}

/** What a start from files of a backup applied of the journal. */
export interface Recovery {
  readonly untilMs: number | null;
  readonly records: number;
  /** When the last of them arrived; null: there was none. */
  readonly lastArrivalMs: number | null;
}

/** What GET /health answers. */
export interface HostHealth {
  /** Of the host, and of the database processes on it: milliseconds since 1970. */
  readonly clockMs: number;
  readonly slots: number;
  /** Databases by state. */
  readonly databases: Readonly<Partial<Record<ProcessState, number>>>;
  readonly volumes: readonly VolumeRoom[];
  /** Which start of the host's agent this is, and why it runs nothing any more; null: it does. */
  readonly epoch: number;
  readonly fault: string | null;
  /** Why volumes are not used. */
  readonly refusedVolumes: readonly string[];
  /** What bounds the memory of its databases. */
  readonly limits: 'cgroup' | 'watchdog';
  /** Of the last minute, per processor. */
  readonly load: number;
}

/** A volume that cannot be read has no bytes. */
export interface VolumeRoom {
  readonly bytes: number;
  readonly freeBytes: number;
}

/** Statuses by which a host refuses a database that another host may take: every slot is taken; it has too few volumes. */
export const refusals = { hostFull: 507, tooFewVolumes: 409 } as const;

/** Statuses of the calls about files. */
export const fileFaults = { notFound: 404, volumeFull: 413, isCorrupt: 422, notFilling: 423 } as const;

/** Beside a file that is sent: what its contents must be. */
export const checksumHeader = 'x-content-sha256';

/** As .tsg.backup takes it; it becomes a directory name. */
export const backupNamePattern = '[A-Za-z0-9][A-Za-z0-9._-]{0,99}';
