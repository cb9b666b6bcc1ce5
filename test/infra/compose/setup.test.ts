import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { GetQueueUrlCommand } from '@aws-sdk/client-sqs';
import { queues, tables } from '../../../src/base/names.ts';
import { createDynamo } from '../../../src/management/dynamo.ts';
import { createSqs } from '../../../src/tasks/queue.ts';
import { startDynoxide, startFauxqsProcess } from '../../servers.ts';

const run = promisify(execFile);
const folder = join(import.meta.dirname, '..', '..', '..', 'infra', 'compose');
const region = 'eu-west-1';

test('the set-up makes every table and queue, and may run again', async (t) => {
  const [dynamodb, fauxqs] = await Promise.all([startDynoxide(), startFauxqsProcess()]);
  t.after(() => Promise.all([dynamodb.stop(), fauxqs.stop()]));
  const setUp = (topicArn: string) =>
    run(process.execPath, [join(folder, 'setup.ts')], {
      env: {
        TSG_REGION: region,
        TSG_ZONE: 'a',
        TSG_DYNAMODB_ENDPOINT: dynamodb.endpoint,
        TSG_SQS_ENDPOINT: fauxqs.endpoint,
        TSG_SNS_ENDPOINT: fauxqs.endpoint,
        TSG_TOPIC_ARN: topicArn,
        TSG_OBJECT_STORE: 's3://unused',
      },
    });
  for (let times = 0; times < 2; times++) await setUp(`arn:aws:sns:${region}:000000000000:tsg-changes`);

  const dynamo = createDynamo({ region, endpoint: dynamodb.endpoint });
  const sqs = createSqs({ region, endpoint: fauxqs.endpoint });
  t.after(() => {
    dynamo.destroy();
    sqs.destroy();
  });
  const { TableNames } = await dynamo.send(new ListTablesCommand({}));
  assert.deepEqual(TableNames!.sort(), Object.values(tables).sort());
  for (const QueueName of Object.values(queues)) await sqs.send(new GetQueueUrlCommand({ QueueName }));

  await assert.rejects(setUp('arn:aws:sns:eu-west-1:1:other'), /TSG_TOPIC_ARN is arn:aws:sns:eu-west-1:1:other/);
});

test('a health check fails where nothing answers', async () => {
  await assert.rejects(run(process.execPath, [join(folder, 'answers.ts'), 'http://127.0.0.1:1/']));
});
