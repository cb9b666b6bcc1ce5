// What anybody who may write to the queues of tasks can put there.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { GetQueueUrlCommand, ReceiveMessageCommand, SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { queues } from '../../../src/base/names.ts';
import { createSqs, TaskQueue, taskQueueNames } from '../../../src/tasks/queue.ts';
import { until } from '../../until.ts';
import { type LocalRegion, startRegion } from '../region.ts';
import { Service } from '../service.ts';

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
