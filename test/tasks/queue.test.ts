import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { GetQueueAttributesCommand, GetQueueUrlCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { queues } from '../../src/base/names.ts';
import { createTasks } from '../../src/tasks/index.ts';
import { createSqs, ensureQueues, TaskQueue } from '../../src/tasks/queue.ts';
import { region, silent } from '../management/region.ts';
import { freePort, startFauxqs } from '../servers.ts';

const fauxqs = await startFauxqs();
after(fauxqs.stop);
const sqs = createSqs({ region, endpoint: fauxqs.endpoint });
after(() => sqs.destroy());

test('the queues are created once, and what fails too often goes to the dead letters', async () => {
  await ensureQueues(sqs);
  await ensureQueues(sqs);
  const attributes = async (name: string): Promise<Record<string, string>> => {
    const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: name }));
    return (await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }))).Attributes!;
  };
  const dead = await attributes(queues.tasksDead);
  const redrive = JSON.parse((await attributes(queues.tasks))['RedrivePolicy']!);
  assert.equal(redrive.deadLetterTargetArn, dead['QueueArn']);
  assert.ok(Number(redrive.maxReceiveCount) > 1);
});

test('a task is announced by its id', async () => {
  const queue = new TaskQueue(sqs);
  await queue.check();
  await queue.sendTask('task-1');
  await queue.sendTask('task-2', 60_000);
  const { Messages } = await sqs.send(
    new ReceiveMessageCommand({ QueueUrl: await queue.url(), MaxNumberOfMessages: 10 }),
  );
  assert.deepEqual(
    Messages?.map(({ Body }) => Body),
    ['{"taskId":"task-1"}'],
  );
});

test('a task is announced in its own region', async (t) => {
  const abroad = createSqs({ region: 'us-west-1', endpoint: fauxqs.endpoint });
  t.after(() => abroad.destroy());
  await ensureQueues(abroad);
  const tasks = createTasks({ sqsEndpoint: fauxqs.endpoint });
  t.after(() => tasks.close());
  await tasks.announce({ id: 'task-abroad', region: 'us-west-1' } as never, silent);
  const received = async (client: typeof sqs): Promise<(string | undefined)[]> => {
    const QueueUrl = await new TaskQueue(client).url();
    const { Messages } = await client.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }));
    return (Messages ?? []).map(({ Body }) => Body);
  };
  assert.deepEqual(await received(abroad), ['{"taskId":"task-abroad"}']);
  assert.deepEqual(await received(sqs), []);
});

test('an announcement that fails is nobody else’s trouble', async () => {
  const tasks = createTasks({ sqsEndpoint: `http://127.0.0.1:${await freePort()}` });
  await tasks.announce({ id: 'task-1', region } as never, silent);
  tasks.close();
});

test('a queue that is not there yet is found later', async (t) => {
  const port = await freePort();
  const client = createSqs({ region, endpoint: `http://127.0.0.1:${port}` });
  t.after(() => client.destroy());
  const queue = new TaskQueue(client);
  await assert.rejects(queue.check());
  const late = await startFauxqs(port);
  t.after(late.stop);
  await assert.rejects(queue.check());
  await ensureQueues(client);
  await queue.check();
});
