import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { CreateQueueCommand, ReceiveMessageCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { buildApp } from 'fauxqs';
import { returnFromDeadPolls } from '../../../infra/local/dead-polls.ts';
import { createSqs } from '../../../src/tasks/queue.ts';
import { until } from '../../until.ts';

test('a message that a dead poll is given goes to the next one at once', async (t) => {
  const app = buildApp({ logger: false, defaultRegion: 'eu-west-1' });
  t.after(() => app.close());
  returnFromDeadPolls(app);
  let polls = 0;
  app.addHook('preHandler', async ({ headers }) => {
    if (headers['x-amz-target'] === 'AmazonSQS.ReceiveMessage') polls++;
  });
  const endpoint = await app.listen({ port: 0, host: '127.0.0.1' });
  const sqs = createSqs({ region: 'eu-west-1', endpoint });
  t.after(() => sqs.destroy());
  const { QueueUrl } = await sqs.send(
    new CreateQueueCommand({ QueueName: 'q', Attributes: { VisibilityTimeout: '600' } }),
  );
  const headers = { 'Content-Type': 'application/x-amz-json-1.0', 'X-Amz-Target': 'AmazonSQS.ReceiveMessage' };
  const dead = request(endpoint, { method: 'POST', headers }).on('error', () => {});
  dead.end(JSON.stringify({ QueueUrl, WaitTimeSeconds: 20, MaxNumberOfMessages: 10 }));
  await until('it polls', () => polls === 1);
  dead.destroy();
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'a' }));
  const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 5 }));
  assert.equal(Messages?.[0]?.Body, 'a');
});
