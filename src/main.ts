// The API process of a region.

import { randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { addFigures } from './api/figures.ts';
import { SeriesFollower } from './api/series-follower.ts';
import { warmUp } from './api/warm-up.ts';
import { WriteFigures } from './api/write-figures.ts';
import { createRates } from './auth/index.ts';
import { createClock } from './base/clock.ts';
import { type ApiConfig, readApiConfig } from './base/config.ts';
import { ApiError } from './base/errors.ts';
import { finishRequests } from './base/finish-requests.ts';
import { enter, onStop } from './base/lifecycle.ts';
import { createLog, type Log } from './base/log.ts';
import { Metrics } from './base/metrics.ts';
import { watchWithNewRelic } from './base/new-relic.ts';
import { openObjectStore } from './base/objects/open.ts';
import { WriteQueue } from './ingest/write-queue.ts';
import { Engines } from './kdb/engines.ts';
import { createManagement } from './management/index.ts';
import { createSns } from './management/topic.ts';
import { UsageMeter } from './management/usage-meter.ts';
import { createServer } from './server.ts';
import { createTasks } from './tasks/index.ts';
import { IngestTopic } from './tasks/ingest-queue.ts';

const operatorRetryMs = 2_000;

async function main(config: ApiConfig): Promise<void> {
  const log = createLog('api', config.logLevel, config.loggly);
  const unwatch = watchWithNewRelic(config.newRelic);
  const management = createManagement(config, log);
  const tasks = createTasks(config);
  const objects = openObjectStore(config, log);
  const ingestTopic = new IngestTopic(
    createSns({ region: config.region, endpoint: config.snsEndpoint }),
    config.ingestTopicArn,
  );
  const writeQueue = new WriteQueue({
    objects,
    announce: (databaseId, name) => ingestTopic.announce(databaseId, name),
    clock: Date.now,
    log,
  });
  const engines = new Engines(log);
  const follower = new SeriesFollower({ engines, management, log });
  const rates = createRates(config.zone, management.redis);
  const { throttle } = rates;
  const meter = new UsageMeter({ usage: management.usage, bootId: randomUUID(), clock: management.clock, log });
  const metrics = new Metrics({ region: config.region, zone: config.zone });
  const writes = new WriteFigures();
  addFigures({ metrics, engines, management, follower, throttle, meter, writes, writeQueue });
  const nowNs = createClock();
  const server = createServer({
    config,
    log,
    management,
    tasks,
    objects,
    engines,
    writeQueue,
    follower,
    throttle,
    meter,
    writes,
    metrics,
    nowNs,
  });

  const stopped = new AbortController();
  const { adminToken, region } = config;
  if (adminToken !== undefined)
    await untilKnown(() => management.tokens.ensureOperator(adminToken, region), stopped.signal, log);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(config.port, config.host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  meter.start();
  await warmUp(port, config.host);
  log.info('listening', { host: config.host, port });
  process.stdout.write(`listening ${port}\n`);

  onStop(
    async () => {
      stopped.abort();
      await finishRequests(server.server);
      await follower.close();
      await engines.close();
      await meter.stop();
      await rates.close();
      tasks.close();
      ingestTopic.close();
      await management.close();
      await unwatch();
    },
    { stopWithParent: config.stopWithParent, log },
  );
}

/** While DynamoDB is away, the process serves what the cache of its zone knows, and sees to the operator's token later. */
async function untilKnown(ensureOperator: () => Promise<void>, stopped: AbortSignal, log: Log): Promise<void> {
  try {
    await ensureOperator();
  } catch (error) {
    if (!(error instanceof ApiError && error.code === 'MetadataUnavailable')) throw error;
    log.warn("the operator's token waits for DynamoDB", { error });
    delay(operatorRetryMs, undefined, { signal: stopped })
      .then(() => untilKnown(ensureOperator, stopped, log))
      .catch((fault: unknown) => {
        if (!stopped.aborted) log.error("the operator's token was not made", { error: fault });
      });
  }
}

await enter(() => main(readApiConfig(process.env)));
