// The change feed with real servers: a home region, other regions, replicators as processes of their own.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { SQSClient } from '@aws-sdk/client-sqs';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { Redis } from 'ioredis';
import { cacheKeys } from '../../src/base/names.ts';
import { compareZone } from '../../src/management/compare.ts';
import { type ChangeEvent, encodeEvent } from '../../src/management/event.ts';
import type { Token } from '../../src/management/records.ts';
import { createSns, ensureTopic, Topic } from '../../src/management/topic.ts';
import { ensureFeedQueue, feedQueueUrl } from '../../src/tasks/feed-queue.ts';
import { createSqs } from '../../src/tasks/queue.ts';
import { OutboxSweeper } from '../../workers/outbox-sweeper.ts';
import { region as home, openManagement, silent, type TestManagement } from '../management/region.ts';
import { requireProgram } from '../programs.ts';
import { startDynoxide, startFauxqsProcess, startRedis, type TestProgram } from '../servers.ts';
import { until } from '../until.ts';

export interface TestRegion {
  readonly zones: readonly [TestProgram, TestProgram];
  /** One process's view. */
  open(): Promise<TestManagement>;
  startReplicator(): Promise<ChildProcess>;
  /** As the topic would. */
  send(event: ChangeEvent): Promise<void>;
  /** The version of a token that the cache of a zone holds, and of each zone; null: none. */
  version(zone: 0 | 1, hash: string): Promise<number | null>;
  versions(hash: string): Promise<(number | null)[]>;
  /** The token as both zones would hold it if they had missed everything since. */
  plant(token: Token): Promise<void>;
  /** How many entries the caches of both zones hold that differ from DynamoDB. */
  differences(): Promise<number>;
}

export interface TestFeed {
  /** Publishing can be broken off. */
  readonly topic: { down: boolean };
  startRegion(name: string): Promise<TestRegion>;
  /** SQS ends and comes back empty. */
  loseQueues(): Promise<void>;
  /** With a clock of its own to turn, so that nobody waits for grace. */
  sweeper(management: TestManagement): { sweeper: OutboxSweeper; clock: { aheadMs: number } };
}

/** Undefined when there is no Redis; the test is reported as not run. */
export async function startFeed(t: TestContext): Promise<TestFeed | undefined> {
  if (!requireProgram(t, 'redis-server', 'apt-get install redis-server')) return undefined;
  const dynoxide = await startDynoxide();
  t.after(dynoxide.stop);
  const fauxqs = await startFauxqsProcess();
  t.after(fauxqs.stop);
  const sns = createSns({ region: home, endpoint: fauxqs.endpoint });
  t.after(() => sns.destroy());
  const topicArn = await ensureTopic(sns);
  const real = new Topic(sns, topicArn);
  const topic: TestFeed['topic'] & Pick<Topic, 'publish'> = {
    down: false,
    publish: (events) => (topic.down ? Promise.reject(new Error('SNS is down')) : real.publish(events)),
  };

  const regions: SQSClient[] = [];

  return {
    topic,
    async loseQueues() {
      await fauxqs.restart();
      await ensureTopic(sns);
      for (const sqs of regions) await ensureFeedQueue(sqs, sns, topicArn);
    },
    async startRegion(name) {
      const sqs = createSqs({ region: name, endpoint: fauxqs.endpoint });
      t.after(() => sqs.destroy());
      regions.push(sqs);
      await ensureFeedQueue(sqs, sns, topicArn);
      const zones = [await startRedis(), await startRedis()] as const;
      for (const zone of zones) t.after(zone.stop);
      const [a, b] = zones.map(({ endpoint }) => endpoint) as [string, string];
      const clients = zones.map(({ endpoint }) => new Redis(endpoint));
      for (const client of clients) client.on('error', () => {});
      t.after(() => {
        for (const client of clients) client.disconnect();
      });
      const open = async (): Promise<TestManagement> => {
        const management = await openManagement(dynoxide.endpoint, { redis: a, redisB: b, topic });
        t.after(management.close);
        return management;
      };
      return {
        zones,
        open,
        async startReplicator() {
          const child = spawn(process.execPath, [join(import.meta.dirname, '../../workers/replicator.ts')], {
            env: {
              TSG_REGION: name,
              TSG_HOME_REGION: home,
              TSG_ZONE: 'a',
              TSG_DYNAMODB_ENDPOINT: dynoxide.endpoint,
              TSG_SQS_ENDPOINT: fauxqs.endpoint,
              TSG_REDIS_URLS: `a=${a},b=${b}`,
            },
            stdio: ['ignore', 'ignore', 'pipe'],
          });
          t.after(() => ended(child));
          let text = '';
          child.stderr.on('data', (chunk: Buffer) => {
            text += chunk.toString();
          });
          await until('the replicator listens', () => {
            if (child.exitCode !== null) throw new Error(text);
            return text.includes('listening');
          });
          return child;
        },
        async send(event) {
          const QueueUrl = await feedQueueUrl(sqs);
          await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: encodeEvent(event) }));
        },
        version: (zone, hash) => versionIn(clients[zone]!, hash),
        versions: (hash) => Promise.all(clients.map((client) => versionIn(client, hash))),
        async plant(token) {
          const { hash, version } = token;
          for (const client of clients)
            await client.hset(cacheKeys.token + hash, { version, record: JSON.stringify(token), readAt: 1 });
        },
        async differences() {
          const { dynamo } = await open();
          const found = await Promise.all(clients.map((client) => compareZone(client, dynamo)));
          return found.flatMap(({ differences }) => differences).length;
        },
      };
    },
    sweeper({ feed }) {
      const clock = { aheadMs: 0 };
      const elapsedMs = (): number => performance.now() + clock.aheadMs;
      const lease = feed.lease(`w${Math.random()}`);
      return { clock, sweeper: new OutboxSweeper({ lease, outbox: feed.outbox, topic, elapsedMs, log: silent }) };
    },
  };
}

async function versionIn(client: Redis, hash: string): Promise<number | null> {
  const version = await client.hget(cacheKeys.token + hash, 'version');
  return version === null ? null : Number(version);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}
