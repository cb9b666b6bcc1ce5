// A Redis per zone: a cache and nothing else.

import { join } from 'node:path';
import type { ChildDefinition } from './child.ts';
import { type Environment, regionDirectory } from './environment.ts';
import { accepts } from './probes.ts';
import { stoppedWithParent } from './programs.ts';
import { createLocalRedis, describeRedis, findRedisServer } from './redis.ts';
import type { LocalSettings } from './settings.ts';

export interface Caches {
  /** Zones of each region, the first is where its processes stand. */
  readonly zones: Readonly<Record<string, readonly string[]>>;
  /** By region and zone; without a zone that has none. */
  readonly urls: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly definitions: readonly ChildDefinition[];
  /** For people; undefined: there is none. */
  readonly description: string | undefined;
}

export async function planCaches(
  { dataDir, regions, zones: zoneCount, redisUrl }: LocalSettings,
  bare: Environment,
  logPath: (name: string) => string,
): Promise<Caches> {
  const program = redisUrl === undefined ? findRedisServer(bare['PATH'] ?? '') : undefined;
  const zones: Record<string, string[]> = {};
  const urls: Record<string, Record<string, string>> = {};
  const definitions: ChildDefinition[] = [];
  for (const { name: region } of regions) {
    zones[region] = Array.from({ length: zoneCount }, (_, i) => region + 'abcdef'[i]);
    urls[region] = redisUrl === undefined ? {} : { [zones[region][0]!]: redisUrl };
    for (const zone of program === undefined ? [] : zones[region]) {
      const redis = await createLocalRedis(program!, join(regionDirectory(dataDir, region), 'redis', zone));
      urls[region][zone] = redis.url;
      definitions.push({
        name: `${zone}.redis`,
        command: stoppedWithParent(redis.command),
        env: bare,
        logPath: logPath(`${zone}.redis`),
        stopTimeoutMs: 10_000,
        probe: (attempt) => accepts(redis.port, attempt),
      });
    }
  }
  return { zones, urls, definitions, description: program ? describeRedis(program) : redisUrl && 'REDIS_URL' };
}
