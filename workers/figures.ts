// What /metrics of a worker and of a replicator show: figures that their parts keep anyway.

import type { SQSClient } from '@aws-sdk/client-sqs';
import type { Metrics } from '../src/base/metrics.ts';
import type { ZoneCache } from '../src/management/zone-cache.ts';
import { queueDepth } from '../src/tasks/depth.ts';
import type { CacheMender } from './cache-mender.ts';
import type { FeedConsumer } from './feed-consumer.ts';
import type { IngestSweeper } from './ingest/ingest-sweeper.ts';
import type { QueuedWriter } from './ingest/queued-writer.ts';
import type { OutboxSweeper } from './outbox-sweeper.ts';
import type { Sweeper } from './sweeper.ts';

interface WatchedQueue {
  readonly name: string;
  /** There once the queue is. */
  readonly consumer: () => { readonly queuedMs: number } | undefined;
}

export function addQueueFigures(metrics: Metrics, sqs: SQSClient, queues: readonly WatchedQueue[]): void {
  const depths = async (figure: 'waiting' | 'in_hand'): Promise<Record<string, number>> => {
    const all = await Promise.all(queues.map(({ name }) => queueDepth(sqs, name).catch(() => undefined)));
    return Object.fromEntries(queues.flatMap(({ name }, i) => (all[i] ? [[name, all[i][figure]]] : [])));
  };
  metrics.addGauge('tsg_queue_messages_waiting', 'Messages that wait.', 'queue', () => depths('waiting'));
  metrics.addGauge('tsg_queue_messages_in_hand', "Messages in somebody's hand.", 'queue', () => depths('in_hand'));
  metrics.addGauge('tsg_queue_wait_seconds', 'How long the message that was taken last had waited.', 'queue', () =>
    each(queues.map(({ name, consumer }) => [name, consumer()?.queuedMs])),
  );
}

/** Databases that wait longest; a label for each of all would be too many. */
const shownDatabases = 10;

export function addIngestFigures(metrics: Metrics, writer: QueuedWriter, sweeper: IngestSweeper): void {
  metrics.addCounter('tsg_queued_requests_total', 'Queued requests that are done with.', 'outcome', () => {
    const { applied, refused, dead } = writer.written;
    return { applied, refused, dead };
  });
  metrics.addCounter(
    'tsg_queued_points_total',
    'Points of queued requests; late: not the newest of their tag sets.',
    'of',
    () => {
      const { points, late } = writer.written;
      return { written: points, late };
    },
  );
  metrics.addGauge('tsg_queued_batches', 'Stored batches that wait.', 'by', () => ({ region: sweeper.batches }));
  metrics.addGauge(
    'tsg_queued_age_seconds',
    'How long the oldest stored batch waits, of the databases where it waits longest.',
    'database',
    () => sweeper.agesS(shownDatabases),
  );
}

export function addSweeps(metrics: Metrics, sweeper: Sweeper, outboxSweeper: OutboxSweeper | undefined): void {
  metrics.addCounter('tsg_task_sweeps_total', 'Searches for tasks that nobody takes care of.', 'outcome', () => ({
    ...sweeper.sweeps,
  }));
  metrics.addCounter('tsg_tasks_requeued_total', 'Tasks that a sweep queued again.', 'by', () => ({
    sweeper: sweeper.requeued,
  }));
  if (!outboxSweeper) return;
  metrics.addCounter(
    'tsg_outbox_sweeps_total',
    'Sweeps of the outbox, each with a heartbeat; elsewhere: another worker does it.',
    'outcome',
    () => ({ ...outboxSweeper.sweeps }),
  );
  metrics.addCounter('tsg_outbox_published_total', 'Events that their writers did not publish.', 'by', () => ({
    sweeper: outboxSweeper.published,
  }));
}

interface Zone {
  readonly name: string;
  readonly cache: ZoneCache;
  readonly mender: CacheMender;
}

/** Ages are by each zone's own clock; a zone that does not answer has none. */
export function addFeedFigures(
  metrics: Metrics,
  zones: readonly Zone[],
  consumer: () => FeedConsumer | undefined,
): void {
  metrics.addCounter(
    'tsg_feed_events_total',
    'Changes received: every zone took it, some zone lost it, it will come again.',
    'outcome',
    () => ({ ...consumer()?.events }),
  );
  metrics.addGauge('tsg_feed_held_seconds', 'Wait of the oldest event that some zone does not take.', 'by', () =>
    each([['replicator', consumer()?.heldMs()]]),
  );
  const feedOf = async (figure: 'heartbeatAgeMs' | 'delayMs'): Promise<Record<string, number>> =>
    each(await Promise.all(zones.map(async ({ name, cache }) => [name, (await cache.feed())?.[figure]] as const)));
  metrics.addGauge('tsg_feed_heartbeat_age_seconds', 'Age of the newest heartbeat, by zone.', 'cache', () =>
    feedOf('heartbeatAgeMs'),
  );
  metrics.addGauge('tsg_feed_delay_seconds', 'Delay of the newest heartbeat in the queue, by zone.', 'cache', () =>
    feedOf('delayMs'),
  );
  metrics.addCounter('tsg_cache_comparisons_total', 'Comparisons of a whole zone with DynamoDB.', 'cache', () =>
    Object.fromEntries(zones.map(({ name, mender }) => [name, mender.comparisons])),
  );
  metrics.addGauge(
    'tsg_cache_comparison_pending',
    '1: the zone may have missed something, and will be compared.',
    'cache',
    () => Object.fromEntries(zones.map(({ name, mender }) => [name, mender.isPending ? 1 : 0])),
  );
}

/** Of the zone that is furthest behind: by how long its newest heartbeat is ago, was under way, or an event waits. Undefined: no zone answers. */
export async function lagSeconds(caches: readonly Pick<ZoneCache, 'feed'>[]): Promise<number | undefined> {
  const feeds = (await Promise.all(caches.map((cache) => cache.feed()))).filter((feed) => feed !== undefined);
  if (feeds.length === 0) return undefined;
  return Math.max(...feeds.flatMap((feed) => [feed.heartbeatAgeMs ?? 0, feed.delayMs ?? 0, feed.heldMs ?? 0])) / 1_000;
}

/** In seconds; what is not known is left out. */
function each(figures: readonly (readonly [string, number | null | undefined])[]): Record<string, number> {
  return Object.fromEntries(figures.flatMap(([name, ms]) => (ms == null ? [] : [[name, ms / 1_000]])));
}
