import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createRedis, ZoneCache } from '../../src/management/zone-cache.ts';
import { requireProgram } from '../programs.ts';
import { startRedis } from '../servers.ts';
import { silent } from './region.ts';

interface Event {
  readonly key: string;
  readonly version: number;
  readonly record: { readonly value: string } | null;
}

/** Histories of a few keys: changes, removals and new beginnings, each version once. */
const history = fc
  .array(fc.record({ key: fc.constantFrom('a', 'b', 'c'), removed: fc.boolean() }), { minLength: 1, maxLength: 20 })
  .map((steps) => {
    const versions = new Map<string, number>();
    return steps.map(({ key, removed }): Event => {
      const version = (versions.get(key) ?? 0) + 1;
      versions.set(key, version);
      return { key, version, record: removed ? null : { value: `${key}${version}` } };
    });
  });

test('events that come several times, in any order, beside readers that fill in old versions, converge', async (t) => {
  if (!requireProgram(t, 'redis-server', 'apt-get install redis-server')) return;
  const server = await startRedis();
  t.after(server.stop);
  const redis = createRedis(server.endpoint);
  t.after(() => redis.disconnect());
  await new Promise((resolve) => redis.once('ready', resolve));
  const zone = new ZoneCache({ redis, deadlineMs: 10_000, clock: () => performance.now(), log: silent });
  const deliveries = history.chain((events) =>
    fc.tuple(
      fc.constant(events),
      // Each at least once, up to three times, shuffled; a third of them as the late fill of a reader.
      fc.shuffledSubarray([...events, ...events, ...events], { minLength: events.length }),
      fc.shuffledSubarray(events, { minLength: events.length }),
    ),
  );
  await fc.assert(
    fc.asyncProperty(deliveries, async ([events, some, all]) => {
      await redis.flushall();
      const arrivals = [...some, ...all];
      await Promise.all(
        arrivals.map(({ key, version, record }, i) =>
          zone.put(key, { version, record, ageMs: i % 2 ? 0 : undefined, news: i % 3 > 0 }),
        ),
      );
      for (const key of new Set(events.map((event) => event.key))) {
        const newest = events.findLast((event) => event.key === key)!;
        const stored = await zone.read(key);
        assert.deepEqual(stored?.entry, { version: newest.version, record: newest.record });
      }
    }),
    { numRuns: 60 },
  );
});
