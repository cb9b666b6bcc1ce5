import { randomBytes } from 'node:crypto';
import { apiError } from '../base/errors.ts';
import { indexes, tables } from '../base/names.ts';
import type { SchemaMode } from '../kdb/engine.ts';
import type { RecordCache } from './cache.ts';
import {
  ConditionFailed,
  type Dynamo,
  type Item,
  queryItems,
  readItem,
  type TransactionItem,
  transact,
} from './dynamo.ts';
import { releaseSlot, takeSlot } from './hosts.ts';
import type { Database, DatabaseStatus, Endpoint, Host, Task } from './records.ts';
import type { Entry } from './redis-tier.ts';
import { newTask, taskPut } from './tasks.ts';
import { entryOf, tombstone } from './tombstone.ts';

export interface NewDatabase {
  readonly accountId: string;
  readonly name: string;
  readonly region: string;
  readonly volumes: number;
  readonly schema: SchemaMode;
}

/** What may change in the life of a database. */
export interface DatabaseChange {
  readonly status?: DatabaseStatus;
  readonly endpoint?: Endpoint;
}

interface DatabasesOptions {
  readonly dynamo: Dynamo;
  readonly cache: RecordCache<Database>;
  readonly clock: () => number;
}

export class Databases {
  readonly #dynamo: Dynamo;
  readonly #cache: RecordCache<Database>;
  readonly #clock: () => number;

  constructor({ dynamo, cache, clock }: DatabasesOptions) {
    this.#dynamo = dynamo;
    this.#cache = cache;
    this.#clock = clock;
  }

  /** The database and the task that provisions it, or neither. The task's id is still to be sent to the queue. */
  async createDatabase(fields: NewDatabase): Promise<{ database: Database; task: Task }> {
    const { accountId, name } = fields;
    const before = await loadDatabase(this.#dynamo, accountId, name);
    if (before.record) throw apiError('DatabaseExists', { database: name });
    const id = `db-${randomBytes(10).toString('hex')}`;
    const database: Database = {
      accountId,
      name,
      id,
      region: fields.region,
      volumes: fields.volumes,
      schema: fields.schema,
      status: 'provisioning',
      hostId: null,
      endpoint: null,
      user: id,
      password: randomBytes(24).toString('base64url'),
      version: before.version + 1,
      createdAt: new Date(this.#clock()).toISOString(),
    };
    const task = newTask('provision', database, this.#clock());
    try {
      await transact(this.#dynamo, [databasePut(database, before.version), taskPut(task)]);
    } catch (error) {
      if (error instanceof ConditionFailed) throw apiError('DatabaseExists', { database: name });
      throw error;
    }
    await this.#announce(database);
    return { database, task };
  }

  /** Through the cache: at most a second old while it is active, read from DynamoDB while it is not, or when `fresh` is asked for. */
  async getDatabase(accountId: string, name: string, { fresh = false } = {}): Promise<Database | undefined> {
    const key = cacheKey({ accountId, name });
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
    return items.map(toDatabase);
  }

  /** Marks it and makes the task that removes it. The task's id is still to be sent to the queue. */
  async requestDelete(accountId: string, name: string): Promise<{ database: Database; task: Task }> {
    const database = await this.getDatabase(accountId, name, { fresh: true });
    if (!database) throw apiError('DatabaseNotFound', { database: name });
    if (database.status !== 'active' && database.status !== 'failed') {
      throw apiError('DatabaseBusy', { database: name, status: database.status });
    }
    const deleting: Database = { ...database, status: 'deleting', version: database.version + 1 };
    const task = newTask('deprovision', deleting, this.#clock());
    await this.#commit(name, [databasePut(deleting, database.version), taskPut(task)]);
    await this.#announce(deleting);
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
    return items.map(toDatabase);
  }

  /** Takes a slot of the host for the database, both or neither. Undefined when the host has become full. */
  async place(database: Database, host: Host): Promise<Database | undefined> {
    const placed: Database = { ...database, hostId: host.id, version: database.version + 1 };
    try {
      await transact(this.#dynamo, [databasePut(placed, database.version), takeSlot(host.id)]);
    } catch (error) {
      if (!(error instanceof ConditionFailed)) throw error;
      if (error.refused[0]) throw conflict(database.name, error);
      return undefined;
    }
    await this.#announce(placed);
    return placed;
  }

  /** The host refused it: another one may take it. */
  async unplace(database: Database): Promise<Database> {
    const free: Database = { ...database, hostId: null, version: database.version + 1 };
    await this.#commit(database.name, [databasePut(free, database.version), releaseSlot(database.hostId!)]);
    await this.#announce(free);
    return free;
  }

  /** Conflict when somebody else changed it since it was read. */
  async change(database: Database, change: DatabaseChange): Promise<Database> {
    const changed: Database = { ...database, ...change, version: database.version + 1 };
    await this.#commit(database.name, [databasePut(changed, database.version)]);
    await this.#announce(changed);
    return changed;
  }

  /** The end: the slot and the name become free. */
  async remove(database: Database): Promise<void> {
    const { accountId, name, hostId } = database;
    const version = database.version + 1;
    await this.#commit(name, [
      put(tombstone({ accountId, name }, version, this.#clock()), database.version),
      ...(hostId === null ? [] : [releaseSlot(hostId)]),
    ]);
    await this.#cache.changed(cacheKey(database), { version, record: null });
  }

  #announce(database: Database): Promise<void> {
    return this.#cache.changed(cacheKey(database), { version: database.version, record: database });
  }

  async #commit(name: string, items: readonly TransactionItem[]): Promise<void> {
    try {
      await transact(this.#dynamo, items);
    } catch (error) {
      if (error instanceof ConditionFailed) throw conflict(name, error);
      throw error;
    }
  }
}

function conflict(name: string, cause: unknown): Error {
  return apiError('Conflict', { what: `Database ${name}` }, { cause });
}

/** Ids have no slash, names may. */
function cacheKey({ accountId, name }: Pick<Database, 'accountId' | 'name'>): string {
  return `${accountId}/${name}`;
}

/** For the cache. */
export function loadDatabaseByCacheKey(dynamo: Dynamo, key: string): Promise<Entry<Database>> {
  const slash = key.indexOf('/');
  return loadDatabase(dynamo, key.slice(0, slash), key.slice(slash + 1));
}

async function loadDatabase(dynamo: Dynamo, accountId: string, name: string): Promise<Entry<Database>> {
  return entryOf(await readItem(dynamo, tables.databases, { accountId, name }), toDatabase);
}

function databasePut(database: Database, versionBefore: number): TransactionItem {
  const { hostId, ...item } = database;
  // A key of an index cannot be null.
  return put(hostId === null ? item : database, versionBefore);
}

function put(item: object, versionBefore: number): TransactionItem {
  const names = { '#version': 'version' };
  return {
    Put: {
      TableName: tables.databases,
      Item: { ...item },
      ExpressionAttributeNames: names,
      ...(versionBefore === 0
        ? { ConditionExpression: 'attribute_not_exists(#version)' }
        : { ConditionExpression: '#version = :before', ExpressionAttributeValues: { ':before': versionBefore } }),
    },
  };
}

function toDatabase(item: Item): Database {
  return { hostId: null, ...item } as unknown as Database;
}
