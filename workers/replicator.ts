// The replicator of a region: brings every change of management data to the caches of all its zones.

import { FigureLines } from '../src/base/cloudwatch.ts';
import { readReplicatorConfig, type WatchedConfig } from '../src/base/config.ts';
import { enter, onStop } from '../src/base/lifecycle.ts';
import { createLog } from '../src/base/log.ts';
import { Metrics } from '../src/base/metrics.ts';
import { serveMetrics } from '../src/base/metrics-port.ts';
import { figures, queues } from '../src/base/names.ts';
import { watchWithNewRelic } from '../src/base/new-relic.ts';
import { createDynamo } from '../src/management/dynamo.ts';
import { createDynamoClock } from '../src/management/dynamo-clock.ts';
import { createRedis, ZoneCache } from '../src/management/zone-cache.ts';
import { findFeedQueue } from '../src/tasks/feed-queue.ts';
import { createSqs } from '../src/tasks/queue.ts';
import { CacheMender } from './cache-mender.ts';
import { FeedConsumer } from './feed-consumer.ts';
import { addFeedFigures, addQueueFigures, lagSeconds } from './figures.ts';
import { untilQueue } from './until-queue.ts';
import { ZoneWriter } from './zone-writer.ts';

/** A message that a slow zone did not take in time comes again only seconds later. */
const zoneDeadlineMs = 1_000;

async function main(config: WatchedConfig): Promise<void> {
  const log = createLog('replicator', config.logLevel, config.loggly);
  const unwatch = watchWithNewRelic(config.newRelic);
  const elapsedMs = (): number => performance.now();
  // Asked again behind its back, it would not see that the queue was away for a moment.
  const sqs = createSqs({ region: config.region, endpoint: config.sqsEndpoint, maxAttempts: 1 });
  const redis = Object.values(config.redisUrls).map(createRedis);
  const dynamo = createDynamo({ region: config.homeRegion, endpoint: config.dynamodbEndpoint });
  const menders = redis.map((client) => new CacheMender({ redis: client, dynamo, elapsedMs, log }));
  const caches = redis.map(
    (client) => new ZoneCache({ redis: client, deadlineMs: zoneDeadlineMs, clock: elapsedMs, log }),
  );
  const zones = caches.map((cache, i) => new ZoneWriter(cache, menders[i]!));
  const stopped = new AbortController();
  let consumer: FeedConsumer | undefined;
  const metrics = new Metrics({ region: config.region, zone: config.zone });
  const names = Object.keys(config.redisUrls);
  addQueueFigures(metrics, sqs, [{ name: queues.feed, consumer: () => consumer }]);
  addFeedFigures(
    metrics,
    names.map((name, i) => ({ name, cache: caches[i]!, mender: menders[i]! })),
    () => consumer,
  );
  const figureLines = config.cloudwatchFigures
    ? new FigureLines({
        region: config.region,
        read: async () => ({ [figures.replicationLag]: await lagSeconds(caches) }),
        log,
      })
    : undefined;
  const watched = await serveMetrics(metrics, config.metricsPort);

  onStop(
    async () => {
      stopped.abort();
      watched?.close();
      for (const mender of menders) mender.stop();
      await figureLines?.stop();
      await consumer?.stop();
      sqs.destroy();
      for (const client of redis) client.disconnect();
      dynamo.destroy();
      await unwatch();
    },
    { stopWithParent: config.stopWithParent, log },
  );

  const queue = await untilQueue(() => findFeedQueue(sqs), stopped.signal, log);
  if (!queue) return;
  // What the replicator before this one knew of losses went with it.
  for (const mender of menders) mender.mend();
  const clock = createDynamoClock(dynamo, { wallMs: Date.now, elapsedMs });
  consumer = new FeedConsumer({ sqs, queue, zones, clock, elapsedMs, log });
  consumer.start();
  figureLines?.start();
  log.info('listening', { zones: names, queueUrl: queue.url });
}

await enter(() => main(readReplicatorConfig(process.env)));
