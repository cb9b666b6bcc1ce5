import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { cacheKeys } from '../../src/base/names.ts';
import { theService } from '../../src/management/audit.ts';
import { createRedis, type NewEntry, ZoneCache } from '../../src/management/zone-cache.ts';
import { requireProgram } from '../programs.ts';
import { startDynoxide, startRedis, type TestProgram } from '../servers.ts';
import { until } from '../until.ts';
import { createActive, openManagement, silent, type TestManagement } from './region.ts';

async function withRedis(t: TestContext): Promise<TestProgram | undefined> {
  if (!requireProgram(t, 'redis-server', 'apt-get install redis-server')) return undefined;
  const redis = await startRedis();
  t.after(redis.stop);
  return redis;
}

async function tier(t: TestContext, endpoint: string): Promise<ZoneCache> {
  const redis = createRedis(endpoint);
  t.after(() => redis.disconnect());
  await new Promise((resolve) => redis.once('ready', resolve));
  const opened = new ZoneCache({ redis, deadlineMs: 10_000, clock: () => performance.now(), log: silent });
  t.after(() => opened.close());
  return opened;
}

/** Two processes of one region. */
async function pair(
  t: TestContext,
  redis: TestProgram,
  redisDeadlineMs?: number,
): Promise<[TestManagement, TestManagement]> {
  const dynoxide = await startDynoxide();
  t.after(dynoxide.stop);
  const options = { redis: redis.endpoint, ...(redisDeadlineMs !== undefined && { redisDeadlineMs }) };
  const a = await openManagement(dynoxide.endpoint, options);
  const b = await openManagement(dynoxide.endpoint, options);
  t.after(a.close);
  t.after(b.close);
  return [a, b];
}

test('the newest version stays, in whatever order they arrive', async (t) => {
  const redis = await withRedis(t);
  if (!redis) return;
  const zone = await tier(t, redis.endpoint);
  for (const order of [
    [1, 2, 3],
    [3, 2, 1],
    [2, 3, 1],
    [9, 10, 8],
    [1, 1, 0],
  ]) {
    const key = `k${order.join()}`;
    for (const [i, version] of order.entries()) {
      const { record } = entry(Math.max(...order.slice(0, i + 1)));
      assert.deepEqual(await zone.put(key, entry(version)), { version: Math.max(...order.slice(0, i + 1)), record });
    }
    const { version, record } = entry(Math.max(...order));
    assert.deepEqual((await zone.read(key))?.entry, { version, record });
  }
  assert.equal(await zone.read('never'), undefined);
});

test('a series that nobody asks for leaves after two hours, other records after a day', async (t) => {
  const redis = await withRedis(t);
  if (!redis) return;
  const zone = await tier(t, redis.endpoint);
  const client = createRedis(redis.endpoint);
  t.after(() => client.disconnect());
  await new Promise((resolve) => client.once('ready', resolve));
  const hourMs = 3_600_000;
  for (const [key, keptMs] of [
    [`${cacheKeys.series}db-1/cpu`, 2 * hourMs],
    [`${cacheKeys.token}abc`, 24 * hourMs],
  ] as const) {
    const assertKept = async (): Promise<void> => {
      const left = await client.pttl(key);
      assert.ok(left <= keptMs && left > keptMs - hourMs, `${key} ${left}`);
    };
    await zone.put(key, entry(1));
    await assertKept();
    await client.pexpire(key, 1_000);
    await zone.read(key);
    await assertKept();
  }
});

test('many writers at once: the newest stays', async (t) => {
  const redis = await withRedis(t);
  if (!redis) return;
  const zones = await Promise.all([tier(t, redis.endpoint), tier(t, redis.endpoint)]);
  const versions = Array.from({ length: 100 }, (_, i) => (i * 37) % 100);
  await Promise.all(versions.map((version, i) => zones[i % 2]!.put('k', entry(version))));
  const { version, record } = entry(99);
  assert.deepEqual((await zones[0]!.read('k'))?.entry, { version, record });
});

test('a revocation reaches the other process at once', async (t) => {
  const redis = await withRedis(t);
  if (!redis) return;
  const [a, b] = await pair(t, redis);
  for (let i = 0; i < 20; i++) {
    const { token, secret } = await a.tokens.createToken({ accountId: 'a1', name: 't', scopes: ['read'] }, theService);
    assert.ok(await b.tokens.findToken(secret));
    await a.tokens.revokeToken('a1', token.id, theService);
    assert.equal(await a.tokens.findToken(secret), undefined);
    await until('b knows', async () => (await b.tokens.findToken(secret)) === undefined);
  }
  assert.ok(b.cache.counters.redis >= 20);
});

test('what was unknown in the other process is known once it is created', async (t) => {
  const redis = await withRedis(t);
  if (!redis) return;
  const [a, b] = await pair(t, redis);
  assert.equal(await b.databases.getDatabase('a1', 'plant'), undefined);
  const { database } = await createActive(a.databases, 'a1', 'plant');
  await until('b knows', async () => (await b.databases.getDatabase('a1', 'plant'))?.id === database.id);
  const { dynamo } = b.cache.counters;
  assert.equal((await b.databases.getDatabase('a1', 'plant'))?.version, database.version);
  assert.equal(b.cache.counters.dynamo, dynamo);
});

test('unknown tokens are remembered for every process', async (t) => {
  const redis = await withRedis(t);
  if (!redis) return;
  const [a, b] = await pair(t, redis);
  assert.equal(await a.tokens.findToken('guess'), undefined);
  assert.equal(await b.tokens.findToken('guess'), undefined);
  assert.deepEqual([a.cache.counters.dynamo, b.cache.counters.dynamo], [1, 0]);
});

test('a deleted and newly created database is not mistaken for the old one', async (t) => {
  const redis = await withRedis(t);
  if (!redis) return;
  const [a, b] = await pair(t, redis);
  await createActive(a.databases, 'a1', 'plant');
  assert.ok(await b.databases.getDatabase('a1', 'plant'));
  const { database: deleting } = await a.databases.requestDelete('a1', 'plant', theService);
  await a.databases.remove(deleting);
  await until('b knows', async () => (await b.databases.getDatabase('a1', 'plant')) === undefined);
  const { database } = await createActive(a.databases, 'a1', 'plant');
  await until('b knows', async () => (await b.databases.getDatabase('a1', 'plant'))?.id === database.id);
});

test('without Redis, with a hanging one and with an empty new one requests are answered from DynamoDB', async (t) => {
  const redis = await withRedis(t);
  if (!redis) return;
  const [a, b] = await pair(t, redis, 50);
  const create = () => a.tokens.createToken({ accountId: 'a1', name: 't', scopes: ['read'] }, theService);
  const works = async (): Promise<void> => {
    const { token, secret } = await create();
    assert.ok(await a.tokens.findToken(secret));
    await a.tokens.revokeToken('a1', token.id, theService);
    assert.equal(await a.tokens.findToken(secret), undefined);
    assert.equal(await a.tokens.findToken('guess'), undefined);
  };
  await works();
  redis.child.kill('SIGSTOP');
  for (let i = 0; i < 5; i++) await works();
  assert.ok(a.cache.redisFaults() > 0);
  // The circuit is open: calls are not even tried.
  const faults = a.cache.redisFaults();
  for (let i = 0; i < 20; i++) await a.tokens.findToken(`guess ${i}`);
  assert.ok(a.cache.redisFaults() - faults <= 3);
  redis.child.kill('SIGKILL');
  await works();
  await redis.restart();
  await until('Redis is used again, by both', async () => {
    const { secret } = await create();
    const { redis: before } = b.cache.counters;
    await b.tokens.findToken(secret);
    return b.cache.counters.redis > before;
  });
  await works();
});

/** Every third version is a removal. */
function entry(version: number): NewEntry {
  return { version, record: version % 3 === 0 ? null : { value: `v${version}` }, ageMs: 0, news: true };
}
