import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Metrics } from '../../src/base/metrics.ts';

test('the durations of a route: buckets hold what is up to their bound, a route without requests has none', async () => {
  const metrics = new Metrics({ region: 'here', zone: 'a' });
  metrics.requestCounter('unused');
  const count = metrics.requestCounter('write');
  for (const durationMs of [0.5, 0.6, 40, 31_000]) count(200, durationMs);
  count(404, 1);

  const text = (await metrics.text()).replaceAll(',region="here",zone="a"', '');
  const expected = [
    'tsg_requests_total{route="write",status="200"} 4',
    'tsg_requests_total{route="write",status="404"} 1',
    '# TYPE tsg_request_duration_seconds histogram',
    'tsg_request_duration_seconds_bucket{le="0.0005",route="write"} 1',
    'tsg_request_duration_seconds_bucket{le="0.001",route="write"} 3',
    'tsg_request_duration_seconds_bucket{le="0.025",route="write"} 3',
    'tsg_request_duration_seconds_bucket{le="0.05",route="write"} 4',
    'tsg_request_duration_seconds_bucket{le="30",route="write"} 4',
    'tsg_request_duration_seconds_bucket{le="+Inf",route="write"} 5',
    'tsg_request_duration_seconds_count{route="write"} 5',
  ];
  for (const line of expected) assert.ok(text.split('\n').includes(line), `${line} is not in\n${text}`);
  assert.ok(Math.abs(Number(/_sum\S+ (\S+)/.exec(text)?.[1]) - 31.0421) < 1e-9, text);
  assert.doesNotMatch(text, /unused/);
});
