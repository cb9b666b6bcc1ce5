// The processes of one region.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../src/base/ports.ts';
import type { ChildDefinition } from './child.ts';
import { type Environment, keepEnvironment, list } from './environment.ts';
import { accepts, answers, logs, runsDatabases } from './probes.ts';
import { node, stoppedWithParent } from './programs.ts';
import { createLocalRedis } from './redis.ts';

/** Databases of one host are striped over up to this many directories. */
const volumes = 16;

const loopback = '127.0.0.1';

export interface RegionPlan {
  readonly caches: readonly ChildDefinition[];
  readonly services: readonly ChildDefinition[];
}

export interface RegionOptions {
  readonly name: string;
  /** Where its API listens. */
  readonly host: string;
  readonly port: number;
  readonly zones: readonly string[];
  /** Its part of the data directory. */
  readonly regionDir: string;
  /** The program that every zone gets one of; undefined: no zone has a cache, or the one of `redisUrl`. */
  readonly redisServer: string | undefined;
  readonly redisUrl: string | undefined;
  /** Without the region's own members, and what all regions are told. */
  readonly bare: Environment;
  readonly shared: Environment;
  readonly adminToken: string;
  readonly agentSecret: string;
  readonly logPath: (name: string) => string;
}

export async function planRegion(options: RegionOptions): Promise<RegionPlan> {
  const { name: region, host, port, zones, regionDir, bare, shared, adminToken, agentSecret, logPath } = options;
  const caches: ChildDefinition[] = [];
  const redisUrls: Record<string, string> = {};
  if (options.redisUrl !== undefined) redisUrls[zones[0]!] = options.redisUrl;
  for (const zone of options.redisServer === undefined ? [] : zones) {
    const redis = await createLocalRedis(options.redisServer!, join(regionDir, 'redis', zone));
    redisUrls[zone] = redis.url;
    caches.push({
      name: `${zone}.redis`,
      command: stoppedWithParent(redis.command),
      env: bare,
      logPath: logPath(`${zone}.redis`),
      stopTimeoutMs: 10_000,
      probe: (attempt) => accepts(redis.port, attempt),
    });
  }

  // Every process stands in the first zone.
  const told: Environment = {
    ...shared,
    TSG_REGION: region,
    TSG_ZONE: zones[0]!,
    ...(redisUrls[zones[0]!] !== undefined && { REDIS_URL: redisUrls[zones[0]!]!, TSG_REDIS_URLS: list(redisUrls) }),
    // The stand-ins take any.
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
  };
  keepEnvironment(regionDir, told);
  const service = { ...bare, ...told, TSG_STOP_WITH_PARENT: '1' };
  const agentPort = await freePort(loopback);
  const services: ChildDefinition[] = [
    {
      name: `${region}.agent`,
      command: node('kdb/agent/main.ts'),
      env: {
        ...service,
        TSG_HOST_ID: `${region}-1`,
        TSG_AGENT_PORT: String(agentPort),
        TSG_AGENT_SECRET: agentSecret,
        TSG_VOLUMES: volumeDirectories(regionDir).join(','),
      },
      logPath: logPath(`${region}.agent`),
      stopTimeoutMs: 40_000,
      probe: (attempt) => runsDatabases(`http://${loopback}:${agentPort}`, agentSecret, attempt),
    },
    {
      name: `${region}.worker`,
      command: node('workers/main.ts'),
      env: { ...service, TSG_AGENT_SECRET: agentSecret },
      logPath: logPath(`${region}.worker`),
      stopTimeoutMs: 35_000,
      probe: (attempt) => logs('listening', logPath(`${region}.worker`), attempt),
    },
    {
      name: `${region}.replicator`,
      command: node('workers/replicator.ts'),
      env: service,
      logPath: logPath(`${region}.replicator`),
      stopTimeoutMs: 35_000,
      probe: (attempt) => logs('listening', logPath(`${region}.replicator`), attempt),
    },
    {
      name: `${region}.api`,
      command: node('src/main.ts'),
      env: { ...service, TSG_HOST: host, PORT: String(port), TSG_ADMIN_TOKEN: adminToken },
      logPath: logPath(`${region}.api`),
      stopTimeoutMs: 35_000,
      probe: (attempt) => answers(`http://${reachable(host)}:${port}/ready`, attempt),
    },
  ];
  return { caches, services };
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
