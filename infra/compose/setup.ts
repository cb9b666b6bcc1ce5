// Makes what the stacks make on AWS, where it is missing: tables in DynamoDB Local, queues and topic in the server that speaks SQS and SNS.

import { type RegionConfig, readReplicatorConfig } from '../../src/base/config.ts';
import { createDynamo } from '../../src/management/dynamo.ts';
import { ensureTables } from '../../src/management/tables.ts';
import { createSns, ensureTopic } from '../../src/management/topic.ts';
import { ensureFeedQueue } from '../../src/tasks/feed-queue.ts';
import { ensureIngestQueue } from '../../src/tasks/ingest-queue.ts';
import { createSqs, ensureQueues } from '../../src/tasks/queue.ts';

await setUp(readReplicatorConfig(process.env));

async function setUp({ region, dynamodbEndpoint, sqsEndpoint, snsEndpoint, topicArn }: RegionConfig): Promise<void> {
  const dynamo = createDynamo({ region, endpoint: dynamodbEndpoint });
  const sns = createSns({ region, endpoint: snsEndpoint });
  const sqs = createSqs({ region, endpoint: sqsEndpoint });
  await ensureTables(dynamo);
  const made = await ensureTopic(sns);
  if (made !== topicArn) throw new Error(`TSG_TOPIC_ARN is ${topicArn}, but the topic is ${made}`);
  await ensureQueues(sqs);
  await ensureFeedQueue(sqs, sns, made);
  await ensureIngestQueue(sqs, sns);
  for (const client of [dynamo, sns, sqs]) client.destroy();
}
