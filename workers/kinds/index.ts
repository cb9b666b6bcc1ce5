import type { TaskKind } from '../../src/management/records.ts';
import { backup } from './backup.ts';
import { closeAccount } from './close-account.ts';
import { compaction } from './compaction.ts';
import { deprovision } from './deprovision.ts';
import { drainHost } from './drain-host.ts';
import { expireBackups } from './expire-backups.ts';
import { exportRows } from './export.ts';
import { importFile } from './import.ts';
import type { Kind } from './kind.ts';
import { move } from './move.ts';
import { provision } from './provision.ts';
import { restore } from './restore.ts';
import { restoreDrill } from './restore-drill.ts';
import { retention } from './retention.ts';
import { startHost } from './start-host.ts';

export type Kinds = Readonly<Partial<Record<TaskKind, Kind>>>;

export const kinds: Kinds = {
  ...{ provision, deprovision, 'close-account': closeAccount },
  ...{ export: exportRows, import: importFile },
  ...{ backup, restore, 'restore-drill': restoreDrill, 'expire-backups': expireBackups },
  ...{ 'start-host': startHost, move, 'drain-host': drainHost, retention, compaction },
};
