import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ready } from '../../src/api/service.ts';
import type { Context } from '../../src/api/step.ts';

/** With what DynamoDB and the Redis of the zone answer; undefined: there is no Redis. */
async function ask(metadata: boolean, redis: boolean | undefined) {
  let status = 0;
  let text = '';
  const context = {
    services: {
      config: { region: 'here', zone: 'a' },
      management: {
        ping: async () => metadata,
        redis: new Map(redis === undefined ? [] : [['a', {}]]),
        cache: { feed: async () => (redis ? {} : undefined) },
      },
    },
    response: { writeHead: (given: number) => (status = given), end: (given: string) => (text = String(given)) },
    requestId: 'r',
  } as unknown as Context;
  for (const step of ready) await step(context);
  const { dependencies, ...rest } = JSON.parse(text);
  return [status, rest.status, dependencies.metadata.state, dependencies.cache.state, dependencies];
}

const table = [
  [true, true, 200, 'ready', 'reachable', 'reachable'],
  [true, false, 200, 'ready', 'reachable', 'unreachable'],
  [true, undefined, 200, 'ready', 'reachable', 'absent'],
  [false, true, 200, 'ready', 'unreachable', 'reachable'],
  [false, false, 503, 'not ready', 'unreachable', 'unreachable'],
  [false, undefined, 503, 'not ready', 'unreachable', 'absent'],
] as const;

for (const [metadata, redis, ...expected] of table) {
  test(`DynamoDB ${metadata}, Redis ${redis}: ${expected[1]}`, async () => {
    const [status, text, ...states] = await ask(metadata, redis);
    const reasons = states.pop();
    assert.deepEqual([status, text, ...states], expected);
    for (const { state, reason } of Object.values<{ state: string; reason?: string }>(reasons))
      assert.equal(reason === undefined, state === 'reachable');
  });
}
