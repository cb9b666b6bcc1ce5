// Lists that may be long are read page by page: DynamoDB ends one after a megabyte.

import { type Dynamo, type Item, queryOnce } from './dynamo.ts';

export interface Page<T> {
  readonly records: readonly T[];
  /** Where the next one begins: `after`; null at the end. A page may be empty and not the last. */
  readonly next: string | null;
}

export interface PageQuery {
  readonly table: string;
  readonly index?: string;
  readonly partition: readonly [attribute: string, value: string];
  /** The sort key, whose values `after` and `next` are. */
  readonly sort: string;
  readonly after: string | undefined;
  readonly filter?: string;
}

/** In the order of the sort key. */
export async function queryPage<T>(dynamo: Dynamo, query: PageQuery, toRecord: (item: Item) => T): Promise<Page<T>> {
  const { table, index, partition, sort, after, filter } = query;
  const { items, lastKey } = await queryOnce(dynamo, {
    TableName: table,
    KeyConditionExpression: `#partition = :partition${after === undefined ? '' : ' AND #sort > :after'}`,
    ExpressionAttributeNames: { '#partition': partition[0], ...(after !== undefined && { '#sort': sort }) },
    ExpressionAttributeValues: { ':partition': partition[1], ...(after !== undefined && { ':after': after }) },
    ...(filter !== undefined && { FilterExpression: filter }),
    ...(index === undefined ? { ConsistentRead: true } : { IndexName: index }),
  });
  return { records: items.map(toRecord), next: lastKey === undefined ? null : (lastKey[sort] as string) };
}
