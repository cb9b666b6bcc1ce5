// The processes of a region on this machine: what each is started with and when it counts as ready.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createDynamo } from '../../src/management/dynamo.ts';
import { ensureTables } from '../../src/management/tables.ts';
import type { ChildDefinition } from './child.ts';
import { keptSecret } from './data-directory.ts';
import { openLogFolder } from './logs.ts';
import { freePort } from './ports.ts';
import { accepts, answers, logs, runsDatabases } from './probes.ts';
import { dynoxide, root, stoppedWithParent } from './programs.ts';
import { findRedis } from './redis.ts';
import type { LocalSettings } from './settings.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export interface Plan {
  readonly url: string;
  readonly adminToken: string;
  /** Which server holds the cache, for people; undefined: none. */
  readonly redis: string | undefined;
  /** In start order; those of one stage start together. */
  readonly stages: readonly (readonly ChildDefinition[])[];
}

/** Databases of one host are striped over up to this many directories. */
const volumes = 16;

const loopback = '127.0.0.1';

export async function planRegion(settings: LocalSettings, env: Environment): Promise<Plan> {
  const { dataDir, region, host } = settings;
  const adminToken = settings.adminToken ?? keptSecret(dataDir, 'admin-token', 'tsg_');
  const agentSecret = keptSecret(dataDir, 'agent-secret', '');
  const logFolder = openLogFolder(dataDir);
  const redis = settings.redisUrl === undefined ? await findRedis(dataDir, env['PATH'] ?? '') : undefined;
  const redisUrl = settings.redisUrl ?? redis?.url;
  const port = settings.port || (await freePort(host));
  const [dynamodbPort, sqsPort, agentPort] = [
    await freePort(loopback),
    await freePort(loopback),
    await freePort(loopback),
  ];

  const bare = bareEnvironment(env);
  const url = `http://${host}:${port}`;
  const service = {
    ...bare,
    TSG_REGION: region,
    TSG_ZONE: `${region}a`,
    TSG_REGION_ENDPOINTS: `${region}=${url}`,
    TSG_DYNAMODB_ENDPOINT: `http://${loopback}:${dynamodbPort}`,
    TSG_SQS_ENDPOINT: `http://${loopback}:${sqsPort}`,
    TSG_STOP_WITH_PARENT: '1',
    // The stand-ins take any.
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
  };
  const cached = { ...service, ...(redisUrl !== undefined && { REDIS_URL: redisUrl }) };
  const node = (script: string, ...rest: string[]) => [process.execPath, join(root, script), ...rest];
  const logPath = (name: string) => join(logFolder, `${name}.log`);

  const metadata: ChildDefinition = {
    name: 'dynoxide',
    command: stoppedWithParent([
      dynoxide(),
      ...['serve', '--host', loopback, '--port', String(dynamodbPort)],
      ...['--db-path', join(dataDir, 'dynamodb.sqlite')],
    ]),
    env: bare,
    logPath: logPath('dynoxide'),
    stopTimeoutMs: 10_000,
    probe: async (attempt) => {
      await answers(service.TSG_DYNAMODB_ENDPOINT, attempt);
      const dynamo = createDynamo({ region, endpoint: service.TSG_DYNAMODB_ENDPOINT });
      await ensureTables(dynamo).finally(() => dynamo.destroy());
    },
  };
  const queues: ChildDefinition = {
    name: 'fauxqs',
    command: node('infra/local/queues.ts', String(sqsPort), region),
    env: service,
    logPath: logPath('fauxqs'),
    stopTimeoutMs: 10_000,
    probe: (attempt) => answers(`${service.TSG_SQS_ENDPOINT}/health`, attempt),
  };
  const cache: ChildDefinition[] = redis
    ? [
        {
          name: 'redis',
          command: stoppedWithParent(redis.command),
          env: bare,
          logPath: logPath('redis'),
          stopTimeoutMs: 10_000,
          probe: (attempt) => accepts(redis.port, attempt),
        },
      ]
    : [];
  const agent: ChildDefinition = {
    name: 'agent',
    command: node('kdb/agent/main.ts'),
    env: {
      ...service,
      TSG_HOST_ID: 'local',
      TSG_AGENT_PORT: String(agentPort),
      TSG_AGENT_SECRET: agentSecret,
      TSG_VOLUMES: volumeDirectories(dataDir).join(','),
    },
    logPath: logPath('agent'),
    stopTimeoutMs: 40_000,
    probe: (attempt) => runsDatabases(`http://${loopback}:${agentPort}`, agentSecret, attempt),
  };
  const worker: ChildDefinition = {
    name: 'worker',
    command: node('workers/main.ts'),
    env: { ...cached, TSG_AGENT_SECRET: agentSecret },
    logPath: logPath('worker'),
    stopTimeoutMs: 35_000,
    probe: (attempt) => logs('listening', logPath('worker'), attempt),
  };
  const api: ChildDefinition = {
    name: 'api',
    command: node('src/main.ts'),
    env: { ...cached, TSG_HOST: host, PORT: String(port), TSG_ADMIN_TOKEN: adminToken },
    logPath: logPath('api'),
    stopTimeoutMs: 35_000,
    probe: (attempt) => answers(`http://${reachable(host)}:${port}/ready`, attempt),
  };
  return {
    url,
    adminToken,
    redis: redis?.description ?? (settings.redisUrl && 'REDIS_URL'),
    stages: [
      [metadata, queues, ...cache],
      [agent, worker, api],
    ],
  };
}

/** The environment without what could lead a process away from this machine, and without what only some of them may know. */
function bareEnvironment(env: Environment): Record<string, string> {
  const unwanted = /^(AWS_.*|(https?|all)_proxy|NODE_USE_ENV_PROXY|npm_.*|PORT|REDIS_URL|TSG_ADMIN_TOKEN)$/i;
  return Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => !unwanted.test(entry[0])));
}

function volumeDirectories(dataDir: string): string[] {
  const directories = Array.from({ length: volumes }, (_, i) => join(dataDir, 'host', `v${i}`));
  for (const directory of directories) mkdirSync(directory, { recursive: true });
  return directories;
}

/** An address that a client on this machine can use. */
function reachable(host: string): string {
  return host === '0.0.0.0' ? loopback : host;
}
