import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Throttle } from '../../src/auth/throttle.ts';
import { Zones } from '../../src/auth/zones.ts';
import type { ApiError } from '../../src/base/errors.ts';
import { createRedis } from '../../src/management/zone-cache.ts';
import { requireProgram } from '../programs.ts';
import { startRedis } from '../servers.ts';
import { until } from '../until.ts';

const account = { id: 'a1', plan: 'standard', limits: { pointsPerSecond: 100, querySecondsPerMinute: 3 } } as const;

function refusal(throttle: Throttle, rate: 'pointsPerSecond' | 'querySecondsPerMinute'): ApiError | undefined {
  try {
    throttle.check(account, rate);
    return undefined;
  } catch (error) {
    return error as ApiError;
  }
}

test('over the limit: 429 with the limit and when to retry; other accounts and limits are not touched', async () => {
  const throttle = new Throttle({ redis: undefined, healthyZones: () => 1 });
  throttle.check(account, 'pointsPerSecond');
  throttle.take(account, 'pointsPerSecond', 450);
  const refused = await until('a debt of several seconds', () => {
    const error = refusal(throttle, 'pointsPerSecond');
    return (error?.retryAfterS ?? 0) > 1 && error;
  });
  assert.deepEqual([refused.status, refused.code, refused.extra], [429, 'RateLimited', { limit: 'pointsPerSecond' }]);
  assert.match(refused.message, /pointsPerSecond \(100\)/);
  throttle.check(account, 'querySecondsPerMinute');
  throttle.check({ ...account, id: 'a2' }, 'pointsPerSecond');
  throttle.take(account, 'querySecondsPerMinute', 3.2);
  assert.equal(refusal(throttle, 'querySecondsPerMinute')?.extra['limit'], 'querySecondsPerMinute');
  assert.ok(throttle.refused.pointsPerSecond > 0 && throttle.refused.querySecondsPerMinute > 0);
});

test('without a limit nothing is counted', () => {
  const throttle = new Throttle({ redis: undefined, healthyZones: () => 1 });
  const free = { id: 'a3', plan: 'unlimited', limits: {} } as const;
  throttle.take(free, 'pointsPerSecond', 1e15);
  throttle.check(free, 'pointsPerSecond');
});

test('the processes of a zone share its part of the limit, and go on alone without Redis', async (t) => {
  if (!requireProgram(t, 'redis-server', 'apt-get install redis-server')) return;
  const server = await startRedis();
  t.after(server.stop);
  const clients = [createRedis(server.endpoint), createRedis(server.endpoint)];
  for (const client of clients) client.on('error', () => {});
  t.after(() => clients.forEach((client) => void client.disconnect()));
  await until('both to be connected', () => clients.every(({ status }) => status === 'ready'));
  const [one, other] = clients.map((redis) => new Throttle({ redis, healthyZones: () => 1 })) as [Throttle, Throttle];
  one.take(account, 'querySecondsPerMinute', 2.9);
  await until('it to be settled', async () => (await clients[0]!.keys('*')).length > 0);
  assert.equal(refusal(other, 'querySecondsPerMinute'), undefined);
  other.take(account, 'querySecondsPerMinute', 0.2);
  await until('the other process to hear of it', () => refusal(other, 'querySecondsPerMinute'));
  await server.stop();
  const lonely = { ...account, id: 'a4' };
  one.take(lonely, 'querySecondsPerMinute', 3.1);
  await until('it to be refused', () => {
    try {
      return void one.check(lonely, 'querySecondsPerMinute');
    } catch {
      return true;
    }
  });
});

test('zones that serve requests are counted, and those that went silent no longer', async (t) => {
  if (!requireProgram(t, 'redis-server', 'apt-get install redis-server')) return;
  const servers = await Promise.all([startRedis(), startRedis()]);
  for (const server of servers) t.after(server.stop);
  const names = ['a', 'b'];
  const zones = names.map((zone) => {
    const redis = new Map(names.map((name, i) => [name, createRedis(servers[i]!.endpoint)]));
    for (const client of redis.values()) {
      client.on('error', () => {});
      t.after(() => client.disconnect());
    }
    return { redis, zones: new Zones({ zone, redis }) };
  });
  const [a, b] = zones as [(typeof zones)[0], (typeof zones)[0]];
  await until('all to be connected', () =>
    zones.every(({ redis }) => [...redis.values()].every(({ status }) => status === 'ready')),
  );
  await a.zones.beat();
  assert.equal(a.zones.healthy, 1);
  await b.zones.beat();
  await a.zones.beat();
  assert.deepEqual([a.zones.healthy, b.zones.healthy], [2, 2]);
  await a.redis.get('a')!.pexpire('tsg:zone:b', 1);
  await until('zone b to be forgotten', async () => {
    await a.zones.beat();
    return a.zones.healthy === 1;
  });
});
