import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import {
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { queues } from '../../src/base/names.ts';
import { currentLine } from '../../src/base/trace.ts';
import { createSqs, ensureQueues, type SentTask, TaskQueue } from '../../src/tasks/queue.ts';
import { TaskConsumer } from '../../workers/task-consumer.ts';
import { InvalidMessage } from '../../workers/task-message.ts';
import { region, silent } from '../management/region.ts';
import { startFauxqs, type TestServer } from '../servers.ts';
import { until } from '../until.ts';

async function consume(
  t: TestContext,
  run: (taskId: string) => Promise<unknown>,
): Promise<{ fauxqs: TestServer; sqs: SQSClient; queue: TaskQueue; consumer: TaskConsumer }> {
  const fauxqs = await startFauxqs();
  t.after(fauxqs.stop);
  const sqs = createSqs({ region, endpoint: fauxqs.endpoint });
  await ensureQueues(sqs);
  const queue = new TaskQueue(sqs);
  const consumer = new TaskConsumer({
    sqs,
    queueUrl: await queue.url('interactive'),
    run: async ({ taskId }) => {
      await run(taskId);
      return true;
    },
    make: async ({ requestedBy }) => {
      if (requestedBy === 'nobody') throw new InvalidMessage('nobody\u0000 ☂');
    },
    log: silent,
  });
  consumer.start();
  t.after(async () => {
    await consumer.stop();
    sqs.destroy();
  });
  return { fauxqs, sqs, queue, consumer };
}

function sent(id: string): SentTask {
  return { id, kind: 'provision', sends: 0, traceparent: null };
}

test('each task is run, several at once, in its trace', async (t) => {
  const ids = ['t1', 't2', 't3'];
  const traceId = '0af7651916cd43dd8448eb211c80319c';
  const running = new Set<string>();
  const traces = new Set<string | undefined>();
  const all = Promise.withResolvers<void>();
  const { queue } = await consume(t, async (taskId) => {
    running.add(taskId);
    traces.add(currentLine()?.['traceId']);
    if (running.size === ids.length) all.resolve();
    await all.promise;
  });
  for (const id of ids) await queue.sendTask({ ...sent(id), traceparent: `00-${traceId}-b7ad6b7169203331-01` });
  await all.promise;
  assert.deepEqual([...running].toSorted(), ids);
  assert.deepEqual([...traces], [traceId]);
});

test('what is no task message goes to the dead letters with the reason, and the others are run', async (t) => {
  const ran: string[] = [];
  const { sqs, queue } = await consume(t, async (taskId) => void ran.push(taskId));
  const bodies = [
    'not json',
    '[]',
    '{}',
    '{"taskId":7}',
    '{"taskId":""}',
    '{"taskId":"t","more":1}',
    '{"taskId":null}',
    'null',
    '{"taskId":"t","send":-1}',
    `{"taskId":"${'t'.repeat(201)}"}`,
    '{"kind":"backup"}',
    '{"kind":"no-such","database":null,"params":{},"requestedBy":"ann"}',
    '{"kind":"backup","database":"plant","params":{},"requestedBy":"ann"}',
    '{"kind":"backup","database":7,"params":{},"requestedBy":"ann"}',
    '{"kind":"backup","database":null,"params":"all","requestedBy":"ann"}',
    '{"kind":"backup","database":null,"params":{},"requestedBy":""}',
    '{"kind":"backup","database":null,"params":{},"requestedBy":"nobody"}',
    '{"kind":"__proto__","database":null,"params":{},"requestedBy":"ann"}',
    `{"kind":"backup","database":null,"params":{"a":"${'a'.repeat(40_000)}"},"requestedBy":"ann"}`,
    `{"kind":"backup","database":null,"params":${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)},"requestedBy":"nobody"}`,
  ];
  const QueueUrl = await queue.url('interactive');
  for (const MessageBody of bodies) await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody }));
  await queue.sendTask(sent('good'));
  await until('the good one ran', () => ran.length > 0);
  const { QueueUrl: dead } = await sqs.send(new GetQueueUrlCommand({ QueueName: queues.tasksDead }));
  const found = new Map<string, string>();
  await until('all are there', async () => {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl: dead, MaxNumberOfMessages: 10, MessageAttributeNames: ['All'] }),
    );
    for (const { Body, MessageAttributes } of Messages) found.set(Body!, MessageAttributes!['reason']!.StringValue!);
    return found.size === bodies.length;
  });
  assert.deepEqual([...found.keys()].toSorted(), bodies.toSorted());
  for (const reason of found.values())
    assert.match(reason, /^(not a (task message|wish for a task): |the message has \d+ bytes|nobody\? \?$)/);
  assert.deepEqual(ran, ['good']);
});

test('stopping waits for what is in hand, and takes nothing more', async (t) => {
  const gate = Promise.withResolvers<void>();
  const ran: string[] = [];
  const { sqs, queue, consumer } = await consume(t, async (taskId) => {
    ran.push(taskId);
    await gate.promise;
  });
  await queue.sendTask(sent('t1'));
  await until('it is in hand', () => ran.length === 1);
  let stopped = false;
  const stopping = consumer.stop().then(() => {
    stopped = true;
  });
  await queue.sendTask(sent('t2'));
  assert.equal(stopped, false);
  gate.resolve();
  await stopping;
  assert.deepEqual(ran, ['t1']);
  // The first one was deleted, the second one is still there (perhaps on its way to a poll that was given up).
  const AttributeNames = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'] as const;
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: await queue.url('interactive'), AttributeNames: [...AttributeNames] }),
  );
  assert.equal(
    AttributeNames.map((name) => Number(Attributes![name])).reduce((x, y) => x + y),
    1,
  );
});

test('a queue that goes away and comes back empty is consumed again', async (t) => {
  const ran: string[] = [];
  const { fauxqs, sqs, queue } = await consume(t, async (taskId) => void ran.push(taskId));
  await queue.sendTask(sent('t1'));
  await until('the first one ran', () => ran.includes('t1'));
  await fauxqs.stop();
  await assert.rejects(queue.sendTask(sent('t2')));
  const next = await startFauxqs(Number(new URL(fauxqs.endpoint).port));
  await ensureQueues(sqs);
  await queue.sendTask(sent('t3'));
  await until('the last one ran', () => ran.includes('t3'));
  t.after(next.stop);
});
