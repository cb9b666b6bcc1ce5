// The replicator of a region: brings every change of management data to the caches of all its zones.

import { ConfigError, type RegionConfig, readReplicatorConfig } from '../src/base/config.ts';
import { onStop } from '../src/base/lifecycle.ts';
import { createLog } from '../src/base/log.ts';
import { createDynamo } from '../src/management/dynamo.ts';
import { createRedis, ZoneCache } from '../src/management/zone-cache.ts';
import { feedQueueUrl } from '../src/tasks/feed-queue.ts';
import { createSqs } from '../src/tasks/queue.ts';
import { CacheMender } from './cache-mender.ts';
import { FeedConsumer } from './feed-consumer.ts';
import { untilQueue } from './until-queue.ts';
import { ZoneWriter } from './zone-writer.ts';

/** A message that a slow zone did not take in time comes again only seconds later. */
const zoneDeadlineMs = 1_000;

async function main(config: RegionConfig): Promise<void> {
  const log = createLog('replicator', config.logLevel);
  const elapsedMs = (): number => performance.now();
  // Asked again behind its back, it would not see that the queue was away for a moment.
  const sqs = createSqs({ region: config.region, endpoint: config.sqsEndpoint, maxAttempts: 1 });
  const redis = Object.values(config.redisUrls).map(createRedis);
  const dynamo = createDynamo({ region: config.homeRegion, endpoint: config.dynamodbEndpoint });
  const mender = new CacheMender({ redis, dynamo, log });
  const zones = redis.map(
    (client) => new ZoneWriter(new ZoneCache({ redis: client, deadlineMs: zoneDeadlineMs, clock: elapsedMs, log })),
  );
  const stopped = new AbortController();
  let consumer: FeedConsumer | undefined;

  onStop(
    async () => {
      stopped.abort();
      await Promise.all([consumer?.stop(), mender.stop()]);
      sqs.destroy();
      for (const client of redis) client.disconnect();
      dynamo.destroy();
    },
    { stopWithParent: config.stopWithParent, log },
  );

  const queueUrl = await untilQueue(() => feedQueueUrl(sqs), stopped.signal, log);
  if (queueUrl === undefined) return;
  consumer = new FeedConsumer({ sqs, queueUrl, zones, onReturn: () => mender.mend(), clock: Date.now, elapsedMs, log });
  consumer.start();
  mender.mend();
  log.info('listening', { zones: Object.keys(config.redisUrls), queueUrl });
}

try {
  await main(readReplicatorConfig(process.env));
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}
