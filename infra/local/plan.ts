// The processes of a run: what each is started with and when it counts as ready.

import { join } from 'node:path';
import { ingest, topics } from '../../src/base/names.ts';
import { freePort } from '../../src/base/ports.ts';
import { planCaches } from './caches.ts';
import type { ChildDefinition } from './child.ts';
import { keptSecret } from './data-directory.ts';
import { bareEnvironment, list } from './environment.ts';
import { openLogFolder } from './logs.ts';
import { objectsUrl, planRegion } from './region-plan.ts';
import type { LocalSettings } from './settings.ts';
import { planStandIns } from './stand-ins.ts';

export interface Plan {
  /** Of each region's API, home first. */
  readonly urls: Readonly<Record<string, string>>;
  readonly adminToken: string;
  /** Where the processes of the regions show their figures, by the names of the processes. */
  readonly metrics: Readonly<Record<string, string>>;
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
  const { dataDir, host } = settings;
  const home = settings.regions[0]!.name;
  const adminToken = settings.adminToken ?? keptSecret(dataDir, 'admin-token', 'tsg_');
  const agentSecret = keptSecret(dataDir, 'agent-secret', '');
  const linkSecret = keptSecret(dataDir, 'link-secret', '');
  const logFolder = openLogFolder(dataDir);
  const logPath = (name: string): string => join(logFolder, `${name}.log`);
  const bare = bareEnvironment(env);

  const regions: { name: string; port: number }[] = [];
  for (const { name, port } of settings.regions) regions.push({ name, port: port || (await freePort(host)) });
  const urls = Object.fromEntries(regions.map(({ name, port }) => [name, `http://${host}:${port}`]));

  const caches = await planCaches(settings, bare, logPath);
  const standIns = await planStandIns(settings, bare, logPath);
  const objectStores = Object.fromEntries(regions.map(({ name }) => [name, objectsUrl(settings, name)]));
  const services: ChildDefinition[] = [];
  let metrics: Plan['metrics'] = {};
  for (const { name, port } of regions) {
    const planned = await planRegion({
      ...{ name, dataDir, host, port, bare, adminToken, agentSecret, linkSecret, logPath },
      zone: caches.zones[name]![0]!,
      redisUrls: caches.urls[name]!,
      objectStore: objectStores[name]!,
      shared: {
        TSG_HOME_REGION: home,
        TSG_REGION_ENDPOINTS: list(urls),
        TSG_OBJECT_STORES: list(objectStores),
        TSG_DYNAMODB_ENDPOINT: standIns.home[name]!.dynamodb,
        TSG_SNS_ENDPOINT: standIns.home[name]!.sns,
        TSG_SQS_ENDPOINT: standIns.sqs,
        TSG_TOPIC_ARN: `arn:aws:sns:${home}:000000000000:${topics.changes}`,
        TSG_INGEST_TOPIC_ARN: `arn:aws:sns:${name}:000000000000:${ingest.topic}`,
      },
    });
    services.push(...planned.definitions);
    metrics = { ...metrics, ...planned.metrics };
  }
  return {
    urls,
    adminToken,
    metrics,
    proxy: standIns.proxy,
    redis: caches.description,
    stages: [[...standIns.definitions, ...caches.definitions], services],
  };
}
