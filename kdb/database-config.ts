import type { SchemaMode } from '../src/kdb/engine.ts';
import type { Recovery } from '../src/management/host-agent.ts';
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
  /** Complete files of its journal are kept until they are shipped, under the name of its incarnation. */
  readonly ships: boolean;
  readonly incarnation: string;
  /** Who keeps it from taking writes; null: nobody. */
  readonly heldBy: string | null;
  /** Its directories take files of a backup; it has no process yet. */
  readonly filling: boolean;
  /** Its directories hold files of a backup, each on any volume, and the journal is applied up to that time. Null: they are its own. */
  readonly restore: { readonly untilMs: number | null } | null;
  /** What became of that. */
  readonly recovered: Recovery | null;
}
