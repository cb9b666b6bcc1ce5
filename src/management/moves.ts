// The record of a database that is moved. Which of its two copies is in use changes in one transaction, and only for whoever knows the
// record as it stands: `fence` shuts everybody else out.

import type { Changes } from './commit.ts';
import { conflict, databaseChange, databasePut } from './databases.ts';
import { ConditionFailed, type TransactionItem } from './dynamo.ts';
import { releaseSlot, takeSlot } from './hosts.ts';
import type { Database, Endpoint, Host } from './records.ts';

export class Moves {
  readonly #changes: Changes;

  constructor(changes: Changes) {
    this.#changes = changes;
  }

  /** Takes a slot of the host for the copy. Undefined when the host has become full. */
  async begin(database: Database, host: Host, volumes: number, taskId: string): Promise<Database | undefined> {
    const begun = next(database, { move: { taskId, hostId: host.id, volumes, phase: 'copying' } });
    try {
      await this.#changes.commit([databasePut(begun, database.version), takeSlot(host.id)], [databaseChange(begun)]);
    } catch (error) {
      if (!(error instanceof ConditionFailed)) throw error;
      if (error.refused[0]) throw conflict(database.name, error);
      return undefined;
    }
    return begun;
  }

  /** Whoever read the record before changes nothing any more. */
  fence(database: Database): Promise<Database> {
    return this.#put(database, {});
  }

  /** The copy is the one in use from now on. */
  switchOver(database: Database, endpoint: Endpoint): Promise<Database> {
    const { hostId, volumes, taskId } = database.move!;
    return this.#put(database, {
      ...{ hostId, volumes, endpoint },
      move: { taskId, hostId: database.hostId!, volumes: database.volumes, phase: 'leaving' },
    });
  }

  /** The other copy is gone, and with it its slot is free. */
  end(database: Database): Promise<Database> {
    return this.#put(database, { move: null }, [releaseSlot(database.move!.hostId)]);
  }

  async #put(database: Database, change: Partial<Database>, also: readonly TransactionItem[] = []): Promise<Database> {
    const changed = next(database, change);
    try {
      await this.#changes.commit([databasePut(changed, database.version), ...also], [databaseChange(changed)]);
    } catch (error) {
      if (error instanceof ConditionFailed) throw conflict(database.name, error);
      throw error;
    }
    return changed;
  }
}

function next(database: Database, change: Partial<Database>): Database {
  return { ...database, ...change, version: database.version + 1 };
}
