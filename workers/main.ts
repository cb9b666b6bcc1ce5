// A worker of a region: takes tasks from the management queue, and sweeps up those that nobody takes care of.

import { randomUUID } from 'node:crypto';
import { AutoScalingClient } from '@aws-sdk/client-auto-scaling';
import { SeriesFollower } from '../src/api/series-follower.ts';
import { FigureLines } from '../src/base/cloudwatch.ts';
import { readWorkerConfig, type WorkerConfig } from '../src/base/config.ts';
import { enter, onStop } from '../src/base/lifecycle.ts';
import { createLog, type Log } from '../src/base/log.ts';
import { Metrics } from '../src/base/metrics.ts';
import { serveMetrics } from '../src/base/metrics-port.ts';
import { figures, ingest, queues } from '../src/base/names.ts';
import { watchWithNewRelic } from '../src/base/new-relic.ts';
import type { ObjectStore } from '../src/base/object-store.ts';
import { openObjectStore } from '../src/base/objects/open.ts';
import { unmeasured } from '../src/kdb/call-figures.ts';
import { loggedCalls } from '../src/kdb/call-log.ts';
import { createEngineClient, type EngineClient } from '../src/kdb/client.ts';
import { Engines } from '../src/kdb/engines.ts';
import { HostGroups } from '../src/management/host-groups.ts';
import { createManagement } from '../src/management/index.ts';
import type { Database } from '../src/management/records.ts';
import { createSns } from '../src/management/topic.ts';
import { UsageMeter } from '../src/management/usage-meter.ts';
import { createTasks } from '../src/tasks/index.ts';
import { IngestTopic } from '../src/tasks/ingest-queue.ts';
import { createSqs, queueNames, queueUrl, TaskQueue, taskQueueNames } from '../src/tasks/queue.ts';
import { AgentClient } from './agent-client.ts';
import { addIngestFigures, addQueueFigures, addSweeps } from './figures.ts';
import { FileExpiry } from './file-expiry.ts';
import { type HostStarter, hostsByHand, hostsOfGroups } from './host-starter.ts';
import { IngestConsumer } from './ingest/ingest-consumer.ts';
import { IngestSweeper } from './ingest/ingest-sweeper.ts';
import { QueuedWriter } from './ingest/queued-writer.ts';
import { kinds } from './kinds/index.ts';
import { Permanent, type WorkerServices } from './kinds/kind.ts';
import { OutboxSweeper } from './outbox-sweeper.ts';
import { isGone, ownerName } from './owner.ts';
import { deadLetter } from './queue-consumer.ts';
import { SeriesComparison } from './series-comparison.ts';
import { Sweeper } from './sweeper.ts';
import { TaskConsumer } from './task-consumer.ts';
import { makeTask } from './task-message.ts';
import { TaskRunner } from './task-runner.ts';
import { untilQueue } from './until-queue.ts';

const elapsedMs = (): number => performance.now();

async function main(config: WorkerConfig): Promise<void> {
  const log = createLog('worker', config.logLevel, config.loggly);
  const unwatch = watchWithNewRelic(config.newRelic);
  const management = createManagement(config, log);
  const sqs = createSqs({ region: config.region, endpoint: config.sqsEndpoint });
  const queue = new TaskQueue(sqs);
  const owner = ownerName();
  const tasks = createTasks(config);
  const meter = new UsageMeter({ usage: management.usage, bootId: randomUUID(), clock: Date.now, log });
  const services: WorkerServices = {
    management,
    announce: (task) => tasks.announce(task, log),
    agents: new AgentClient(config.agentSecret),
    hostStarter: hostStarterOf(config),
    objects: openObjectStore(config, log),
    objectsOf: objectsOfRegions(config, log),
    hello: async (endpoint, database) => {
      const client = clientOf({ ...database, endpoint }, log);
      try {
        return await client.hello();
      } finally {
        await client.close();
      }
    },
    meter,
    connect: async (database) => clientOf(database, log),
  };
  const metrics = new Metrics({ region: config.region, zone: config.zone });
  const runner = new TaskRunner({
    ...{ owner, kinds, services, queue, ended: metrics.addTasks(), log },
    deadLetter: ({ id }, reason) =>
      deadLetter({ sqs, log }, queues.tasksDead, { Body: JSON.stringify({ taskId: id }) }, reason),
  });
  const sweeper = new Sweeper({ claims: management.claims, schedules: management.schedules, queue, isGone, log });
  const { topic, outbox } = management.feed;
  const outboxSweeper =
    topic && new OutboxSweeper({ lease: management.feed.lease(owner), outbox, topic, elapsedMs, log });
  const comparison = new SeriesComparison({
    management,
    connect: (database) => clientOf(database, log),
    log,
  });
  const ingestTopic = new IngestTopic(
    createSns({ region: config.region, endpoint: config.snsEndpoint }),
    config.ingestTopicArn,
  );
  const engines = new Engines(log);
  const follower = new SeriesFollower({ engines, management, log });
  const writer = new QueuedWriter({
    ...{ objects: services.objects, engines, management, follower, meter, region: config.region, clock: Date.now, log },
    deadLetter: (database, name, reason) =>
      deadLetter({ sqs, log }, ingest.dead, { Body: JSON.stringify({ database, name }) }, reason, database),
  });
  const ingestSweeper = new IngestSweeper({ objects: services.objects, topic: ingestTopic, clock: Date.now, log });
  let ingestConsumer: IngestConsumer | undefined;
  const fileExpiry = new FileExpiry({ objects: services.objects, tasks: management.tasks, clock: Date.now, log });
  const figureLines = config.cloudwatchFigures
    ? new FigureLines({
        region: config.region,
        read: async () => ({ [figures.freeSlots]: await management.hosts.freeSlots() }),
        log,
      })
    : undefined;
  const stopped = new AbortController();
  const consumers: TaskConsumer[] = [];
  addQueueFigures(metrics, sqs, [
    ...taskQueueNames.map((name, i) => ({ name: queueNames[name], consumer: () => consumers[i] })),
    { name: ingest.queue, consumer: () => ingestConsumer },
  ]);
  addSweeps(metrics, sweeper, outboxSweeper);
  addIngestFigures(metrics, writer, ingestSweeper);
  const watched = await serveMetrics(metrics, config.metricsPort);

  onStop(
    async () => {
      stopped.abort();
      runner.stop();
      watched?.close();
      await Promise.all([
        ...consumers.map((each) => each.stop()),
        ingestConsumer?.stop(),
        ingestSweeper.stop(),
        sweeper.stop(),
        outboxSweeper?.stop(),
        comparison.stop(),
        fileExpiry.stop(),
        figureLines?.stop(),
      ]);
      await follower.close();
      await engines.close();
      await meter.stop();
      sqs.destroy();
      ingestTopic.close();
      tasks.close();
      await management.close();
      await unwatch();
    },
    { stopWithParent: config.stopWithParent, log },
  );

  sweeper.start();
  outboxSweeper?.start();
  comparison.start();
  fileExpiry.start();
  figureLines?.start();
  meter.start();
  for (const name of taskQueueNames) {
    const url = await untilQueue(() => queue.url(name), stopped.signal, log);
    if (url === undefined) return;
    const consumer = new TaskConsumer({
      ...{ sqs, queueUrl: url, log },
      run: (message) => runner.run(message),
      make: (wish, messageId) => makeTask(wish, messageId, { services, kinds, region: config.region }),
    });
    consumers.push(consumer);
    consumer.start();
  }
  const ingestUrl = await untilQueue(() => queueUrl(sqs, ingest.queue), stopped.signal, log);
  if (ingestUrl === undefined) return;
  ingestConsumer = new IngestConsumer({
    ...{ sqs, queueUrl: ingestUrl, writer, log },
    onReturn: () => ingestSweeper.sweep({ overdueMs: 0 }),
  });
  ingestConsumer.start();
  ingestSweeper.start();
  log.info('listening', { owner });
}

type Placed = Pick<Database, 'id' | 'endpoint' | 'user' | 'password'>;

function hostStarterOf({ region, hostGroups }: WorkerConfig): HostStarter {
  if (hostGroups === undefined) return hostsByHand;
  return hostsOfGroups(new HostGroups(new AutoScalingClient({ region }), hostGroups));
}

/** Opened when they are asked for: most workers never need another region's. */
function objectsOfRegions(config: WorkerConfig, log: Log): (region: string) => ObjectStore {
  const opened = new Map<string, ObjectStore>();
  return (region) => {
    const objectStore = config.objectStores[region];
    if (!objectStore) throw new Permanent(`no object store of ${region} is known here`);
    const store = opened.get(region) ?? openObjectStore({ ...config, region, objectStore }, log);
    opened.set(region, store);
    return store;
  };
}

function clientOf({ id, endpoint, user, password }: Placed, log: Log): EngineClient {
  if (endpoint === null) throw new Error('the database has no process');
  return createEngineClient({ ...endpoint, user, password, measure: loggedCalls(unmeasured, id, log) });
}

await enter(() => main(readWorkerConfig(process.env)));
