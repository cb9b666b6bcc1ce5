// The tables of the management data, each with the access patterns that it answers. No request path scans.

import { setTimeout as delay } from 'node:timers/promises';
import {
  CreateTableCommand,
  type CreateTableCommandInput,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  type DynamoDBClient,
  ResourceInUseException,
  ResourceNotFoundException,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb';
import { indexes, tables } from '../base/names.ts';

interface Key {
  readonly partition: string;
  readonly sort?: string;
}

interface TableDefinition {
  readonly name: string;
  readonly key: Key;
  readonly indexes: Readonly<Record<string, Key>>;
  /** Attribute (seconds since 1970) after which an item may be removed. */
  readonly timeToLive?: string;
}

/** Every key attribute is a string. An item without an index's key attributes is not in that index. */
export const tableDefinitions: readonly TableDefinition[] = [
  {
    // account by id; account by name: the item whose id is `name#<name>` holds the account's id and makes the name unique.
    // accounts by status and name. The item `count#<id>` has how many databases and owners an account has.
    name: tables.accounts,
    key: { partition: 'id' },
    indexes: { [indexes.accountsByStatus]: { partition: 'status', sort: 'name' } },
  },
  {
    // user of an account by id; users of an account; user by name: the item whose id is `name#<name>` makes the name unique.
    name: tables.users,
    key: { partition: 'accountId', sort: 'id' },
    indexes: {},
    timeToLive: 'goneAtS',
  },
  {
    // token by the hash of its secret; tokens of an account, one of them by id.
    name: tables.tokens,
    key: { partition: 'hash' },
    indexes: { [indexes.tokensByAccount]: { partition: 'accountId', sort: 'id' } },
    timeToLive: 'goneAtS',
  },
  {
    // database by account and name; databases of an account; database by id; databases of a host.
    name: tables.databases,
    key: { partition: 'accountId', sort: 'name' },
    indexes: {
      [indexes.databasesById]: { partition: 'id' },
      [indexes.databasesByHost]: { partition: 'hostId' },
    },
    timeToLive: 'goneAtS',
  },
  {
    // series by database and name; series of a database. The item `.`, which no series can be called, is about all of them (series-head.ts).
    name: tables.series,
    key: { partition: 'databaseId', sort: 'name' },
    indexes: {},
    timeToLive: 'goneAtS',
  },
  {
    // host by id; hosts of a region.
    name: tables.hosts,
    key: { partition: 'id' },
    indexes: { [indexes.hostsByRegion]: { partition: 'region' } },
  },
  {
    // task by id; tasks of an account, newest first; unfinished tasks of a region by the time at which the sweeper must look at them.
    name: tables.tasks,
    key: { partition: 'id' },
    indexes: {
      [indexes.tasksByAccount]: { partition: 'accountId', sort: 'createdAt' },
      [indexes.tasksDue]: { partition: 'dueIn', sort: 'dueAt' },
    },
    timeToLive: 'goneAtS',
  },
  {
    // what was done to an account, newest first, within a time range.
    name: tables.audit,
    key: { partition: 'accountId', sort: 'place' },
    indexes: {},
    timeToLive: 'goneAtS',
  },
  {
    // totals of processes (work#day#database#boot) and sizes (stored#day#database) of an account, by day.
    name: tables.usage,
    key: { partition: 'accountId', sort: 'entry' },
    indexes: {},
    timeToLive: 'goneAtS',
  },
  {
    // events that are not published yet, by shard, the oldest first; leases (shard `lease`).
    name: tables.outbox,
    key: { partition: 'shard', sort: 'at' },
    indexes: {},
  },
];

/** Creates what is missing and waits until all tables answer. */
export async function ensureTables(dynamo: DynamoDBClient): Promise<void> {
  await Promise.all(tableDefinitions.map((definition) => ensureTable(dynamo, definition)));
}

async function ensureTable(dynamo: DynamoDBClient, definition: TableDefinition): Promise<void> {
  const { name, timeToLive } = definition;
  if ((await tableStatus(dynamo, name)) === undefined) {
    try {
      await dynamo.send(new CreateTableCommand(createTableInput(definition)));
    } catch (error) {
      if (!(error instanceof ResourceInUseException)) throw error;
    }
  }
  // Seconds on AWS, at once locally.
  while ((await tableStatus(dynamo, name)) !== 'ACTIVE') await delay(250);
  if (timeToLive !== undefined) await ensureTimeToLive(dynamo, name, timeToLive);
}

async function ensureTimeToLive(dynamo: DynamoDBClient, name: string, attribute: string): Promise<void> {
  const { TimeToLiveDescription } = await dynamo.send(new DescribeTimeToLiveCommand({ TableName: name }));
  if (TimeToLiveDescription?.AttributeName === attribute) return;
  await dynamo.send(
    new UpdateTimeToLiveCommand({
      TableName: name,
      TimeToLiveSpecification: { Enabled: true, AttributeName: attribute },
    }),
  );
}

async function tableStatus(dynamo: DynamoDBClient, name: string): Promise<string | undefined> {
  try {
    const { Table } = await dynamo.send(new DescribeTableCommand({ TableName: name }));
    return Table?.TableStatus;
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return undefined;
    throw error;
  }
}

function createTableInput(definition: TableDefinition): CreateTableCommandInput {
  const keys = [definition.key, ...Object.values(definition.indexes)];
  const attributes = new Set(
    keys.flatMap(({ partition, sort }) => (sort === undefined ? [partition] : [partition, sort])),
  );
  const secondary = Object.entries(definition.indexes);
  return {
    TableName: definition.name,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [...attributes].map((name) => ({ AttributeName: name, AttributeType: 'S' })),
    KeySchema: keySchema(definition.key),
    ...(secondary.length > 0 && {
      GlobalSecondaryIndexes: secondary.map(([name, key]) => ({
        IndexName: name,
        KeySchema: keySchema(key),
        Projection: { ProjectionType: 'ALL' },
      })),
    }),
  };
}

function keySchema({ partition, sort }: Key): NonNullable<CreateTableCommandInput['KeySchema']> {
  return [
    { AttributeName: partition, KeyType: 'HASH' },
    ...(sort === undefined ? [] : [{ AttributeName: sort, KeyType: 'RANGE' as const }]),
  ];
}
