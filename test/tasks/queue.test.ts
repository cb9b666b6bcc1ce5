import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { GetQueueAttributesCommand, GetQueueUrlCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { queues } from '../../src/base/names.ts';
import type { TaskKind } from '../../src/management/records.ts';
import { createTasks } from '../../src/tasks/index.ts';
import { createSqs, ensureQueues, type SentTask, TaskQueue } from '../../src/tasks/queue.ts';
import { region, silent } from '../management/region.ts';
import { freePort, startFauxqs } from '../servers.ts';

const fauxqs = await startFauxqs();
after(fauxqs.stop);
const sqs = createSqs({ region, endpoint: fauxqs.endpoint });
after(() => sqs.destroy());

function sent(id: string, kind: TaskKind): SentTask {
  return { id, kind, sends: 3, traceparent: null };
}

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
  await queue.depths();
  await queue.sendTask({ ...sent('task-1', 'provision'), traceparent: 'its trace' });
  await queue.sendTask(sent('task-2', 'provision'), 60_000);
  await queue.sendTasks(Array.from({ length: 25 }, (_, i) => sent(`import-${i}`, 'import')));
  const { Messages } = await sqs.send(
    new ReceiveMessageCommand({
      QueueUrl: await queue.url('interactive'),
      MaxNumberOfMessages: 10,
      MessageAttributeNames: ['All'],
    }),
  );
  assert.deepEqual(
    Messages?.map(({ Body, MessageAttributes }) => [Body, MessageAttributes?.['traceparent']?.StringValue]),
    [['{"taskId":"task-1","send":3}', 'its trace']],
  );
  // Interactive ones never wait behind bulk ones.
  assert.deepEqual(await queue.depths(), { interactive: 2, bulk: 25 });
});

test('a task is announced in its own region', async (t) => {
  const abroad = createSqs({ region: 'us-west-1', endpoint: fauxqs.endpoint });
  t.after(() => abroad.destroy());
  await ensureQueues(abroad);
  const tasks = createTasks({ sqsEndpoint: fauxqs.endpoint });
  t.after(() => tasks.close());
  await tasks.announce({ ...sent('task-abroad', 'provision'), region: 'us-west-1' } as never, silent);
  const received = async (client: typeof sqs): Promise<(string | undefined)[]> => {
    const QueueUrl = await new TaskQueue(client).url('interactive');
    const { Messages } = await client.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }));
    return (Messages ?? []).map(({ Body }) => Body);
  };
  assert.deepEqual(await received(abroad), ['{"taskId":"task-abroad","send":3}']);
  assert.deepEqual(await received(sqs), []);
});

test('an announcement that fails is nobody else’s trouble', async () => {
  const tasks = createTasks({ sqsEndpoint: `http://127.0.0.1:${await freePort()}` });
  await tasks.announce({ ...sent('task-1', 'provision'), region } as never, silent);
  tasks.close();
});

test('a queue that is not there yet is found later', async (t) => {
  const port = await freePort();
  const client = createSqs({ region, endpoint: `http://127.0.0.1:${port}` });
  t.after(() => client.destroy());
  const queue = new TaskQueue(client);
  await assert.rejects(queue.depths());
  const late = await startFauxqs(port);
  t.after(late.stop);
  await assert.rejects(queue.depths());
  await ensureQueues(client);
  await queue.depths();
});
