import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { openApi } from './api.ts';

const { account, database, operator, management } = await openApi({ after });
const { id, service } = await account('acme', { limits: { querySecondsPerMinute: 0 } });
const plant = await database(id, 'plant');

async function figures(): Promise<Map<string, number>> {
  const reply = await operator.ask('/metrics', { token: null });
  assert.equal(reply.status, 200, reply.text);
  assert.match(reply.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
  const lines = reply.text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const [, series, value] = /^(\S+(?: \S+)*) (\S+)$/.exec(line)!;
      return [series!.replace(/(region="eu-west-1"|zone="a"),?/g, '').replace(',}', '}'), Number(value)];
    }),
  );
}

test('requests by route and status, durations, points, throttled requests, cache tiers, DynamoDB calls', async () => {
  await service.ask('/v1/databases/plant/write', { body: 'a v=1 1\na v=1 2' });
  await service.ask('/v1/databases/plant/write', { body: 'bad' });
  await service.ask('/v1/databases/plant/series/a/query');
  const now = await figures();
  const expected: readonly (readonly [string, number])[] = [
    ['tsg_requests_total{route="write",status="200"}', 1],
    ['tsg_requests_total{route="write",status="400"}', 1],
    ['tsg_requests_total{route="query",status="429"}', 1],
    ['tsg_request_duration_seconds_count{route="write"}', 2],
    ['tsg_request_duration_seconds_bucket{le="30",route="write"}', 2],
    ['tsg_points_written_total{by="api"}', 2],
    [`tsg_points_late_total{database="${plant.id}"}`, 0],
    ['tsg_throttled_total{limit="querySecondsPerMinute"}', 1],
    ['tsg_engine_connections{lane="write"}', 0],
    ['tsg_engine_calls_waiting{lane="query"}', 0],
  ];
  for (const [series, value] of expected) assert.equal(now.get(series), value, [...now.keys()].join('\n'));
  assert.ok(now.get('nodejs_eventloop_lag_p99_seconds{}')! >= 0);
  assert.ok(now.get(`tsg_write_lag_seconds{database="${plant.id}"}`)! > 1_700_000_000);
  assert.ok(now.get('process_cpu_seconds_total{}')! > 0);
  assert.ok(now.get('tsg_cache_reads_total{tier="process"}')! > 0);
  assert.equal(now.get('tsg_dynamodb_calls_total{by="api"}'), management.cache.dynamoCalls());
});

test('not for the public: what came through a load balancer finds no such route', async () => {
  const reply = await operator.ask('/metrics', { headers: { 'X-Forwarded-For': '203.0.113.7' } });
  assert.deepEqual([reply.status, reply.json.code], [404, 'RouteNotFound']);
});
