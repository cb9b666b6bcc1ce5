// DynamoDB as the entity files use it: consistent reads, conditional writes, queries. Its failures become three kinds:
// ConditionFailed (somebody else was first), MetadataUnavailable (it does not answer), and the rest, which are our mistakes.

import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  ConditionalCheckFailedException,
  DynamoDBClient,
  TransactionCanceledException,
} from '@aws-sdk/client-dynamodb';
import {
  BatchGetCommand,
  type BatchGetCommandInput,
  type BatchGetCommandOutput,
  DeleteCommand,
  DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  type QueryCommandInput,
  TransactWriteCommand,
  type TransactWriteCommandInput,
  UpdateCommand,
  type UpdateCommandInput,
} from '@aws-sdk/lib-dynamodb';
import { apiError } from '../base/errors.ts';

export type Dynamo = DynamoDBDocumentClient;
export type Item = Record<string, unknown>;
export type TransactionItem = NonNullable<TransactWriteCommandInput['TransactItems']>[number];

/** A condition did not hold, so nothing was written. */
export class ConditionFailed extends Error {
  /** Which writes of the transaction were refused; one entry for a single write. */
  readonly refused: readonly boolean[];

  constructor(refused: readonly boolean[], cause: unknown) {
    super('a condition of the write did not hold', { cause });
    this.refused = refused;
  }
}

/** An endpoint means a local DynamoDB, which takes any credentials; without one the environment's are used. */
export function createDynamo({ region, endpoint }: { region: string; endpoint: string | undefined }): Dynamo {
  const client = new DynamoDBClient({
    region,
    maxAttempts: 3,
    requestHandler: { connectionTimeout: 1_000, requestTimeout: 2_000, throwOnRequestTimeout: true },
    ...(endpoint !== undefined && { endpoint, credentials: { accessKeyId: 'local', secretAccessKey: 'local' } }),
  });
  return DynamoDBDocumentClient.from(client);
}

/** Counts what is sent from now on. */
export function countCalls(dynamo: Dynamo): { readonly count: number } {
  const calls = { count: 0 };
  dynamo.middlewareStack.add(
    (next) => (args) => {
      calls.count += 1;
      return next(args);
    },
    { step: 'initialize', name: `count-${randomUUID()}` },
  );
  return calls;
}

export async function readItem(dynamo: Dynamo, table: string, key: Item): Promise<Item | undefined> {
  const { Item: item } = await guarded(() =>
    dynamo.send(new GetCommand({ TableName: table, Key: key, ConsistentRead: true })),
  );
  return item;
}

/** Those of up to a hundred keys that are there, in any order. */
export async function readItems(dynamo: Dynamo, table: string, keys: readonly Item[]): Promise<Item[]> {
  const items: Item[] = [];
  let wanted: BatchGetCommandInput['RequestItems'] =
    keys.length > 0 ? { [table]: { Keys: [...keys], ConsistentRead: true } } : {};
  // DynamoDB leaves out what is beyond 16 MB or its capacity.
  while (wanted?.[table]) {
    const request: BatchGetCommandInput['RequestItems'] = wanted;
    const page: BatchGetCommandOutput = await guarded(() =>
      dynamo.send(new BatchGetCommand({ RequestItems: request })),
    );
    items.push(...(page.Responses?.[table] ?? []));
    wanted = page.UnprocessedKeys;
  }
  return items;
}

/** What one call gives: a megabyte at most. `lastKey` is where it ended; undefined: at the end. */
export async function queryOnce(
  dynamo: Dynamo,
  query: QueryCommandInput,
): Promise<{ items: Item[]; lastKey: Item | undefined }> {
  const { Items = [], LastEvaluatedKey } = await guarded(() => dynamo.send(new QueryCommand(query)));
  return { items: Items, lastKey: LastEvaluatedKey };
}

/** Up to `limit` items; all of them, over as many pages as it takes, without one. */
export async function queryItems(
  dynamo: Dynamo,
  query: QueryCommandInput,
  limit = Number.POSITIVE_INFINITY,
): Promise<Item[]> {
  const items: Item[] = [];
  let start: Item | undefined;
  do {
    const page = await queryOnce(dynamo, { ...query, ...(start && { ExclusiveStartKey: start }) });
    items.push(...page.items);
    start = page.lastKey;
  } while (start !== undefined && items.length < limit);
  return items.slice(0, limit);
}

/** How many items a query would give. */
export async function countItems(dynamo: Dynamo, query: QueryCommandInput): Promise<number> {
  let count = 0;
  let start: Item | undefined;
  do {
    const page = await guarded(() =>
      dynamo.send(new QueryCommand({ ...query, Select: 'COUNT', ...(start && { ExclusiveStartKey: start }) })),
    );
    count += page.Count ?? 0;
    start = page.LastEvaluatedKey;
  } while (start !== undefined);
  return count;
}

export async function putItem(
  dynamo: Dynamo,
  table: string,
  item: Item,
  condition: { readonly expression: string; readonly names?: Record<string, string>; readonly values?: Item },
): Promise<void> {
  await guarded(() =>
    dynamo.send(
      new PutCommand({
        TableName: table,
        Item: item,
        ConditionExpression: condition.expression,
        ...(condition.names && { ExpressionAttributeNames: condition.names }),
        ...(condition.values && { ExpressionAttributeValues: condition.values }),
      }),
    ),
  );
}

export async function deleteItem(
  dynamo: Dynamo,
  table: string,
  key: Item,
  condition: { readonly expression: string; readonly values: Item },
): Promise<void> {
  await guarded(() =>
    dynamo.send(
      new DeleteCommand({
        TableName: table,
        Key: key,
        ConditionExpression: condition.expression,
        ExpressionAttributeValues: condition.values,
      }),
    ),
  );
}

/** Gives the item as it is after the update. */
export async function updateItem(dynamo: Dynamo, update: UpdateCommandInput): Promise<Item> {
  const { Attributes } = await guarded(() => dynamo.send(new UpdateCommand({ ...update, ReturnValues: 'ALL_NEW' })));
  return Attributes ?? {};
}

/** SET clauses for `values`, with every name and value behind a placeholder: many of DynamoDB's reserved words are names of ours. */
export function assignments(
  values: Item,
): Pick<UpdateCommandInput, 'ExpressionAttributeNames' | 'ExpressionAttributeValues'> & { set: string } {
  const names = Object.keys(values);
  return {
    set: names.map((name) => `#${name} = :${name}`).join(', '),
    ExpressionAttributeNames: Object.fromEntries(names.map((name) => [`#${name}`, name])),
    ExpressionAttributeValues: Object.fromEntries(names.map((name) => [`:${name}`, values[name]])),
  };
}

/** All of it or nothing. The request token makes the SDK's own retries harmless. */
export async function transact(dynamo: Dynamo, items: readonly TransactionItem[]): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await guarded(() =>
        dynamo.send(new TransactWriteCommand({ TransactItems: [...items], ClientRequestToken: randomUUID() })),
      );
      return;
    } catch (error) {
      // Another transaction held one of the items: not an answer to the conditions yet.
      if (!isTransactionConflict(error)) throw error;
      if (attempt === 5) throw apiError('MetadataUnavailable', {}, { cause: error });
      await delay(10 * 2 ** attempt * (0.5 + Math.random()));
    }
  }
}

async function guarded<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) throw new ConditionFailed([true], error);
    if (error instanceof TransactionCanceledException) {
      const refused = (error.CancellationReasons ?? []).map(({ Code }) => Code === 'ConditionalCheckFailed');
      if (refused.includes(true)) throw new ConditionFailed(refused, error);
      if (!isTransactionConflict(error)) throw error;
    }
    if (isPassing(error)) throw apiError('MetadataUnavailable', {}, { cause: error });
    throw error;
  }
}

function isTransactionConflict(error: unknown): boolean {
  return (
    error instanceof TransactionCanceledException &&
    (error.CancellationReasons ?? []).some(({ Code }) => Code === 'TransactionConflict')
  );
}

const passingCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);
const passingNames = new Set([
  'TimeoutError',
  'ThrottlingException',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
]);

/** The store is away, slow or throttles: the same call may succeed in a moment. */
function isPassing(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code, $metadata } = error as { code?: string; $metadata?: { httpStatusCode?: number } };
  return passingCodes.has(code ?? '') || passingNames.has(error.name) || ($metadata?.httpStatusCode ?? 0) >= 500;
}
