// Three regions with two zones each, and what the tests of this folder ask of all of them.

import assert from 'node:assert/strict';
import { Redis } from 'ioredis';
import { verifyCaches } from '../../../infra/ops/cache.ts';
import { showFeed } from '../../../infra/ops/feed.ts';
import { readReplicatorConfig } from '../../../src/base/config.ts';
import { cacheKeys, feedKey } from '../../../src/base/names.ts';
import { until } from '../../until.ts';
import { type LocalRegion, startRegion } from '../region.ts';
import { type Reply, Service } from '../service.ts';

export const home = 'eu-west-1';
export const west = 'us-west-1';
export const south = 'ap-southeast-2';
export const names = [home, west, south];

/** By region: how far its clocks are ahead. */
const skewMs = { [south]: 300_000, [west]: -300_000 };

let world: Promise<LocalRegion> | undefined;

/** One for all tests of a file: to start it takes 20 s of processor time. */
export function sharedWorld(): Promise<LocalRegion> {
  world ??= startRegion({ regions: names, azs: 2, proxied: true, skewMs });
  return world;
}

export async function stopWorld(): Promise<void> {
  await (await world)?.stop();
}

/** Of every zone of every region. */
export function redisNames(regions: LocalRegion): string[] {
  return names.flatMap((name) => Object.keys(regions.redisUrls(name)).map((zone) => `${zone}.redis`));
}

/** One caller at every region. */
export function callers(regions: LocalRegion, token: string): Record<string, Service> {
  return Object.fromEntries(names.map((name) => [name, new Service(regions.urlOf(name), token)]));
}

/** A new account, as its first token sees it from every region. */
export async function newAccount(
  regions: LocalRegion,
  name: string,
): Promise<{ id: string; at: Record<string, Service> }> {
  const operator = new Service(regions.url, regions.adminToken);
  const reply = await operator.ask('/v1/accounts', { body: { name, plan: 'unlimited' } });
  assert.equal(reply.status, 201, reply.text);
  return { id: reply.json.account.id, at: callers(regions, reply.json.token) };
}

/** What a token is told by each region: 404 when it is good (there is no such database), 401 when it is not. */
export async function verdicts(regions: LocalRegion, token: string): Promise<number[]> {
  const asked = Object.values(callers(regions, token)).map((service) => service.ask('/v1/databases/none'));
  return (await Promise.all(asked)).map(({ status }) => status);
}

export async function untilVerdict(regions: LocalRegion, token: string, status: 404 | 401): Promise<void> {
  await until(
    `every region to answer ${status}`,
    async () => (await verdicts(regions, token)).every((each) => each === status),
    70_000,
  );
}

/** When nothing is under way any more, every cache of every region has what DynamoDB has. */
export async function assertSettled(regions: LocalRegion): Promise<void> {
  await Promise.all(names.map((name) => assertRegionSettled(regions, name)));
}

async function assertRegionSettled(regions: LocalRegion, name: string): Promise<void> {
  const config = readReplicatorConfig(regions.environment(name));
  let rows: Awaited<ReturnType<typeof showFeed>>['rows'] = [];
  let pending = '';
  await until(
    `the feed of ${name} to be quiet`,
    async () => {
      ({ rows } = await showFeed(config));
      // A zone that came back empty took what came late for news; the replicator knows it, and compares the zone with DynamoDB.
      pending = (await regions.metrics(`${name}.replicator`).catch(() => 'cache_comparison_pending 1'))
        .split('\n')
        .filter((line) => /cache_comparison_pending.* 1$/.test(line))
        .join();
      return pending === '' && rows.every(isQuiet);
    },
    90_000,
  ).catch((error: Error) => {
    throw new Error(`${error.message}: ${JSON.stringify(rows)} ${pending}`);
  });
  const { rows: found, exitCode } = await verifyCaches(config, { repair: false });
  assert.equal(exitCode, 0, `the caches of ${name} differ from DynamoDB: ${JSON.stringify(found)}`);
}

/** Of the outbox and the queues: nothing is in them. Of a zone: its feed is current. */
function isQuiet({ what, events, heartbeatAgeMs }: Record<string, unknown>): boolean {
  if (String(what).startsWith('zone')) return typeof heartbeatAgeMs === 'number' && heartbeatAgeMs < 10_000;
  return events === 0;
}

/** Nobody ended but by the hand of a test. */
export function assertNobodyCrashed(regions: LocalRegion): void {
  const restarts = regions.output.split('\n').filter((line) => line.includes('starting it again'));
  assert.deepEqual(
    restarts.filter((line) => !line.includes('was ended by SIGKILL')),
    [],
  );
}

/** As if so much time had passed since anything in the caches was read, and since their feed was heard. */
export async function ageCaches(regions: LocalRegion, ageMs: number): Promise<void> {
  for (const url of names.flatMap((name) => Object.values(regions.redisUrls(name)))) {
    const redis = new Redis(url);
    for (const prefix of Object.values(cacheKeys))
      for (const key of await redis.keys(`${prefix}*`)) await redis.hincrby(key, 'readAt', -ageMs);
    for (const field of ['heartbeatAt', 'fenceAt']) await redis.hincrby(feedKey, field, -ageMs);
    redis.disconnect();
  }
}

export function assertAway(reply: Reply): void {
  assert.deepEqual([reply.status, reply.json?.code], [503, 'MetadataUnavailable'], reply.text);
  assert.ok(Number.isInteger(Number(reply.headers.get('retry-after'))));
  assert.ok(Number(reply.headers.get('retry-after')) > 0);
}
