// The change feed with real servers: a home region, other regions, replicators as processes of their own.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { SQSClient } from '@aws-sdk/client-sqs';
import { GetQueueAttributesCommand, ReceiveMessageCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { Redis } from 'ioredis';
import { cacheKeys } from '../../src/base/names.ts';
import { compareZone } from '../../src/management/compare.ts';
import { type ChangeEvent, encodeEvent } from '../../src/management/event.ts';
import type { Token } from '../../src/management/records.ts';
import { createSns, ensureTopic, Topic } from '../../src/management/topic.ts';
import { createRedis, ZoneCache } from '../../src/management/zone-cache.ts';
import { ensureFeedQueue, findFeedQueue } from '../../src/tasks/feed-queue.ts';
import { createSqs } from '../../src/tasks/queue.ts';
import { CacheMender } from '../../workers/cache-mender.ts';
import { FeedConsumer } from '../../workers/feed-consumer.ts';
import { OutboxSweeper } from '../../workers/outbox-sweeper.ts';
import { ZoneWriter } from '../../workers/zone-writer.ts';
import { region as home, openManagement, silent, type TestManagement } from '../management/region.ts';
import { requireProgram } from '../programs.ts';
import { startDynoxide, startFauxqsProcess, startRedis, type TestProgram } from '../servers.ts';
import { until } from '../until.ts';

export interface TestRegion {
  readonly zones: readonly [TestProgram, TestProgram];
  /** One process's view. */
  open(): Promise<TestManagement>;
  startReplicator(): Promise<ChildProcess>;
  /** What a replicator is made of, in this process. */
  startConsumer(): Promise<TestConsumer>;
  /** As the topic would. */
  send(event: ChangeEvent): Promise<void>;
  /** The version of a token that the cache of a zone holds, and of each zone; null: none. */
  version(zone: 0 | 1, hash: string): Promise<number | null>;
  versions(hash: string): Promise<(number | null)[]>;
  /** The token as the zones would hold it if they had missed everything since. */
  plant(token: Token, zones: readonly (0 | 1)[]): Promise<void>;
  /** How many entries the caches of both zones hold that differ from DynamoDB. */
  differences(): Promise<number>;
}

export interface TestConsumer {
  readonly menders: readonly CacheMender[];
  readonly clock: { aheadMs: number };
  /** The next call for messages does. */
  failOnce(): Promise<void>;
  /** Messages that are not done. */
  waiting(): Promise<number>;
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
              TSG_OBJECT_STORE: 's3://none',
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
        async startConsumer() {
          const { dynamo } = await open();
          const queue = await findFeedQueue(sqs);
          const clock = { aheadMs: 0 };
          const elapsedMs = (): number => performance.now() + clock.aheadMs;
          const receiver = faulty(sqs);
          const redis = zones.map(({ endpoint }) => createRedis(endpoint));
          const menders = redis.map((client) => new CacheMender({ redis: client, dynamo, elapsedMs, log: silent }));
          const writers = redis.map((client, i) => {
            const cache = new ZoneCache({ redis: client, deadlineMs: 1_000, clock: elapsedMs, log: silent });
            return new ZoneWriter(cache, menders[i]!);
          });
          const options = { queue, zones: writers, clock: Date.now, elapsedMs, log: silent };
          const consumer = new FeedConsumer({ sqs: receiver.sqs, ...options });
          t.after(async () => {
            for (const mender of menders) mender.stop();
            await consumer.stop();
            for (const client of redis) client.disconnect();
          });
          await until('the zones to be connected', () => redis.every(({ status }) => status === 'ready'));
          consumer.start();
          return {
            menders,
            clock,
            failOnce: receiver.failOnce,
            async waiting() {
              const AttributeNames = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'] as const;
              const { Attributes } = await sqs.send(
                new GetQueueAttributesCommand({ QueueUrl: queue.url, AttributeNames: [...AttributeNames] }),
              );
              return AttributeNames.reduce((sum, name) => sum + Number(Attributes![name]), 0);
            },
          };
        },
        async send(event) {
          const { url: QueueUrl } = await findFeedQueue(sqs);
          await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: encodeEvent(event) }));
        },
        version: (zone, hash) => versionIn(clients[zone]!, hash),
        versions: (hash) => Promise.all(clients.map((client) => versionIn(client, hash))),
        async plant(token, where) {
          const { hash, version } = token;
          for (const zone of where)
            await clients[zone]!.hset(cacheKeys.token + hash, { version, record: JSON.stringify(token), readAt: 1 });
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

/** Takes messages like the other one, until it is told to fail. */
function faulty(sqs: SQSClient): { sqs: SQSClient; failOnce: () => Promise<void> } {
  let failed: (() => void) | undefined;
  const send = async (command: unknown, ...more: unknown[]): Promise<unknown> => {
    if (failed && command instanceof ReceiveMessageCommand) {
      failed();
      failed = undefined;
      throw new Error('a call fails');
    }
    return (sqs.send as (...args: unknown[]) => Promise<unknown>).call(sqs, command, ...more);
  };
  return {
    sqs: new Proxy(sqs, { get: (target, name) => (name === 'send' ? send : Reflect.get(target, name)) }),
    failOnce: () => new Promise((resolve) => (failed = resolve)),
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
