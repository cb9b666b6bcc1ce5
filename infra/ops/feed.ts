import type { SQSClient } from '@aws-sdk/client-sqs';
import type { RegionConfig } from '../../src/base/config.ts';
import { createLog } from '../../src/base/log.ts';
import { queues } from '../../src/base/names.ts';
import { createDynamo } from '../../src/management/dynamo.ts';
import { Outbox } from '../../src/management/outbox.ts';
import { createRedis, ZoneCache } from '../../src/management/zone-cache.ts';
import { queueDepth } from '../../src/tasks/depth.ts';
import { createSqs } from '../../src/tasks/queue.ts';
import type { Commands } from './command.ts';
import { listReport, type Row } from './report.ts';

const deadlineMs = 2_000;

export function feedCommand(commands: Commands): void {
  commands.add(commands.program, {
    name: 'feed',
    does: 'how far the caches are behind: outbox, queue, and per zone the heartbeats',
    example: 'feed',
    work: async ({ config }) => listReport((await showFeed(config)).rows),
  });
}

/** How far the region is behind: events that wait at home, in its queue, and what each zone heard last. */
export async function showFeed(config: RegionConfig): Promise<{ rows: Row[] }> {
  const dynamo = createDynamo({ region: config.homeRegion, endpoint: config.dynamodbEndpoint });
  const sqs = createSqs({ region: config.region, endpoint: config.sqsEndpoint });
  try {
    const outbox = new Outbox(dynamo);
    const times = (await outbox.list(1)).map(({ at }) => Date.parse(at));
    return {
      rows: [
        {
          what: 'outbox',
          events: await outbox.depth(),
          oldestMs: times.length > 0 ? Date.now() - Math.min(...times) : 0,
        },
        { what: queues.feed, events: await messagesIn(sqs, queues.feed) },
        { what: queues.feedDead, events: await messagesIn(sqs, queues.feedDead) },
        ...(await Promise.all(Object.entries(config.redisUrls).map(([zone, url]) => zoneRow(zone, url)))),
      ],
    };
  } finally {
    sqs.destroy();
    dynamo.destroy();
  }
}

async function messagesIn(sqs: SQSClient, name: string): Promise<number> {
  const { waiting, in_hand } = await queueDepth(sqs, name);
  return waiting + in_hand;
}

async function zoneRow(zone: string, url: string): Promise<Row> {
  const redis = createRedis(url);
  const log = createLog('ops', 'error');
  const cache = new ZoneCache({ redis, deadlineMs, clock: () => performance.now(), log });
  await new Promise((resolve) => redis.once('ready', resolve).once('error', resolve));
  const feed = await cache.feed();
  redis.disconnect();
  const what = `zone ${zone}`;
  if (!feed) return { what, fault: 'does not answer' };
  const { heldMs, ...ages } = feed;
  return { what, oldestMs: heldMs, ...ages };
}
