import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { feedKey } from '../../src/base/names.ts';
import { createRedis, ZoneCache } from '../../src/management/zone-cache.ts';
import { findProgram, requireProgram } from '../programs.ts';
import { startRedis } from '../servers.ts';
import { silent } from './region.ts';

const server = findProgram('redis-server') === undefined ? undefined : await startRedis();
after(() => server?.stop());
const redis = server && createRedis(server.endpoint);
after(() => redis?.disconnect());
if (redis) await new Promise((resolve) => redis.once('ready', resolve));
const zone = redis && new ZoneCache({ redis, deadlineMs: 10_000, clock: () => performance.now(), log: silent });

interface Ages {
  /** Seconds ago; null: never. Negative: the clock was set back since. */
  readonly read: number | null;
  readonly heartbeat: number | null;
  readonly fence?: number;
}

/** Times are written, not waited for. Gives what a reader is told. */
async function verdict({ read, heartbeat, fence }: Ages): Promise<{ fresh: boolean; staleS: number }> {
  const [s, us] = await redis!.time();
  const nowMs = Number(s) * 1_000 + Number(us) / 1_000;
  const ago = (age: number | null | undefined): number[] => (age == null ? [] : [Math.floor(nowMs - age * 1_000)]);
  await redis!.flushall();
  await redis!.hset('k', 'version', 3, 'record', '{}', ...ago(read).flatMap((at) => ['readAt', at]));
  const feed = [...ago(heartbeat).flatMap((at) => ['heartbeatAt', at]), ...ago(fence).flatMap((at) => ['fenceAt', at])];
  if (feed.length > 0) await redis!.hset(feedKey, ...feed);
  const stored = await zone!.read('k');
  assert.equal(stored?.entry.version, 3);
  return { fresh: stored.fresh, staleS: stored.staleMs / 1_000 };
}

const hour = 3_600;
const cases: readonly (readonly [what: string, ages: Ages, fresh: boolean, staleS: number])[] = [
  ['an old entry with the feed alive', { read: hour, heartbeat: 1 }, true, 1],
  ['… at the edge', { read: hour, heartbeat: 9 }, true, 9],
  ['an old entry with the feed silent', { read: hour, heartbeat: 11 }, false, 11],
  ['… for long', { read: 2 * hour, heartbeat: hour }, false, hour],
  ['a young entry with the feed silent', { read: 55, heartbeat: hour }, true, 55],
  ['a young entry without any feed', { read: 55, heartbeat: null }, true, 55],
  ['an entry without any feed', { read: 65, heartbeat: null }, false, 65],
  ['an entry from before the fence', { read: hour, heartbeat: 1, fence: 100 }, false, 1],
  ['an entry from after the fence', { read: 90, heartbeat: 1, fence: 100 }, true, 1],
  ['a young entry from before the fence', { read: 30, heartbeat: 1, fence: 10 }, true, 1],
  ['an entry of which nobody knows the age', { read: null, heartbeat: 1 }, false, 1],
  ['an entry from the future', { read: -300, heartbeat: 20 }, false, 20],
  ['a heartbeat from the future', { read: hour, heartbeat: -300 }, false, hour],
];
for (const [what, ages, fresh, staleS] of cases) {
  test(`${what}: ${fresh ? 'fresh' : 'to be read again'}`, async (t) => {
    if (!requireProgram(t, 'redis-server', 'apt-get install redis-server')) return;
    const found = await verdict(ages);
    assert.equal(found.fresh, fresh);
    assert.ok(found.staleS >= staleS && found.staleS < staleS + 5, `${found.staleS} s`);
  });
}

test('a heartbeat after a silence, and one after missed news, is a fence; the others are none', async (t) => {
  if (!requireProgram(t, 'redis-server', 'apt-get install redis-server')) return;
  const quiet = { fence: false, heldMs: 0 };
  const fenced = async (): Promise<boolean> => {
    const { fenceAgeMs, heartbeatAgeMs } = (await zone!.feed())!;
    return fenceAgeMs !== null && fenceAgeMs <= heartbeatAgeMs!;
  };
  await redis!.flushall();
  await zone!.beat(0, quiet);
  assert.equal(await fenced(), true, 'the first');
  await redis!.hset(feedKey, 'fenceAt', 1);
  await zone!.beat(0, quiet);
  assert.equal(await fenced(), false, 'the second');
  await zone!.beat(0, { fence: true, heldMs: 0 });
  assert.equal(await fenced(), true, 'news were missed');
  const [s] = await redis!.time();
  await redis!.hset(feedKey, 'fenceAt', 1, 'heartbeatAt', (Number(s) - 11) * 1_000);
  await zone!.beat(0, quiet);
  assert.equal(await fenced(), true, 'a silence');
});

test('a delayed heartbeat does not take back a newer one', async (t) => {
  if (!requireProgram(t, 'redis-server', 'apt-get install redis-server')) return;
  await redis!.flushall();
  await zone!.beat(0, { fence: false, heldMs: 0 });
  await zone!.beat(5_000, { fence: false, heldMs: 70 });
  const feed = (await zone!.feed())!;
  assert.ok(feed.heartbeatAgeMs! < 5_000);
  assert.deepEqual([feed.delayMs, feed.heldMs], [5_000, 70]);
});

test('what DynamoDB no longer knows at all goes, unless it came just now', async (t) => {
  if (!requireProgram(t, 'redis-server', 'apt-get install redis-server')) return;
  await redis!.flushall();
  const put = (version: number, record: object | null, ageMs: number, news: boolean) =>
    zone!.put('k', { version, record, ageMs, news });
  await put(7, { value: 1 }, 50_000, true);
  assert.equal((await put(0, null, 0, false))?.version, 7);
  await redis!.hset('k', 'readAt', 1);
  assert.equal((await put(0, null, 0, false))?.version, 0);
});

test('a record that is too large for the feed is fetched by whoever reads next', async (t) => {
  if (!requireProgram(t, 'redis-server', 'apt-get install redis-server')) return;
  await redis!.flushall();
  const put = (version: number, record: object | undefined) =>
    zone!.put('k', { version, record, ageMs: 0, news: true });
  await put(1, { value: 1 });
  await put(2, undefined);
  assert.equal(await zone!.read('k'), undefined);
  assert.deepEqual(await put(1, { value: 1 }), { version: 2, record: undefined });
  assert.deepEqual(await put(2, { value: 2 }), { version: 2, record: { value: 2 } });
  assert.deepEqual(await put(2, undefined), { version: 2, record: { value: 2 } });
});
