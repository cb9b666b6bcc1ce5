import type { Services } from './services.ts';

/** What /metrics shows beside the requests: figures that the parts keep anyway. */
export function addFigures({
  metrics,
  engines,
  management,
  follower,
  throttle,
  meter,
  writes,
  writeQueue,
}: Pick<
  Services,
  'metrics' | 'engines' | 'management' | 'follower' | 'throttle' | 'meter' | 'writes' | 'writeQueue'
>): void {
  const { cache } = management;
  metrics.addDurations(
    'tsg_engine_call_seconds',
    'From the wish for an engine call to its answer, with the wait for a connection, by call and lane.',
    () => engines.figures.durations(),
  );
  metrics.addCounter('tsg_engine_failures_total', 'Engine calls that failed, by cause.', 'cause', () => ({
    ...engines.figures.failures,
  }));
  metrics.addGauge('tsg_engine_connections', 'Connections to databases that are open.', 'lane', () =>
    engines.lanes('open'),
  );
  metrics.addGauge('tsg_engine_calls_waiting', 'Engine calls that wait for a connection.', 'lane', () =>
    engines.lanes('waiting'),
  );
  metrics.addCounter('tsg_points_written_total', 'Points that databases took from this process.', 'by', () => ({
    api: meter.points,
  }));
  metrics.addCounter(
    'tsg_samples_without_value_total',
    'Samples of Prometheus that are NaN (series that ended among them), and were left out.',
    'by',
    () => ({ api: writes.withoutValue }),
  );
  metrics.addCounter(
    'tsg_points_late_total',
    'Points that were not newer than the newest of their tag set, by database.',
    'database',
    () => writes.figures('late'),
  );
  metrics.addGauge(
    'tsg_write_lag_seconds',
    "From the time of the last write's newest point to its arrival, by database.",
    'database',
    () => writes.figures('lagS'),
  );
  metrics.addCounter(
    'tsg_queued_total',
    'Batches that were stored to be written later, and requests in them.',
    'of',
    () => ({
      ...writeQueue.stored,
    }),
  );
  metrics.addGauge('tsg_queued_waiting_bytes', 'Requests that are not stored yet.', 'by', () => ({
    api: writeQueue.waitingBytes,
  }));
  metrics.addCounter('tsg_throttled_total', 'Requests refused with 429, by limit.', 'limit', () => throttle.refused);
  metrics.addCounter(
    'tsg_cache_reads_total',
    'Reads of management data by the tier that answered (stale: an old copy, because DynamoDB did not answer).',
    'tier',
    () => ({ ...cache.counters }),
  );
  metrics.addCounter('tsg_dynamodb_calls_total', 'Calls to DynamoDB, of any kind.', 'by', () => ({
    api: cache.dynamoCalls(),
  }));
  metrics.addCounter('tsg_redis_faults_total', "Calls to the zone's Redis that failed or came late.", 'by', () => ({
    cache: cache.redisFaults(),
  }));
  metrics.addGauge(
    'tsg_feed_seconds',
    "Change feed as the zone's cache sees it: age of the newest heartbeat, its delay in the queue, wait of the oldest event that is held.",
    'figure',
    async () => {
      const feed = await cache.feed();
      const figures = { heartbeat_age: feed?.heartbeatAgeMs, delay: feed?.delayMs, held: feed?.heldMs };
      return Object.fromEntries(
        Object.entries(figures).flatMap(([name, ms]) => (ms == null ? [] : [[name, ms / 1_000]])),
      );
    },
  );
  metrics.addGauge('tsg_series_waiting', 'Series that are not in the management data yet.', 'by', () => ({
    api: follower.waiting,
  }));
}
