// Accounts, users, tokens, databases, hosts and tasks: what every process of a region knows of them, and the one place to change them.

import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { RegionConfig } from '../base/config.ts';
import type { Log } from '../base/log.ts';
import { tables } from '../base/names.ts';
import { Accounts } from './accounts.ts';
import { Audit } from './audit.ts';
import { Backups } from './backups.ts';
import type { CacheCounters } from './cache.ts';
import { createCaches } from './caches.ts';
import { Changes } from './commit.ts';
import { Databases } from './databases.ts';
import { countCalls, createDynamo, type Dynamo, readItem } from './dynamo.ts';
import { createDynamoClock } from './dynamo-clock.ts';
import { Hosts } from './hosts.ts';
import { Lease } from './lease.ts';
import { Moves } from './moves.ts';
import { Outbox } from './outbox.ts';
import { DueSchedules } from './schedules.ts';
import { SeriesCatalogue } from './series.ts';
import { TaskClaims } from './task-claims.ts';
import { Tasks } from './tasks.ts';
import { Tokens } from './tokens.ts';
import { createSns, Topic } from './topic.ts';
import { Usage } from './usage.ts';
import { Users } from './users.ts';
import { createRedis, type FeedStatus, ZoneCache } from './zone-cache.ts';

const pingTimeoutMs = 1_000;
/** Redis answers in well under 1 ms; later than this, DynamoDB is the better bet. */
const redisDeadlineMs = 50;
/** Whoever has changed something waits longer: what every process of the region reads next depends on it. */
const redisWriteDeadlineMs = 1_000;
/** Workers of the home region take the feed's lease over earlier than the others: their way to DynamoDB is the shortest. */
const homePatienceMs = 10_000;
const awayPatienceMs = 16_000;

export interface Management {
  readonly accounts: Accounts;
  readonly users: Users;
  readonly tokens: Tokens;
  readonly databases: Databases;
  readonly series: SeriesCatalogue;
  readonly hosts: Hosts;
  readonly moves: Moves;
  readonly tasks: Tasks;
  readonly backups: Backups;
  readonly claims: TaskClaims;
  readonly schedules: DueSchedules;
  readonly changes: Changes;
  readonly audit: Audit;
  readonly usage: Usage;
  readonly cache: {
    /** Where reads were answered. */
    readonly counters: Readonly<CacheCounters>;
    /** Calls to DynamoDB of any kind. */
    dynamoCalls(): number;
    /** Calls to the own zone's Redis that failed, came late or found the connection down. */
    redisFaults(): number;
    /** How current the own zone's cache is; undefined: there is none, or it does not answer. */
    feed(): Promise<FeedStatus | undefined>;
  };
  /** What keeps the feed going. */
  readonly feed: {
    readonly outbox: Outbox;
    /** Undefined: there is none. */
    readonly topic: Pick<Topic, 'publish'> | undefined;
    /** Of the one process that sweeps the outbox. */
    lease(owner: string): Lease;
  };
  /** Of every zone of the region, by the zone's name. */
  readonly redis: ReadonlyMap<string, Redis>;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  /** Does DynamoDB answer? */
  ping(): Promise<boolean>;
  close(): Promise<void>;
}

/** With clients of its own. */
export function createManagement(config: RegionConfig, log: Log): Management {
  const { region, homeRegion, zone, dynamodbEndpoint, snsEndpoint, topicArn, redisUrls } = config;
  const dynamo = createDynamo({ region: homeRegion, endpoint: dynamodbEndpoint });
  const topic =
    topicArn === undefined ? undefined : new Topic(createSns({ region: homeRegion, endpoint: snsEndpoint }), topicArn);
  const redis = Object.fromEntries(Object.entries(redisUrls).map(([name, url]) => [name, createRedis(url)]));
  const management = managementOver({
    dynamo,
    topic,
    redis,
    redisDeadlineMs,
    region,
    homeRegion,
    zone,
    clock: createDynamoClock(dynamo, { wallMs: Date.now, elapsedMs: () => performance.now() }),
    log,
  });
  return {
    ...management,
    async close() {
      await management.close();
      topic?.close();
      for (const client of Object.values(redis)) client.disconnect();
      dynamo.destroy();
    },
  };
}

export interface ManagementOptions {
  readonly dynamo: Dynamo;
  /** Of changes; undefined: they wait in the outbox. */
  readonly topic: Pick<Topic, 'publish'> | undefined;
  /** Of every zone of the region, by the zone's name. Without the own zone's, the in-process tier is alone. */
  readonly redis: Readonly<Record<string, Redis>>;
  readonly redisDeadlineMs: number;
  readonly region: string;
  readonly homeRegion: string;
  /** Of this process. */
  readonly zone: string;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  readonly log: Log;
}

/** Over clients that are the caller's to close. */
export function managementOver(options: ManagementOptions): Management {
  const { dynamo, topic, redis, redisDeadlineMs, region, homeRegion, clock, log } = options;
  const elapsedMs = (): number => performance.now();
  const calls = countCalls(dynamo);
  const open = (client: Redis, deadlineMs: number): ZoneCache =>
    new ZoneCache({ redis: client, deadlineMs, clock: elapsedMs, log });
  const own = redis[options.zone];
  const zone = own && open(own, redisDeadlineMs);
  const writers = new Map(
    Object.entries(redis).map(([name, client]) => [
      name,
      open(client, Math.max(redisDeadlineMs, redisWriteDeadlineMs)),
    ]),
  );
  const counters: CacheCounters = { process: 0, redis: 0, dynamo: 0, stale: 0 };
  const caches = createCaches({ dynamo, zone, clock: elapsedMs, counters });
  const outbox = new Outbox(dynamo);
  const changes = new Changes({
    dynamo,
    caches,
    zone: writers.get(options.zone),
    zones: [...writers.values()],
    outbox,
    topic,
    clock,
    elapsedMs,
    log,
  });

  const tasks = new Tasks({ dynamo, clock });
  const tokens = new Tokens({ dynamo, cache: caches.token, changes, clock });
  const accounts = new Accounts({ dynamo, cache: caches.account, changes, tokens, region, clock });
  return {
    accounts,
    users: new Users({ dynamo, cache: caches.user, changes, clock }),
    tokens,
    changes,
    series: new SeriesCatalogue({ dynamo, cache: caches.series, changes, clock }),
    databases: new Databases({ dynamo, cache: caches.database, changes, tasks, clock }),
    moves: new Moves(changes),
    hosts: new Hosts({ dynamo, region, clock }),
    backups: new Backups({ dynamo, clock }),
    tasks,
    claims: new TaskClaims({ dynamo, region, clock }),
    schedules: new DueSchedules({ dynamo, region, clock }),
    clock,
    redis: new Map(Object.entries(redis)),
    audit: new Audit({ dynamo, clock }),
    usage: new Usage({ dynamo, clock }),
    cache: {
      counters,
      dynamoCalls: () => calls.count,
      redisFaults: () => (zone?.faults ?? 0) + (writers.get(options.zone)?.faults ?? 0),
      feed: async () => zone?.feed(),
    },
    feed: {
      outbox,
      topic,
      lease(owner) {
        const patienceMs = region === homeRegion ? homePatienceMs : awayPatienceMs;
        return new Lease({ dynamo, name: 'feed', owner, patienceMs, elapsedMs });
      },
    },
    async ping() {
      const read = readItem(dynamo, tables.accounts, { id: 'none' }).then(
        () => true,
        () => false,
      );
      return Promise.race([read, delay(pingTimeoutMs, false, { ref: false })]);
    },
    async close() {
      await changes.close();
      zone?.close();
    },
  };
}
