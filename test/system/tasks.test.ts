// Provisioning that is interrupted is finished.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { until } from '../until.ts';
import { type LocalRegion, startRegion } from './region.ts';
import { Service } from './service.ts';

let region: LocalRegion;
let service: Service;

before(async () => {
  region = await startRegion();
  service = new Service(region.url, region.adminToken);
});
after(() => region?.stop());

async function create(name: string): Promise<string> {
  const reply = await service.ask('/v1/databases', { body: { name } });
  assert.equal(reply.status, 202, reply.text);
  assert.equal(reply.json.database.status, 'provisioning');
  assert.equal(reply.json.task.kind, 'provision');
  return reply.json.task.id;
}

async function usable(name: string): Promise<void> {
  await until(
    `database ${name} to take a write`,
    async () => {
      const reply = await service.ask(`/v1/databases/${name}/write`, { body: 'a v=1 1' }).catch(() => undefined);
      return reply?.status === 200;
    },
    60_000,
  );
}

for (const victim of ['worker', 'agent', 'api', 'fauxqs'] as const) {
  test(`kill -9 of ${victim} while databases are provisioned`, async () => {
    const names = Array.from({ length: 2 }, (_, i) => `${victim}-${i}`);
    const tasks = [];
    for (const name of names) tasks.push(await create(name));
    process.kill(region.pids()[victim], 'SIGKILL');
    for (const task of tasks) await service.taskDone(task);
    for (const name of names) await usable(name);
  });
}

test('kill -9 of everything with tasks pending: the next start finishes them', async () => {
  const names = Array.from({ length: 3 }, (_, i) => `pending-${i}`);
  const tasks = [];
  for (const name of names) tasks.push(await create(name));
  const gone = await service.ask('/v1/databases/worker-0?confirm=worker-0', { method: 'DELETE' });
  await region.killAll();
  await region.restart();
  service = new Service(region.url, region.adminToken);
  for (const task of [...tasks, gone.json.task.id]) await service.taskDone(task);
  for (const name of names) await usable(name);
  assert.equal((await service.ask('/v1/databases/worker-0')).status, 404);
});

test('a database that is being made answers 503 with Retry-After, then works', async () => {
  await create('soon');
  const reply = await service.ask('/v1/databases/soon/write', { body: 'a v=1 1' });
  if (reply.status !== 200) {
    assert.deepEqual([reply.status, reply.json.code], [503, 'DatabaseNotReady']);
    assert.ok(Number(reply.headers.get('retry-after')) > 0);
  }
  await usable('soon');
});

test('worker, replicator and host agent show their figures, on ports that run.json names', async () => {
  await usable('soon');
  await region.replace(Object.keys(region.pids().databases)[0]!);
  const shown: Readonly<Record<string, readonly RegExp[]>> = {
    worker: [
      /^tsg_tasks_total\{kind="provision",outcome="succeeded",.*\} [1-9]/m,
      /^tsg_task_seconds_count\{.*kind="provision".*\} [1-9]/m,
      /^tsg_queue_messages_waiting\{queue="tsg-bulk",.*\} \d/m,
      /^tsg_queue_wait_seconds\{queue="tsg-tasks",.*\} \d/m,
      /^tsg_task_sweeps_total\{outcome="done",.*\} [1-9]/m,
      /^tsg_outbox_sweeps_total\{outcome="done",.*\} [1-9]/m,
    ],
    replicator: [
      /^tsg_feed_events_total\{outcome="applied",.*\} \d/m,
      /^tsg_feed_held_seconds\{by="replicator",.*\} 0$/m,
      /^tsg_queue_messages_in_hand\{queue="tsg-feed",.*\} \d/m,
      ...(region.pids().redis === undefined ? [] : [/^tsg_feed_heartbeat_age_seconds\{cache="eu-west-1a",.*\} \d/m]),
    ],
    agent: [
      /^tsg_databases\{state="running",.*\} [1-9]/m,
      /^tsg_database_restarts_total\{database="[^"]+",.*\} [1-9]/m,
      ...(process.platform === 'linux' ? [/^tsg_database_memory_bytes\{database="[^"]+",.*\} \d{8}/m] : []),
      /^tsg_process_memory_bytes\{kind="rss",.*\} \d{8}/m,
    ],
  };
  for (const [name, figures] of Object.entries(shown)) {
    for (const figure of figures) {
      await until(`${figure} of ${name}`, async () => figure.test(await region.metrics(name)));
    }
  }
});
