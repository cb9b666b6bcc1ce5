import type { Redis } from 'ioredis';
import { createLog, type Log } from '../../src/base/log.ts';
import { theService } from '../../src/management/audit.ts';
import { createDynamo, type Dynamo } from '../../src/management/dynamo.ts';
import { type Management, managementOver } from '../../src/management/index.ts';
import type { Database, Task } from '../../src/management/records.ts';
import { ensureTables } from '../../src/management/tables.ts';
import type { Topic } from '../../src/management/topic.ts';
import { createRedis } from '../../src/management/zone-cache.ts';

export const region = 'eu-west-1';

/** Nothing is wanted on the terminal: tests provoke what it would complain about. */
export const silent: Log = createLog('test', 'info');
silent.silent = true;

export interface TestClock {
  (): number;
  /** Milliseconds that it is ahead of the wall clock. */
  aheadMs: number;
}

export function testClock(): TestClock {
  const clock: TestClock = () => Date.now() + clock.aheadMs;
  clock.aheadMs = 0;
  return clock;
}

export interface TestManagement extends Management {
  readonly dynamo: Dynamo;
  readonly clock: TestClock;
}

interface OpenOptions {
  /** Of the own zone, a; and of zone b. */
  readonly redis?: string;
  readonly redisB?: string;
  /** Long, so that a busy machine does not decide what a test sees. */
  readonly redisDeadlineMs?: number;
  readonly clock?: TestClock;
  /** Without one, events stay in the outbox. */
  readonly topic?: Pick<Topic, 'publish'>;
}

/** One process's view of the region behind the endpoints. */
export async function openManagement(
  dynamodb: string,
  { redis, redisB, redisDeadlineMs = 10_000, clock = testClock(), topic }: OpenOptions = {},
): Promise<TestManagement> {
  const dynamo = createDynamo({ region, endpoint: dynamodb });
  await ensureTables(dynamo);
  const clients: Record<string, Redis> = {};
  for (const [zone, url] of Object.entries({ a: redis, b: redisB })) {
    if (url === undefined) continue;
    const client = createRedis(url);
    clients[zone] = client;
    await new Promise((resolve) => client.once('ready', resolve));
  }
  const management = managementOver({
    dynamo,
    topic,
    redis: clients,
    redisDeadlineMs,
    region,
    homeRegion: region,
    zone: 'a',
    clock,
    log: silent,
  });
  return {
    ...management,
    dynamo,
    clock,
    async close() {
      await management.close();
      for (const client of Object.values(clients)) client.disconnect();
      dynamo.destroy();
    },
  };
}

export function newDatabase(accountId: string, name: string): Parameters<Management['databases']['createDatabase']>[0] {
  return { accountId, name, region, volumes: 2, schema: 'flexible' };
}

export async function createActive(
  databases: Management['databases'],
  accountId: string,
  name: string,
): Promise<{ database: Database; task: Task }> {
  const { database, task } = await databases.createDatabase(newDatabase(accountId, name), theService);
  const endpoint = { host: '127.0.0.1', port: 5001 };
  return { task, database: await databases.change(database, { status: 'active', endpoint }) };
}

/** For assert.rejects. */
export function code(expected: string): (error: unknown) => boolean {
  return (error) => (error as { code?: string }).code === expected;
}
