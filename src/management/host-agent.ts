// What workers and host agents say to each other on the agent's control port: PUT, GET and DELETE of /databases/<id>.

import type { SchemaMode } from '../kdb/engine.ts';
import type { ProcessLimits } from './plans.ts';
import type { Endpoint } from './records.ts';

/** The body of a PUT. */
export interface WantedDatabase extends ProcessLimits {
  readonly volumes: number;
  readonly schema: SchemaMode;
  /** Of the database process. */
  readonly user: string;
  readonly password: string;
}

export type ProcessState = 'starting' | 'running' | 'crashed' | 'stopped';

/** The answer. */
export interface DatabaseReport {
  readonly id: string;
  readonly state: ProcessState;
  /** Null until its process has listened for the first time. */
  readonly endpoint: Endpoint | null;
  /** Why it does not run. */
  readonly fault: string | null;
}

/** Statuses by which a host refuses a database that another host may take: every slot is taken; it has too few volumes. */
export const refusals = { hostFull: 507, tooFewVolumes: 409 } as const;
