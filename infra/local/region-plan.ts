// The processes of one region.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { newRelic } from '../../src/base/names.ts';
import { freePort } from '../../src/base/ports.ts';
import type { ChildDefinition } from './child.ts';
import { type Environment, keepEnvironment, list, regionDirectory } from './environment.ts';
import { answers, logs, runsDatabases } from './probes.ts';
import { node } from './programs.ts';
import type { LocalSettings } from './settings.ts';

/** Databases of one host are striped over up to this many directories. */
const volumes = 16;

const loopback = '127.0.0.1';

/** After idling, V8 sometimes shrinks the space for new objects to 1 MB (seen once in a trace) and then scavenges every 40–130 ms under load; this keeps 16. */
const apiFlags = ['--min-semi-space-size=16'];

export interface RegionOptions {
  readonly name: string;
  readonly dataDir: string;
  /** Where its API listens. */
  readonly host: string;
  readonly port: number;
  /** Where its processes stand. */
  readonly zone: string;
  /** By zone. */
  readonly redisUrls: Readonly<Record<string, string>>;
  readonly objectStore: string;
  readonly bare: Environment;
  /** What depends on the other regions. */
  readonly shared: Environment;
  readonly adminToken: string;
  readonly agentSecret: string;
  readonly linkSecret: string;
  readonly logPath: (name: string) => string;
}

/** Where each process of the region shows its figures. */
type MetricsUrls = Readonly<Record<string, string>>;

export async function planRegion(
  options: RegionOptions,
): Promise<{ definitions: ChildDefinition[]; metrics: MetricsUrls }> {
  const {
    name: region,
    dataDir,
    host,
    port,
    zone,
    redisUrls,
    bare,
    adminToken,
    agentSecret,
    linkSecret,
    logPath,
  } = options;
  const told: Environment = {
    ...options.shared,
    TSG_REGION: region,
    TSG_ZONE: zone,
    ...(redisUrls[zone] !== undefined && { REDIS_URL: redisUrls[zone], TSG_REDIS_URLS: list(redisUrls) }),
    TSG_OBJECT_STORE: options.objectStore,
    ...(bare['TSG_S3_ENDPOINT'] !== undefined && { TSG_S3_ENDPOINT: bare['TSG_S3_ENDPOINT'] }),
    TSG_LINK_SECRET: linkSecret,
    // The stand-ins take any.
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
  };
  keepEnvironment(dataDir, region, { ...told, TSG_AGENT_SECRET: agentSecret });
  const service = { ...bare, ...told, TSG_STOP_WITH_PARENT: '1' };
  const watched = (name: string): Environment => ({ ...service, ...newRelicEnvironment(bare, region, name) });
  const watchedNode = (script: string, ...flags: string[]): string[] =>
    node(script).toSpliced(1, 0, ...flags, ...(bare[newRelic.licenseKey] ? newRelic.flags : []));
  const agentPort = await freePort(loopback);
  const [agentMetrics, workerMetrics, replicatorMetrics] = [
    await freePort(loopback),
    await freePort(loopback),
    await freePort(loopback),
  ];
  const definitions: ChildDefinition[] = [
    {
      name: `${region}.agent`,
      command: node('kdb/agent/main.ts'),
      env: {
        ...service,
        TSG_HOST_ID: `${region}-1`,
        TSG_AGENT_PORT: String(agentPort),
        TSG_METRICS_PORT: String(agentMetrics),
        TSG_AGENT_SECRET: agentSecret,
        TSG_DATABASE_LOGS: join(dataDir, 'logs', 'databases'),
        TSG_VOLUMES: volumeDirectories(regionDirectory(dataDir, region)).join(','),
      },
      logPath: logPath(`${region}.agent`),
      stopTimeoutMs: 40_000,
      probe: (attempt) => runsDatabases(`http://${loopback}:${agentPort}`, agentSecret, attempt),
    },
    {
      name: `${region}.worker`,
      command: watchedNode('workers/main.ts'),
      env: { ...watched('worker'), TSG_AGENT_SECRET: agentSecret, TSG_METRICS_PORT: String(workerMetrics) },
      logPath: logPath(`${region}.worker`),
      stopTimeoutMs: 35_000,
      probe: (attempt) => logs('listening', logPath(`${region}.worker`), attempt),
    },
    {
      name: `${region}.replicator`,
      command: watchedNode('workers/replicator.ts'),
      env: { ...watched('replicator'), TSG_METRICS_PORT: String(replicatorMetrics) },
      logPath: logPath(`${region}.replicator`),
      stopTimeoutMs: 35_000,
      probe: (attempt) => logs('listening', logPath(`${region}.replicator`), attempt),
    },
    {
      name: `${region}.api`,
      command: watchedNode('src/main.ts', ...apiFlags),
      env: { ...watched('api'), TSG_HOST: host, PORT: String(port), TSG_ADMIN_TOKEN: adminToken },
      logPath: logPath(`${region}.api`),
      stopTimeoutMs: 35_000,
      probe: (attempt) => answers(`http://${reachable(host)}:${port}/ready`, attempt),
    },
  ];
  const metrics = {
    [`${region}.api`]: `http://${reachable(host)}:${port}/metrics`,
    [`${region}.agent`]: `http://${loopback}:${agentMetrics}/metrics`,
    [`${region}.worker`]: `http://${loopback}:${workerMetrics}/metrics`,
    [`${region}.replicator`]: `http://${loopback}:${replicatorMetrics}/metrics`,
  };
  return { definitions, metrics };
}

/** Where the launcher was given a licence key. */
function newRelicEnvironment(bare: Environment, region: string, name: string): Environment {
  if (!bare[newRelic.licenseKey]) return {};
  return {
    ...newRelic.variables,
    NEW_RELIC_APP_NAME: `tsg-${name}`,
    NEW_RELIC_LABELS: `region:${region}`,
  };
}

/** Where a region keeps its backups, imports and exports. */
export function objectsUrl({ objectStore, dataDir }: LocalSettings, region: string): string {
  if (objectStore !== undefined) return `${objectStore}/${region}`;
  return pathToFileURL(join(regionDirectory(dataDir, region), 'objects')).href;
}

function volumeDirectories(regionDir: string): string[] {
  const directories = Array.from({ length: volumes }, (_, i) => join(regionDir, 'host', `v${i}`));
  for (const directory of directories) mkdirSync(directory, { recursive: true });
  return directories;
}

/** An address that a client on this machine can use. */
function reachable(host: string): string {
  return host === '0.0.0.0' ? loopback : host;
}
