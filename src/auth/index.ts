// The rates of accounts, over the connections to the Redis of every zone of the region that the caches use too.

import type { Redis } from 'ioredis';
import { Throttle } from './throttle.ts';
import { Zones } from './zones.ts';

export interface Rates {
  readonly throttle: Throttle;
  close(): Promise<void>;
}

export function createRates(zone: string, redis: ReadonlyMap<string, Redis>): Rates {
  const zones = new Zones({ zone, redis });
  if (redis.size > 0) zones.start();
  return {
    throttle: new Throttle({ redis: redis.get(zone), healthyZones: () => zones.healthy }),
    close: () => zones.stop(),
  };
}
