import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apiError } from '../../src/base/errors.ts';
import { RecordCache } from '../../src/management/cache.ts';
import type { Entry } from '../../src/management/entry.ts';
import type { ZoneCache } from '../../src/management/zone-cache.ts';
import { until } from '../until.ts';
import { code } from './region.ts';

interface Thing {
  readonly value: string;
  readonly busy?: boolean;
}

/** A cache over a store of one's own, and a clock to turn. */
function setup({ zone }: { zone?: ZoneCache } = {}) {
  const world = {
    nowMs: 1_000_000,
    store: new Map<string, Entry<Thing>>(),
    loads: 0,
    away: false,
    /** Set: loads wait for it. */
    gate: undefined as Promise<void> | undefined,
    counters: { process: 0, redis: 0, dynamo: 0, stale: 0 },
  };
  const cache = new RecordCache<Thing>({
    maxRecords: 1_000,
    prefix: 'p:',
    load: async (key) => {
      world.loads += 1;
      const entry = world.store.get(key) ?? { version: 0, record: null };
      await world.gate;
      if (world.away) throw apiError('MetadataUnavailable');
      return entry;
    },
    usableMs: 900_000,
    settled: ({ busy }) => !busy,
    zone,
    clock: () => world.nowMs,
    counters: world.counters,
  });
  return { cache, world };
}

test('a record is read once a second', async () => {
  const { cache, world } = setup();
  world.store.set('k', { version: 1, record: { value: 'a' } });
  assert.equal((await cache.find('k'))?.value, 'a');
  world.store.set('k', { version: 2, record: { value: 'b' } });
  world.nowMs += 999;
  assert.equal((await cache.find('k'))?.value, 'a');
  world.nowMs += 1;
  assert.equal((await cache.find('k'))?.value, 'b');
  assert.equal(world.loads, 2);
  assert.deepEqual(world.counters, { process: 1, redis: 0, dynamo: 2, stale: 0 });
});

test('unknown keys are read once a second too, and cannot push records out', async () => {
  const { cache, world } = setup();
  world.store.set('k', { version: 1, record: { value: 'a' } });
  await cache.find('k');
  for (let i = 0; i < 11_000; i++) assert.equal(await cache.find(`guess ${i}`), null);
  for (let i = 10_000; i < 11_000; i++) assert.equal(await cache.find(`guess ${i}`), null);
  assert.equal(world.loads, 11_001);
  assert.equal((await cache.find('k'))?.value, 'a');
  assert.equal(world.loads, 11_001);
});

test('a herd makes one read', async () => {
  const { cache, world } = setup();
  world.store.set('k', { version: 1, record: { value: 'a' } });
  const found = await Promise.all(Array.from({ length: 100 }, () => cache.find('k')));
  assert.ok(found.every((record) => record?.value === 'a'));
  assert.equal(world.loads, 1);
});

test('an unsettled record is read every time', async () => {
  const { cache, world } = setup();
  world.store.set('k', { version: 1, record: { value: 'a', busy: true } });
  for (let i = 0; i < 3; i++) await cache.find('k');
  assert.equal(world.loads, 3);
});

test('a change is seen at once, and by a read under way that is older it is not undone', async () => {
  const { cache, world } = setup();
  const gate = Promise.withResolvers<void>();
  world.store.set('k', { version: 1, record: { value: 'a' } });
  world.gate = gate.promise;
  const slow = cache.find('k');
  cache.learn('k', { version: 2, record: { value: 'b' } });
  gate.resolve();
  await slow;
  assert.equal((await cache.find('k'))?.value, 'b');
  assert.equal(world.loads, 1);
});

test('a removal is seen at once', async () => {
  const { cache, world } = setup();
  world.store.set('k', { version: 1, record: { value: 'a' } });
  await cache.find('k');
  cache.learn('k', { version: 2, record: null });
  assert.equal(await cache.find('k'), null);
});

test('after a drop the next caller reads again, also while an older read is under way', async () => {
  const { cache, world } = setup();
  const gate = Promise.withResolvers<void>();
  world.store.set('k', { version: 1, record: { value: 'a' } });
  world.gate = gate.promise;
  const slow = cache.find('k');
  await until('it reads', () => world.loads === 1);
  world.store.set('k', { version: 2, record: { value: 'b' } });
  cache.drop('k');
  const next = cache.find('k');
  gate.resolve();
  assert.equal((await slow)?.value, 'a');
  assert.equal((await next)?.value, 'b');
  assert.equal((await cache.find('k'))?.value, 'b');
  assert.equal(world.loads, 2);
  cache.drop('other');
  await cache.find('k');
  assert.equal(world.loads, 2);
});

test('a fresh read asks whatever is known, and is known afterwards', async () => {
  const { cache, world } = setup();
  world.store.set('k', { version: 1, record: { value: 'a' } });
  await cache.find('k');
  world.store.set('k', { version: 2, record: { value: 'b' } });
  assert.equal((await cache.refresh('k'))?.value, 'b');
  assert.equal((await cache.find('k'))?.value, 'b');
  assert.equal(world.loads, 2);
});

test('while DynamoDB is away, what is known is served until it is too old', async () => {
  const { cache, world } = setup();
  world.store.set('k', { version: 1, record: { value: 'a' } });
  await cache.find('k');
  world.away = true;
  world.nowMs += 899_000;
  for (let i = 0; i < 10; i++) assert.equal((await cache.find('k'))?.value, 'a');
  // One of them asked; the others did not wait for the same answer.
  assert.equal(world.loads, 2);
  assert.equal(world.counters.stale, 10);
  await assert.rejects(async () => cache.find('never read'), code('MetadataUnavailable'));
  world.nowMs += 1_000;
  await assert.rejects(async () => cache.find('k'), code('MetadataUnavailable'));
  world.away = false;
  assert.equal((await cache.find('k'))?.value, 'a');
});

test('while DynamoDB hangs, nobody waits long for news of what is known', async () => {
  const { cache, world } = setup();
  world.store.set('k', { version: 1, record: { value: 'a' } });
  await cache.find('k');
  const gate = Promise.withResolvers<void>();
  world.gate = gate.promise;
  world.nowMs += 2_000;
  assert.equal((await cache.find('k'))?.value, 'a');
  assert.equal((await cache.find('k'))?.value, 'a');
  assert.equal(world.counters.stale, 2);
  gate.resolve();
});

test('while DynamoDB hangs, an old entry of the zone is served, and one caller in five seconds waits for news', async () => {
  const stored = { entry: { version: 1, record: { value: 'a' } }, fresh: false, staleMs: 100_000 };
  const zone = { read: async () => stored, put: async () => undefined };
  const { cache, world } = setup({ zone: zone as unknown as ZoneCache });
  const gate = Promise.withResolvers<void>();
  world.gate = gate.promise;
  for (const key of ['k', 'l', 'm']) assert.equal((await cache.find(key))?.value, 'a');
  assert.equal(world.loads, 1);
  world.nowMs += 5_000;
  assert.equal((await cache.find('n'))?.value, 'a');
  assert.equal(world.loads, 2);
  world.nowMs += 1_000_000;
  world.away = true;
  gate.resolve();
  stored.staleMs += 1_000_000;
  await assert.rejects(Promise.resolve(cache.find('o')), code('MetadataUnavailable'));
});

test('missed news: nothing is believed any more, but it is still there in need', async () => {
  const { cache, world } = setup();
  for (const key of ['k', 'l', 'm']) world.store.set(key, { version: 1, record: { value: 'a' } });
  for (const key of ['k', 'l', 'm', 'none']) await cache.find(key);
  cache.distrustAll();
  world.nowMs += 1;
  for (const key of ['k', 'l', 'm', 'none', 'k']) await cache.find(key);
  assert.equal(world.loads, 8);
  cache.distrustAll();
  world.away = true;
  assert.equal((await cache.find('k'))?.value, 'a');
});

test('what was dropped is not served in need: the news may have been a revocation', async () => {
  const { cache, world } = setup();
  world.store.set('k', { version: 1, record: { value: 'a' } });
  await cache.find('k');
  cache.drop('k');
  world.away = true;
  await assert.rejects(async () => cache.find('k'), code('MetadataUnavailable'));
});

test('other faults of a read are passed on', async () => {
  const cache = new RecordCache<Thing>({
    maxRecords: 1_000,
    prefix: 'p:',
    load: () => Promise.reject(new TypeError('ours')),
    usableMs: 1,
    settled: () => true,
    zone: undefined,
    clock: () => 0,
    counters: { process: 0, redis: 0, dynamo: 0, stale: 0 },
  });
  await assert.rejects(async () => cache.find('k'), TypeError);
  await assert.rejects(cache.refresh('k'), TypeError);
});
