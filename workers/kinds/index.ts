import type { TaskKind } from '../../src/management/records.ts';
import { closeAccount } from './close-account.ts';
import { deprovision } from './deprovision.ts';
import type { Kind } from './kind.ts';
import { provision } from './provision.ts';

export const kinds: Readonly<Record<TaskKind, Kind>> = { provision, deprovision, 'close-account': closeAccount };
