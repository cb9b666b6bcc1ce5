// Accounts, tokens, databases, hosts and tasks: what every process of a region knows of them, and the one place to change them.

import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { RegionConfig } from '../base/config.ts';
import type { Log } from '../base/log.ts';
import { cacheKeys } from '../base/names.ts';
import { Accounts } from './accounts.ts';
import { type CacheCounters, RecordCache } from './cache.ts';
import { Databases, loadDatabaseByCacheKey } from './databases.ts';
import { createDynamo, type Dynamo } from './dynamo.ts';
import { Hosts } from './hosts.ts';
import type { Database, Token } from './records.ts';
import { createRedis, RedisTier } from './redis-tier.ts';
import { Tasks } from './tasks.ts';
import { loadToken, Tokens } from './tokens.ts';

/** How old a copy may be served while DynamoDB does not answer. */
const tokenUsableMs = 15 * 60_000;
const databaseUsableMs = 24 * 3_600_000;
const pingTimeoutMs = 1_000;
/** Redis answers in well under 1 ms; later than this, DynamoDB is the better bet. */
const redisDeadlineMs = 50;

export interface Management {
  readonly accounts: Accounts;
  readonly tokens: Tokens;
  readonly databases: Databases;
  readonly hosts: Hosts;
  readonly tasks: Tasks;
  readonly cache: {
    /** Where reads were answered. */
    readonly counters: Readonly<CacheCounters>;
    /** Calls to Redis that failed, came late or found the connection down. */
    redisFaults(): number;
  };
  /** Does DynamoDB answer? */
  ping(): Promise<boolean>;
  close(): Promise<void>;
}

/** With clients of its own. */
export function createManagement(config: RegionConfig, log: Log): Management {
  const { region, dynamodbEndpoint, redisUrl } = config;
  const dynamo = createDynamo({ region, endpoint: dynamodbEndpoint });
  const redis = redisUrl === undefined ? undefined : createRedis(redisUrl);
  const management = managementOver({ dynamo, redis, redisDeadlineMs, region, clock: Date.now, log });
  return {
    ...management,
    async close() {
      await management.close();
      redis?.disconnect();
      dynamo.destroy();
    },
  };
}

export interface ManagementOptions {
  readonly dynamo: Dynamo;
  /** Of this process's zone; undefined: the in-process tier alone. */
  readonly redis: Redis | undefined;
  readonly redisDeadlineMs: number;
  readonly region: string;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  readonly log: Log;
}

/** Over clients that are the caller's to close. */
export function managementOver(options: ManagementOptions): Management {
  const { dynamo, redis, redisDeadlineMs, region, clock, log } = options;
  const elapsedMs = (): number => performance.now();
  const tier = redis && new RedisTier({ redis, deadlineMs: redisDeadlineMs, clock: elapsedMs, log });
  const counters: CacheCounters = { process: 0, redis: 0, dynamo: 0, stale: 0 };
  const shared = { redis: tier, clock: elapsedMs, counters };

  const tokenCache = new RecordCache<Token>({
    ...shared,
    prefix: cacheKeys.token,
    load: (hash) => loadToken(dynamo, hash),
    usableMs: tokenUsableMs,
    settled: () => true,
  });
  const databaseCache = new RecordCache<Database>({
    ...shared,
    prefix: cacheKeys.database,
    load: (key) => loadDatabaseByCacheKey(dynamo, key),
    usableMs: databaseUsableMs,
    settled: (database) => database.status === 'active',
  });
  tier?.listen(
    (key) => {
      tokenCache.drop(key);
      databaseCache.drop(key);
    },
    () => {
      tokenCache.distrustAll();
      databaseCache.distrustAll();
    },
  );

  const tokens = new Tokens({ dynamo, cache: tokenCache, clock });
  const accounts = new Accounts({ dynamo, tokens, clock });
  return {
    accounts,
    tokens,
    databases: new Databases({ dynamo, cache: databaseCache, clock }),
    hosts: new Hosts({ dynamo, region, clock }),
    tasks: new Tasks({ dynamo, region, clock }),
    cache: { counters, redisFaults: () => tier?.faults ?? 0 },
    async ping() {
      const read = accounts.getAccount('none').then(
        () => true,
        () => false,
      );
      return Promise.race([read, delay(pingTimeoutMs, false, { ref: false })]);
    },
    close: async () => tier?.close(),
  };
}
