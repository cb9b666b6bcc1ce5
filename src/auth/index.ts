// The rates of accounts, with what they need: connections to the Redis of every zone of the region.

import type { RegionConfig } from '../base/config.ts';
import type { Log } from '../base/log.ts';
import { createRedis } from '../management/zone-cache.ts';
import { Throttle } from './throttle.ts';
import { Zones } from './zones.ts';

export interface Rates {
  readonly throttle: Throttle;
  close(): Promise<void>;
}

export function createRates({ zone, redisUrls }: Pick<RegionConfig, 'zone' | 'redisUrls'>, log: Log): Rates {
  const redis = new Map(Object.entries(redisUrls).map(([name, url]) => [name, createRedis(url)]));
  for (const client of redis.values()) {
    // It comes back by itself; without it this process counts alone.
    client.on('error', (error: Error) => log.debug('redis', { error: error.message }));
  }
  const zones = new Zones({ zone, redis });
  if (redis.size > 0) zones.start();
  return {
    throttle: new Throttle({ redis: redis.get(zone), healthyZones: () => zones.healthy }),
    async close() {
      await zones.stop();
      for (const client of redis.values()) client.disconnect();
    },
  };
}
