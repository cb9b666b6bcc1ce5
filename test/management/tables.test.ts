import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { DescribeTableCommand, DescribeTimeToLiveCommand, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { indexes, tables } from '../../src/base/names.ts';
import { createDynamo } from '../../src/management/dynamo.ts';
import { ensureTables, type Key, tableDefinitions } from '../../src/management/tables.ts';
import { startDynoxide } from '../servers.ts';

const dynoxide = await startDynoxide();
after(() => dynoxide.stop());
const dynamo = createDynamo({ region: 'eu-west-1', endpoint: dynoxide.endpoint });
after(() => dynamo.destroy());

test('every named table and index is created, again and at the same time without harm', async () => {
  await Promise.all([ensureTables(dynamo), ensureTables(dynamo)]);
  await ensureTables(dynamo);
  const { TableNames } = await dynamo.send(new ListTablesCommand({}));
  assert.deepEqual(TableNames?.toSorted(), Object.values(tables).toSorted());
  const described = await Promise.all(
    Object.values(tables).map((name) => dynamo.send(new DescribeTableCommand({ TableName: name }))),
  );
  const secondary = described.flatMap(({ Table }) => Table?.GlobalSecondaryIndexes ?? []);
  assert.deepEqual(secondary.map(({ IndexName }) => IndexName).toSorted(), Object.values(indexes).toSorted());
  assert.ok(described.every(({ Table }) => Table?.BillingModeSummary?.BillingMode === 'PAY_PER_REQUEST'));
});

test('README.md has every table and index with its key', () => {
  const readme = readFileSync(join(import.meta.dirname, '../../src/management/README.md'), 'utf8');
  const written = readme
    .matchAll(/^\| (↳ )?`([\w-]+)` \| (`[^|]+`) \|/gm)
    .map(([, index = '', name, key]) => index + name + key);
  const row = (name: string, { partition, sort }: Key): string =>
    `${name}\`${partition}\`${sort === undefined ? '' : `, \`${sort}\``}`;
  const defined = tableDefinitions.flatMap(({ name, key, indexes }) => [
    row(name, key),
    ...Object.entries(indexes).map(([index, indexKey]) => row(`↳ ${index}`, indexKey)),
  ]);
  assert.deepEqual([...written], defined);
});

/** One item per account and host there ever was; the outbox and the backups are emptied by whoever fills them. */
const forGood: readonly string[] = [tables.accounts, tables.hosts, tables.outbox, tables.backups, tables.schedules];

test('no other table grows for ever: what is over goes away by itself', async () => {
  for (const name of Object.values(tables)) {
    const { TimeToLiveDescription } = await dynamo.send(new DescribeTimeToLiveCommand({ TableName: name }));
    assert.equal(TimeToLiveDescription?.AttributeName, forGood.includes(name) ? undefined : 'goneAtS', name);
  }
});
