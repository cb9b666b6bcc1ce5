// The queues of tasks: what anybody who may write there can put there, messages that come again, and an end of everything.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { readWorkerConfig } from '../../../src/base/config.ts';
import { queues } from '../../../src/base/names.ts';
import { theService } from '../../../src/management/audit.ts';
import { createDynamo } from '../../../src/management/dynamo.ts';
import { createManagement, type Management } from '../../../src/management/index.ts';
import { createSqs, TaskQueue, taskQueueNames } from '../../../src/tasks/queue.ts';
import { putTasks } from '../../management/pending-tasks.ts';
import { silent } from '../../management/region.ts';
import { until } from '../../until.ts';
import { type LocalRegion, startRegion } from '../region.ts';
import { Service } from '../service.ts';
import { Worker } from './more-processes.ts';

const pending = 1_000;

let region: LocalRegion;
let service: Service;

before(async () => {
  region = await startRegion();
  service = new Service(region.url, region.adminToken);
  await service.database('plant');
  await service.write('plant', 'm v=1 1');
});
after(() => region?.stop());

async function withSqs<T>(work: (sqs: SQSClient) => Promise<T>): Promise<T> {
  const sqs = createSqs({ region: 'eu-west-1', endpoint: region.environment()['TSG_SQS_ENDPOINT'] });
  try {
    return await work(sqs);
  } finally {
    sqs.destroy();
  }
}

test('poison and hostile messages go to the dead letters with their reasons, and tasks go on', async () => {
  const { json } = await service.ask('/v1/databases');
  assert.equal(json.databases.length, 1);
  const [databaseId] = Object.keys(region.pids().databases);
  const wish = { kind: 'backup', database: databaseId, params: {}, requestedBy: 'test' };
  const hostile: readonly (readonly [body: string, reason: RegExp])[] = [
    ['not json', /not a task message/],
    [`{"taskId":"${'t'.repeat(10_000)}"}`, /not a task message/],
    ['{"taskId":"no-such-task"}', /there is no task/],
    ['{"taskId":"../../etc/passwd"}', /there is no task/],
    [JSON.stringify({ ...wish, kind: 'constructor' }), /not a wish/],
    [JSON.stringify({ ...wish, kind: 'provision' }), /asked for by/],
    [JSON.stringify({ ...wish, database: 'db-00000000000000000000' }), /no database/],
    [JSON.stringify({ ...wish, params: { full: 'yes' } }), /full must be boolean/],
    [JSON.stringify({ ...wish, params: { reason: '$(reboot)' } }), /reason must be/],
    [JSON.stringify({ ...wish, params: { keepDays: -1 } }), /keepDays must be/],
    [JSON.stringify({ ...wish, kind: 'export', params: { series: '../m' } }), /must have required|must be|must NOT/],
    [
      JSON.stringify({ ...wish, kind: 'import', params: { source: { object: '../../x' } } }),
      /source.object must match/,
    ],
    [`{"__proto__":{"admin":true},"kind":"backup"}`, /not a/],
  ];
  await withSqs(async (sqs) => {
    const urls = await Promise.all(taskQueueNames.map((name) => new TaskQueue(sqs).url(name)));
    for (const [i, [MessageBody]] of hostile.entries())
      await sqs.send(new SendMessageCommand({ QueueUrl: urls[i % urls.length]!, MessageBody }));
    const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: queues.tasksDead }));
    const reasons = new Map<string, string>();
    await until('all are dead letters', async () => {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, MessageAttributeNames: ['All'] }),
      );
      for (const { Body, MessageAttributes } of Messages)
        reasons.set(Body!, MessageAttributes!['reason']!.StringValue!);
      return hostile.every(([body]) => reasons.has(body));
    }).catch((error) => {
      throw new Error(`only ${[...reasons.keys()].join('\n')}`, { cause: error });
    });
    for (const [body, reason] of hostile) assert.match(reasons.get(body)!, reason, body.slice(0, 200));
  });
  const { json: asked } = await service.ask('/v1/databases/plant/backups', { body: {} });
  await service.taskDone(asked.task.id);
});

test(`all processes are killed with ${pending} tasks pending; two workers do each once, though everything comes twice`, async (t) => {
  // It takes nothing from here on.
  process.kill(region.pids().worker, 'SIGSTOP');
  const [databaseId] = Object.keys(region.pids().databases);
  const subject = await within(async ({ databases }) => (await databases.getDatabaseById(databaseId!))!);
  const ids = Array.from({ length: pending }, (_, i) => `pending-${i}`);
  const dynamo = createDynamo({ region: 'eu-west-1', endpoint: region.environment()['TSG_DYNAMODB_ENDPOINT'] });
  t.after(() => dynamo.destroy());
  await putTasks(
    dynamo,
    ids.map((id) => ({ id, kind: 'retention', subject, requestedBy: theService })),
  );
  await region.killAll();
  await region.restart();
  const second = new Worker(region);
  t.after(() => second.end('SIGTERM'));
  await withSqs(async (sqs) => {
    const QueueUrl = await new TaskQueue(sqs).url('bulk');
    for (let from = 0; from < pending; from += 10) {
      const Entries = ids
        .slice(from, from + 10)
        .map((taskId, i) => ({ Id: String(i), MessageBody: JSON.stringify({ taskId }) }));
      await sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
    }
  });
  await within(async ({ tasks, claims }) => {
    const owners = new Set<string>();
    for (const id of ids) {
      const task = await until(
        `task ${id} to end`,
        async () => {
          const found = await tasks.getTask(id);
          return found && !['queued', 'running'].includes(found.state) && found;
        },
        300_000,
      );
      // One that was lost, its claim unanswered, ends before the next one begins.
      const outcomes = task.history.map(({ outcome }) => outcome);
      assert.deepEqual([task.state, outcomes.filter((each) => each !== 'lost')], ['succeeded', ['succeeded']]);
      for (const [i, { startedAt }] of task.history.entries())
        assert.ok(i === 0 || startedAt >= task.history[i - 1]!.endedAt!, JSON.stringify(task.history));
      owners.add(task.history.at(-1)!.owner);
    }
    assert.equal(owners.size, 2);
    assert.deepEqual(await claims.unfinished(), []);
  });
});

async function within<T>(work: (management: Management) => Promise<T>): Promise<T> {
  const management = createManagement(readWorkerConfig(region.environment()), silent);
  try {
    return await work(management);
  } finally {
    await management.close();
  }
}
