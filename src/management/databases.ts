import { randomBytes } from 'node:crypto';
import { apiError } from '../base/errors.ts';
import { indexes, tables } from '../base/names.ts';
import type { SchemaMode } from '../kdb/engine.ts';
import { countItem, requireOpen } from './account-items.ts';
import { type Actor, auditPut } from './audit.ts';
import type { RecordCache } from './cache.ts';
import type { Changes } from './commit.ts';
import { cronFault } from './cron.ts';
import { ConditionFailed, type Dynamo, queryItems, type TransactionItem } from './dynamo.ts';
import { tombstone, versionedPut } from './entry.ts';
import type { Change } from './event.ts';
import { asAgentOf, releaseSlot, takeSlot } from './hosts.ts';
import { databaseKey, loadEntry, recordKinds } from './record-kinds.ts';
import {
  chosenSchedules,
  type Database,
  type DatabaseStatus,
  type Endpoint,
  type Host,
  type RestoreParams,
  type Schedules,
  type Task,
} from './records.ts';
import { firstSchedules, scheduleDeletes, schedulePuts } from './schedules.ts';
import { type NewTask, newTask, taskPut } from './task-item.ts';
import type { Tasks } from './tasks.ts';

/** Enough for every clock and time zone that is not wrong. */
const defaultFutureHours = 24;

export interface NewDatabase {
  readonly accountId: string;
  readonly name: string;
  readonly region: string;
  readonly volumes: number;
  readonly schema: SchemaMode;
  /** A day when it is not said. */
  readonly futureHours?: number | null;
  /** Not, when it is not said. */
  readonly spill?: boolean;
  /** That the account may have; without it, any number. */
  readonly maxDatabases?: number | null;
  /** It is filled from a backup, by a task of this id if one is given; without it, it begins empty. */
  readonly restore?: RestoreParams & { readonly taskId?: string };
}

/** What may change in the life of a database. */
export interface DatabaseChange {
  readonly status?: DatabaseStatus;
  readonly endpoint?: Endpoint;
}

/** What its owner may change. */
export interface DatabaseSettings {
  readonly retentionDays?: number | null;
  readonly futureHours?: number | null;
  readonly spill?: boolean;
  readonly schedules?: Partial<Schedules>;
}

interface DatabasesOptions {
  readonly dynamo: Dynamo;
  readonly cache: RecordCache<Database>;
  readonly changes: Changes;
  readonly tasks: Tasks;
  readonly clock: () => number;
}

export class Databases {
  readonly #dynamo: Dynamo;
  readonly #cache: RecordCache<Database>;
  readonly #changes: Changes;
  readonly #tasks: Tasks;
  readonly #clock: () => number;

  constructor({ dynamo, cache, changes, tasks, clock }: DatabasesOptions) {
    this.#dynamo = dynamo;
    this.#cache = cache;
    this.#changes = changes;
    this.#tasks = tasks;
    this.#clock = clock;
  }

  /** The database and the task that provisions it, or neither. The task's id is still to be sent to the queue. */
  async createDatabase(fields: NewDatabase, by: Actor): Promise<{ database: Database; task: Task }> {
    const { accountId, name } = fields;
    await this.#tasks.requireRoom(accountId);
    const before = await loadEntry(this.#dynamo, 'database', databaseKey({ accountId, name }));
    if (before.record) throw apiError('DatabaseExists', { database: name });
    const id = `db-${randomBytes(10).toString('hex')}`;
    const database: Database = {
      accountId,
      name,
      id,
      region: fields.region,
      volumes: fields.volumes,
      schema: fields.schema,
      status: fields.restore ? 'restoring' : 'provisioning',
      hostId: null,
      endpoint: null,
      user: id,
      password: randomBytes(24).toString('base64url'),
      retentionDays: null,
      futureHours: fields.futureHours === undefined ? defaultFutureHours : fields.futureHours,
      spill: fields.spill ?? false,
      schedules: { backup: null, retention: null },
      move: null,
      version: before.version + 1,
      createdAt: new Date(this.#clock()).toISOString(),
    };
    const task = newTask(firstTask(database, fields, by), this.#clock());
    try {
      await this.#changes.commit(
        [
          databasePut(database, before.version),
          requireOpen(accountId),
          countItem(accountId, { databases: 1 }, { of: 'databases', max: fields.maxDatabases ?? null }),
          taskPut(task),
          this.#auditPut(database, by, 'createDatabase'),
          ...firstSchedules(database, this.#clock()),
        ],
        [databaseChange(database)],
      );
    } catch (error) {
      if (!(error instanceof ConditionFailed)) throw error;
      if (error.refused[0]) throw apiError('DatabaseExists', { database: name });
      if (error.refused[1]) throw apiError('AccountClosed', { account: accountId, status: 'not active' });
      throw apiError('TooManyDatabases', { limit: fields.maxDatabases ?? 0 }, { extra: { limit: 'databases' } });
    }
    return { database, task };
  }

  /** Through the cache; at once when this process knows it, and at most a second old. */
  findDatabase(accountId: string, name: string): Database | null | Promise<Database | null> {
    return this.#cache.find(databaseKey({ accountId, name }));
  }

  /** Through the cache: at most a second old while it is active, read from DynamoDB while it is not, or when `fresh` is asked for. */
  async getDatabase(accountId: string, name: string, { fresh = false } = {}): Promise<Database | undefined> {
    const key = databaseKey({ accountId, name });
    const database = await (fresh ? this.#cache.refresh(key) : this.#cache.find(key));
    return database ?? undefined;
  }

  async listDatabases(accountId: string): Promise<Database[]> {
    const items = await queryItems(this.#dynamo, {
      TableName: tables.databases,
      KeyConditionExpression: 'accountId = :account',
      FilterExpression: 'attribute_not_exists(goneAtS)',
      ExpressionAttributeValues: { ':account': accountId },
      ConsistentRead: true,
    });
    return items.map(recordKinds.database.toRecord);
  }

  /** Marks it and makes the task that removes it. The task's id is still to be sent to the queue. */
  async requestDelete(
    accountId: string,
    name: string,
    by: Actor,
    { finalBackup = false }: { readonly finalBackup?: boolean } = {},
  ): Promise<{ database: Database; task: Task }> {
    const database = await this.getDatabase(accountId, name, { fresh: true });
    if (!database) throw apiError('DatabaseNotFound', { database: name });
    if (database.status !== 'active' && database.status !== 'failed') {
      throw apiError('DatabaseBusy', { database: name, status: database.status });
    }
    if (database.move) throw apiError('DatabaseBusy', { database: name, status: 'being moved' });
    const deleting: Database = { ...database, status: 'deleting', version: database.version + 1 };
    const task = newTask(
      { kind: 'deprovision', subject: deleting, params: { finalBackup }, requestedBy: by },
      this.#clock(),
    );
    await this.#commit(deleting, [
      databasePut(deleting, database.version),
      taskPut(task),
      this.#auditPut(deleting, by, 'deleteDatabase'),
    ]);
    return { database: deleting, task };
  }

  /** As DynamoDB has it now. */
  async getDatabaseById(id: string): Promise<Database | undefined> {
    const [item] = await queryItems(this.#dynamo, {
      TableName: tables.databases,
      IndexName: indexes.databasesById,
      KeyConditionExpression: 'id = :id',
      ExpressionAttributeValues: { ':id': id },
    });
    // The index may be a moment behind: it only gives the key.
    return item && this.getDatabase(item['accountId'] as string, item['name'] as string, { fresh: true });
  }

  async databasesOfHost(hostId: string): Promise<Database[]> {
    const items = await queryItems(this.#dynamo, {
      TableName: tables.databases,
      IndexName: indexes.databasesByHost,
      KeyConditionExpression: 'hostId = :host',
      ExpressionAttributeValues: { ':host': hostId },
    });
    return items.map(recordKinds.database.toRecord);
  }

  /** Takes a slot of the host for the database, both or neither. Undefined when the host has become full. */
  async place(database: Database, host: Host): Promise<Database | undefined> {
    const placed: Database = { ...database, hostId: host.id, version: database.version + 1 };
    try {
      await this.#changes.commit([databasePut(placed, database.version), takeSlot(host.id)], [databaseChange(placed)]);
    } catch (error) {
      if (!(error instanceof ConditionFailed)) throw error;
      if (error.refused[0]) throw conflict(database.name, error);
      return undefined;
    }
    return placed;
  }

  /** The host refused it: another one may take it. */
  async unplace(database: Database): Promise<Database> {
    const free: Database = { ...database, hostId: null, version: database.version + 1 };
    await this.#commit(free, [databasePut(free, database.version), releaseSlot(database.hostId!)]);
    return free;
  }

  /** Schedules that change count from now. */
  async changeSettings(accountId: string, name: string, settings: DatabaseSettings, by: Actor): Promise<Database> {
    for (const schedule of chosenSchedules) {
      const cron = settings.schedules?.[schedule];
      const reason = cron == null ? undefined : cronFault(cron, this.#clock());
      if (reason !== undefined) throw apiError('InvalidSchedule', { name: schedule, cron: cron!, reason });
    }
    const database = await this.getDatabase(accountId, name, { fresh: true });
    if (!database || database.status === 'deleting') throw apiError('DatabaseNotFound', { database: name });
    const schedules = { ...database.schedules, ...settings.schedules };
    const changed: Database = { ...database, ...settings, schedules, version: database.version + 1 };
    await this.#commit(changed, [
      databasePut(changed, database.version),
      ...schedulePuts(database, changed, this.#clock()),
      this.#auditPut(changed, by, 'changeDatabase', settings),
    ]);
    return changed;
  }

  /** Conflict when somebody else changed it since it was read, or `by` is not the newest agent of its host. */
  async change(database: Database, change: DatabaseChange, by?: Pick<Host, 'id' | 'epoch'>): Promise<Database> {
    const changed: Database = { ...database, ...change, version: database.version + 1 };
    await this.#commit(changed, [databasePut(changed, database.version), ...(by ? [asAgentOf(by)] : [])]);
    return changed;
  }

  /** The end: the slot and the name become free. */
  async remove(database: Database): Promise<void> {
    const { accountId, name, hostId } = database;
    const version = database.version + 1;
    const removed = tombstone({ accountId, name }, version, this.#clock());
    await this.#commit(
      database,
      [
        versionedPut(tables.databases, removed, database.version),
        ...(hostId === null ? [] : [releaseSlot(hostId)]),
        ...scheduleDeletes(database),
        countItem(accountId, { databases: -1 }),
      ],
      { kind: 'database', key: databaseKey(database), version, record: null },
    );
  }

  #auditPut(
    database: Database,
    by: Actor,
    action: string,
    details: object = { region: database.region, volumes: database.volumes, schema: database.schema },
  ): TransactionItem {
    const { accountId, id, name } = database;
    const subject = { kind: 'database', id, name } as const;
    return auditPut({ accountId, by, action, subject, details }, this.#clock());
  }

  async #commit(
    database: Database,
    items: readonly TransactionItem[],
    change: Change = databaseChange(database),
  ): Promise<void> {
    try {
      await this.#changes.commit(items, [change]);
    } catch (error) {
      if (error instanceof ConditionFailed) throw conflict(database.name, error);
      throw error;
    }
  }
}

function firstTask(database: Database, { restore }: NewDatabase, requestedBy: Actor): NewTask {
  if (!restore) return { kind: 'provision', subject: database, requestedBy };
  const { taskId, ...params } = restore;
  return { kind: 'restore', subject: database, params, requestedBy, ...(taskId !== undefined && { id: taskId }) };
}

export function conflict(name: string, cause: unknown): Error {
  return apiError('Conflict', { what: `Database ${name}` }, { cause });
}

export function databasePut(database: Database, versionBefore: number): TransactionItem {
  const { hostId, ...item } = database;
  // A key of an index cannot be null.
  return versionedPut(tables.databases, hostId === null ? item : database, versionBefore);
}

export function databaseChange(database: Database): Change {
  return { kind: 'database', key: databaseKey(database), version: database.version, record: database };
}
