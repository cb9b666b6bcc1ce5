// The tables of the management data. README.md says what each key and index is for; a test holds the two together.

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

export interface Key {
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
    name: tables.accounts,
    key: { partition: 'id' },
    indexes: { [indexes.accountsByStatus]: { partition: 'status', sort: 'name' } },
  },
  {
    name: tables.users,
    key: { partition: 'accountId', sort: 'id' },
    indexes: {},
    timeToLive: 'goneAtS',
  },
  {
    name: tables.tokens,
    key: { partition: 'hash' },
    indexes: { [indexes.tokensByAccount]: { partition: 'accountId', sort: 'id' } },
    timeToLive: 'goneAtS',
  },
  {
    name: tables.databases,
    key: { partition: 'accountId', sort: 'name' },
    indexes: {
      [indexes.databasesById]: { partition: 'id' },
      [indexes.databasesByHost]: { partition: 'hostId' },
    },
    timeToLive: 'goneAtS',
  },
  {
    name: tables.series,
    key: { partition: 'databaseId', sort: 'name' },
    indexes: {},
    timeToLive: 'goneAtS',
  },
  {
    name: tables.hosts,
    key: { partition: 'id' },
    indexes: { [indexes.hostsByRegion]: { partition: 'region' } },
  },
  {
    name: tables.tasks,
    key: { partition: 'id' },
    indexes: {
      [indexes.tasksByAccount]: { partition: 'accountId', sort: 'createdAt' },
      [indexes.tasksDue]: { partition: 'dueIn', sort: 'dueAt' },
      [indexes.tasksPending]: { partition: 'pendingOf', sort: 'createdAt' },
    },
    timeToLive: 'goneAtS',
  },
  {
    name: tables.schedules,
    key: { partition: 'databaseId', sort: 'name' },
    indexes: { [indexes.schedulesDue]: { partition: 'region', sort: 'dueAt' } },
  },
  {
    name: tables.backups,
    key: { partition: 'databaseId', sort: 'id' },
    indexes: { [indexes.backupsByAccount]: { partition: 'accountId', sort: 'id' } },
  },
  {
    name: tables.audit,
    key: { partition: 'accountId', sort: 'place' },
    indexes: {},
    timeToLive: 'goneAtS',
  },
  {
    name: tables.usage,
    key: { partition: 'accountId', sort: 'entry' },
    indexes: {},
    timeToLive: 'goneAtS',
  },
  {
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
