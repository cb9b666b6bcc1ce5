// The processes of a run: what each is started with and when it counts as ready.

import { join } from 'node:path';
import { topics } from '../../src/base/names.ts';
import { freePort } from '../../src/base/ports.ts';
import type { ChildDefinition } from './child.ts';
import { keptSecret } from './data-directory.ts';
import { bareEnvironment, list } from './environment.ts';
import { openLogFolder } from './logs.ts';
import { describeRedis, findRedisServer } from './redis.ts';
import { planRegion, type RegionPlan } from './region-plan.ts';
import type { LocalSettings } from './settings.ts';
import { planStandIns } from './stand-ins.ts';

export interface Plan {
  /** Of each region's API, home first. */
  readonly urls: Readonly<Record<string, string>>;
  readonly adminToken: string;
  /** Where the proxy is steered; null: there is none. */
  readonly proxy: string | null;
  /** Which server holds the caches, for people; undefined: none. */
  readonly redis: string | undefined;
  /** In start order; those of one stage start together. */
  readonly stages: readonly (readonly ChildDefinition[])[];
}

export async function planRun(
  settings: LocalSettings,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Plan> {
  const { dataDir, host, redisUrl } = settings;
  const home = settings.regions[0]!.name;
  const adminToken = settings.adminToken ?? keptSecret(dataDir, 'admin-token', 'tsg_');
  const agentSecret = keptSecret(dataDir, 'agent-secret', '');
  const logFolder = openLogFolder(dataDir);
  const logPath = (name: string): string => join(logFolder, `${name}.log`);
  const redisServer = redisUrl === undefined ? findRedisServer(env['PATH'] ?? '') : undefined;
  const bare = bareEnvironment(env);

  const regions: { name: string; port: number }[] = [];
  for (const { name, port } of settings.regions) regions.push({ name, port: port || (await freePort(host)) });
  const urls = Object.fromEntries(regions.map(({ name, port }) => [name, `http://${host}:${port}`]));

  const standIns = await planStandIns(settings, bare, logPath);
  const plans: RegionPlan[] = [];
  for (const { name, port } of regions) {
    plans.push(
      await planRegion({
        ...{ name, host, port, bare, adminToken, agentSecret, redisServer, redisUrl, logPath },
        zones: Array.from({ length: settings.zones }, (_, i) => name + 'abcdef'[i]),
        regionDir: join(dataDir, name),
        shared: {
          TSG_HOME_REGION: home,
          TSG_REGION_ENDPOINTS: list(urls),
          TSG_DYNAMODB_ENDPOINT: standIns.home[name]!.dynamodb,
          TSG_SNS_ENDPOINT: standIns.home[name]!.sns,
          TSG_SQS_ENDPOINT: standIns.sqs,
          TSG_TOPIC_ARN: `arn:aws:sns:${home}:000000000000:${topics.changes}`,
        },
      }),
    );
  }
  return {
    urls,
    adminToken,
    proxy: standIns.proxy,
    redis: redisServer ? describeRedis(redisServer) : redisUrl && 'REDIS_URL',
    stages: [
      [...standIns.definitions, ...plans.flatMap(({ caches }) => caches)],
      plans.flatMap(({ services }) => services),
    ],
  };
}
