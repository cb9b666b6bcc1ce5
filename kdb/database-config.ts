import type { SchemaMode } from '../src/kdb/engine.ts';
import type { ProcessLimits } from '../src/management/plans.ts';

/** What a database process is started with, whichever engine it runs: a JSON file that the host agent keeps. */
export interface DatabaseConfig extends ProcessLimits {
  readonly databaseId: string;
  readonly host: string;
  /** 0 until the process has chosen one, which stays free when it is started again; from then on it stays. */
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly schema: SchemaMode;
  /** Its directories, the home first. */
  readonly volumes: readonly string[];
}
