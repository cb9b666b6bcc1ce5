// The environment of each process: read once, checked, frozen, handed down. Nothing else reads process.env.

import { availableParallelism } from 'node:os';
import { isAbsolute } from 'node:path';
import { fileURLToPath } from 'node:url';
import { newRelic } from './names.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** A variable is missing or wrong: the process must not start. The message names it. */
export class ConfigError extends Error {}

/** winston's, the most important first. */
const logLevels = ['error', 'warn', 'info', 'http', 'verbose', 'debug', 'silly'];

/** What every process of a region needs. */
export interface RegionConfig {
  readonly region: string;
  /** Where DynamoDB and the topic of changes are. */
  readonly homeRegion: string;
  /** The zone of the region that this process runs in. */
  readonly zone: string;
  /** Undefined: AWS's own. */
  readonly dynamodbEndpoint: string | undefined;
  readonly sqsEndpoint: string | undefined;
  readonly snsEndpoint: string | undefined;
  /** Of changes of management data, in the home region; undefined: there is no feed. */
  readonly topicArn: string | undefined;
  /** Of batches that are written later, in this region; undefined: workers look for them once a minute. */
  readonly ingestTopicArn: string | undefined;
  /** Redis of this process's zone; undefined: the in-process tier alone. */
  readonly redisUrl: string | undefined;
  /** Redis of every zone of the region, by the zone's name. */
  readonly redisUrls: Readonly<Record<string, string>>;
  /** The public address of every region's API, by the region's name. */
  readonly regionEndpoints: Readonly<Record<string, string>>;
  readonly objectStore: ObjectStoreConfig;
  readonly logLevel: string;
  /** Undefined: the log goes to standard error alone. */
  readonly loggly: LogglyConfig | undefined;
  /** New Relic's agent was loaded before this process (names.ts). */
  readonly newRelic: boolean;
  /** Stop when standard input ends: the parent is gone. */
  readonly stopWithParent: boolean;
}

/** Where lines of the log go too. */
export interface LogglyConfig {
  readonly url: string;
  readonly token: string;
}

export type ObjectStoreConfig =
  /** `linkSecret` signs download addresses of the region's API. */
  | { readonly kind: 'directory'; readonly path: string; readonly linkSecret: string }
  /** `endpoint` undefined: AWS's own. */
  | { readonly kind: 's3'; readonly bucket: string; readonly prefix: string; readonly endpoint: string | undefined };

export interface ApiConfig extends RegionConfig {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** The operator's token; it also owns the account `local`. Undefined: whatever is in the tokens table. */
  readonly adminToken: string | undefined;
  /** Of a request body, also after decompression. */
  readonly maxBodyBytes: number;
  /** Of a part of an import that is uploaded; it is not kept in memory. */
  readonly maxPartBytes: number;
  /** Proxies before the API that each add the address they were called from to X-Forwarded-For: 1 behind a load balancer. */
  readonly trustedProxies: number;
  /** A query that takes longer is in the log, with what the engine did for it. */
  readonly slowQueryMs: number;
}

/** Of processes that have no API of their own. */
export interface WatchedConfig extends RegionConfig {
  /** Where /metrics listens, on loopback; undefined: nowhere. */
  readonly metricsPort: number | undefined;
  /** Lines for CloudWatch in the log, once a minute. */
  readonly cloudwatchFigures: boolean;
  /** What the names of Auto Scaling groups that have a database host each begin with; undefined: hosts are started by hand. */
  readonly hostGroups: string | undefined;
}

export interface WorkerConfig extends WatchedConfig {
  /** Of every region, by its name: backups are restored from there. */
  readonly objectStores: Readonly<Record<string, ObjectStoreConfig>>;
  readonly agentSecret: string;
}

export interface CanaryConfig extends WatchedConfig {
  /** The region's API, as customers reach it. */
  readonly url: string;
  readonly token: string;
}

export interface AgentConfig extends WatchedConfig {
  readonly hostId: string;
  /** Where the control port and the database ports listen. */
  readonly host: string;
  readonly port: number;
  readonly agentSecret: string;
  /** One directory per volume. */
  readonly volumes: readonly string[];
  /** How many databases it takes. */
  readonly slots: number;
  /** How many databases start at the same time. */
  readonly startsAtOnce: number;
  /** Of a database process, in MiB; null: only what its account's plan says. */
  readonly databaseMemoryMb: number | null;
  /** Of a database process, where it has a cgroup. */
  readonly databaseCpu: CpuConfig;
  /** Whoever refuses writes to a database for longer is thought to be dead. */
  readonly maxHeldMs: number;
  /** What databases write; undefined: to standard error of this process. */
  readonly databaseLogs: DatabaseLogsConfig | undefined;
  /** Undefined: databases run on the embedded engine. */
  readonly q: QConfig | undefined;
}

/** Undefined: not set in the cgroup. */
export interface CpuConfig {
  /** 100: one processor. */
  readonly percent: number | undefined;
  /** Against other databases, 100 each. */
  readonly weight: number | undefined;
}

/** Files of every database. */
export interface DatabaseLogsConfig {
  readonly folder: string;
  readonly maxFileBytes: number;
  readonly files: number;
}

/** How q is started [basics/cmdline]. */
export interface QConfig {
  readonly program: string;
  /** Processes of each database that answer reads, beside its writer. */
  readonly readers: number;
  /** That clients may have to each process of a database, all together. */
  readonly connections: number;
  /** -s: threads beside the main one. */
  readonly threads: number;
  /** -w: a process that needs more ends, and is started again. */
  readonly memoryMb: number;
  /** -T: a call that takes longer is ended. */
  readonly timeoutS: number;
  /** The node of the machine that it is bound to; undefined: to none. */
  readonly numaNode: number | undefined;
  /** QHOME, where q.k is, and QLIC, where the licence is; undefined: q's own. */
  readonly home: string | undefined;
  readonly licence: string | undefined;
}

export function readApiConfig(env: Environment): ApiConfig {
  const shared = readRegionConfig(env);
  if (shared.regionEndpoints[shared.region] === undefined)
    throw new ConfigError(`TSG_REGION_ENDPOINTS does not name ${shared.region}, the region of this process`);
  return Object.freeze({
    ...shared,
    host: text(env, 'TSG_HOST', '127.0.0.1'),
    port: integer(env, 'PORT', 8080, 0, 65_535),
    adminToken: env['TSG_ADMIN_TOKEN'] || undefined,
    maxBodyBytes: integer(env, 'TSG_MAX_BODY_BYTES', 32 * 1024 * 1024, 1024, 1024 * 1024 * 1024),
    maxPartBytes: integer(env, 'TSG_MAX_PART_BYTES', 1024 ** 3, 1024, 64 * 1024 ** 3),
    trustedProxies: integer(env, 'TSG_TRUSTED_PROXIES', 0, 0, 10),
    slowQueryMs: integer(env, 'TSG_SLOW_QUERY_MS', 2_000, 0, 3_600_000),
  });
}

export function readWorkerConfig(env: Environment): WorkerConfig {
  const shared = readWatchedConfig(env);
  return Object.freeze({
    ...shared,
    objectStores: Object.freeze({ ...objectStores(env), [shared.region]: shared.objectStore }),
    agentSecret: text(env, 'TSG_AGENT_SECRET'),
  });
}

export function readReplicatorConfig(env: Environment): WatchedConfig {
  return Object.freeze(readWatchedConfig(env));
}

export function readCanaryConfig(env: Environment): CanaryConfig {
  const shared = readWatchedConfig(env);
  const url = optionalUrl(env, 'TSG_CANARY_URL', web) ?? shared.regionEndpoints[shared.region];
  if (url === undefined)
    throw new ConfigError(`TSG_REGION_ENDPOINTS does not name ${shared.region}, the region of this process`);
  return Object.freeze({ ...shared, url: url.replace(/\/$/, ''), token: text(env, 'TSG_CANARY_TOKEN') });
}

export function readAgentConfig(env: Environment): AgentConfig {
  return Object.freeze({
    ...readWatchedConfig(env),
    hostId: text(env, 'TSG_HOST_ID'),
    host: text(env, 'TSG_AGENT_HOST', '127.0.0.1'),
    port: integer(env, 'TSG_AGENT_PORT', 0, 0, 65_535),
    agentSecret: text(env, 'TSG_AGENT_SECRET'),
    volumes: paths(env, 'TSG_VOLUMES'),
    slots: integer(env, 'TSG_SLOTS', 64, 1, 10_000),
    startsAtOnce: integer(env, 'TSG_STARTS_AT_ONCE', 2 * availableParallelism(), 1, 10_000),
    databaseMemoryMb: optionalInteger(env, 'TSG_DATABASE_MEMORY_MB', 64, 16 * 1024 * 1024) ?? null,
    databaseCpu: Object.freeze({
      percent: optionalInteger(env, 'TSG_DATABASE_CPU_PERCENT', 1, 100_000),
      weight: optionalInteger(env, 'TSG_DATABASE_CPU_WEIGHT', 1, 10_000),
    }),
    // With the time until the next heartbeat, a minute at most.
    maxHeldMs: integer(env, 'TSG_MAX_HELD_MS', 55_000, 100, 55_000),
    databaseLogs: env['TSG_DATABASE_LOGS'] ? Object.freeze(readDatabaseLogs(env, env['TSG_DATABASE_LOGS'])) : undefined,
    q: env['TSG_Q'] ? Object.freeze(readQConfig(env, env['TSG_Q'])) : undefined,
  });
}

function readDatabaseLogs(env: Environment, folder: string): DatabaseLogsConfig {
  return {
    folder,
    maxFileBytes: integer(env, 'TSG_DATABASE_LOG_MB', 16, 1, 10_240) * 1024 ** 2,
    files: integer(env, 'TSG_DATABASE_LOG_FILES', 4, 1, 100),
  };
}

/** The defaults keep to what KDB-X takes without a paid licence: 4 threads in all, 16 GB. */
function readQConfig(env: Environment, program: string): QConfig {
  const readers = integer(env, 'TSG_Q_READERS', 1, 0, 32);
  // Readers follow the writer, and one stays free for whoever looks after a database.
  const ownConnections = readers + 1;
  return {
    program,
    readers,
    connections: integer(env, 'TSG_Q_CONNECTIONS', 8, ownConnections + 1, 100_000) - ownConnections,
    threads: integer(env, 'TSG_Q_THREADS', 3, 0, 1_024),
    memoryMb: integer(env, 'TSG_Q_MEMORY_MB', 8_192, 64, 16 * 1024 * 1024),
    timeoutS: integer(env, 'TSG_Q_TIMEOUT_S', 30, 1, 86_400),
    numaNode: optionalInteger(env, 'TSG_Q_NUMA_NODE', 0, 1_023),
    home: env['QHOME'] || undefined,
    licence: env['QLIC'] || undefined,
  };
}

function readWatchedConfig(env: Environment): WatchedConfig {
  return {
    ...readRegionConfig(env),
    metricsPort: optionalInteger(env, 'TSG_METRICS_PORT', 1, 65_535),
    cloudwatchFigures: flag(env, 'TSG_CLOUDWATCH_FIGURES'),
    hostGroups: env['TSG_HOST_GROUPS'] || undefined,
  };
}

function readRegionConfig(env: Environment): RegionConfig {
  const region = text(env, 'TSG_REGION');
  const zone = text(env, 'TSG_ZONE');
  const redisUrl = optionalUrl(env, 'REDIS_URL', redis);
  const redisUrls = urls(env, 'TSG_REDIS_URLS', redis);
  if (redisUrl !== undefined) redisUrls[zone] ??= redisUrl;
  return {
    region,
    homeRegion: text(env, 'TSG_HOME_REGION', region),
    zone,
    dynamodbEndpoint: optionalUrl(env, 'TSG_DYNAMODB_ENDPOINT', web),
    sqsEndpoint: optionalUrl(env, 'TSG_SQS_ENDPOINT', web),
    snsEndpoint: optionalUrl(env, 'TSG_SNS_ENDPOINT', web),
    topicArn: topicArn(env, 'TSG_TOPIC_ARN'),
    ingestTopicArn: topicArn(env, 'TSG_INGEST_TOPIC_ARN'),
    redisUrl,
    redisUrls: Object.freeze(redisUrls),
    regionEndpoints: Object.freeze(urls(env, 'TSG_REGION_ENDPOINTS', web)),
    objectStore: Object.freeze(objectStore(env, 'TSG_OBJECT_STORE', text(env, 'TSG_OBJECT_STORE'))),
    logLevel: oneOf(env, 'TSG_LOG_LEVEL', logLevels, 'info'),
    loggly: env['LOGGLY_TOKEN'] ? Object.freeze(loggly(env, env['LOGGLY_TOKEN'])) : undefined,
    newRelic: Boolean(env[newRelic.licenseKey]),
    stopWithParent: flag(env, 'TSG_STOP_WITH_PARENT'),
  };
}

function loggly(env: Environment, token: string): LogglyConfig {
  const url = optionalUrl(env, 'LOGGLY_URL', ['https:']) ?? 'https://logs-01.loggly.com';
  return { url: url.replace(/\/$/, ''), token };
}

function topicArn(env: Environment, name: string): string | undefined {
  const arn = env[name] || undefined;
  if (arn !== undefined && !/^arn:[^:]+:sns:[^:]+:[^:]*:[^:]+$/.test(arn))
    throw new ConfigError(`${name} is ${arn}; it must be the ARN of an SNS topic`);
  return arn;
}

/** `name=url,name=url`. The value may hold a password, so messages do not repeat it. */
function urls(env: Environment, name: string, protocols: readonly string[]): Record<string, string> {
  const entries = (env[name] ?? '').split(',').filter(Boolean);
  return Object.fromEntries(
    entries.map((entry) => {
      const [, key, url] = /^([^=]+)=(.+)$/.exec(entry) ?? [];
      if (key === undefined || !URL.canParse(url!)) throw new ConfigError(`${name} must be a list of name=url`);
      if (!protocols.includes(new URL(url!).protocol))
        throw new ConfigError(`${name} must be a list of name=url, each with ${shown(protocols)}`);
      // Paths are appended to it.
      return [key, url!.replace(/\/$/, '')];
    }),
  );
}

/** `region=store,region=store`: those of the other regions. */
function objectStores(env: Environment): Record<string, ObjectStoreConfig> {
  const stores = Object.entries(urls(env, 'TSG_OBJECT_STORES', ['file:', 's3:']));
  return Object.fromEntries(stores.map(([region, url]) => [region, objectStore(env, 'TSG_OBJECT_STORES', url)]));
}

/** `file:///path` or `s3://bucket/prefix`. */
function objectStore(env: Environment, name: string, value: string): ObjectStoreConfig {
  if (value.startsWith('file:///'))
    return { kind: 'directory', path: fileURLToPath(value), linkSecret: text(env, 'TSG_LINK_SECRET') };
  const [, bucket, prefix] = /^s3:\/\/([a-z0-9.-]+)\/?(.*?)\/?$/.exec(value) ?? [];
  if (bucket === undefined) throw new ConfigError(`${name} must be file:///path or s3://bucket/prefix`);
  return { kind: 's3', bucket, prefix: prefix!, endpoint: optionalUrl(env, 'TSG_S3_ENDPOINT', web) };
}

const web = ['http:', 'https:'];
const redis = ['redis:', 'rediss:'];

/** It may hold a password too. */
function optionalUrl(env: Environment, name: string, protocols: readonly string[]): string | undefined {
  const value = env[name] || undefined;
  if (value !== undefined && !protocols.includes(URL.parse(value)?.protocol ?? ''))
    throw new ConfigError(`${name} must be a URL with ${shown(protocols)}`);
  return value;
}

const shown = (protocols: readonly string[]): string => protocols.map((each) => `${each}//`).join(' or ');

function paths(env: Environment, name: string): string[] {
  const all = text(env, name).split(',').filter(Boolean);
  if (all.length === 0 || !all.every(isAbsolute))
    throw new ConfigError(`${name} is ${env[name]}; it must be a list of absolute paths`);
  return all;
}

function oneOf(env: Environment, name: string, values: readonly string[], fallback: string): string {
  const value = text(env, name, fallback);
  if (!values.includes(value)) throw new ConfigError(`${name} is ${value}; it must be one of ${values.join(', ')}`);
  return value;
}

function flag(env: Environment, name: string): boolean {
  return oneOf(env, name, ['0', '1'], '0') === '1';
}

function text(env: Environment, name: string, fallback?: string): string {
  const value = env[name] || fallback;
  if (value === undefined) throw new ConfigError(`${name} is not set`);
  return value;
}

function optionalInteger(env: Environment, name: string, min: number, max: number): number | undefined {
  return env[name] ? integer(env, name, min, min, max) : undefined;
}

function integer(env: Environment, name: string, fallback: number, min: number, max: number): number {
  const value = env[name];
  if (value === undefined || value === '') return fallback;
  const number = Number(value);
  if (!Number.isInteger(number) || number < min || number > max)
    throw new ConfigError(`${name} is ${value}; it must be an integer from ${min} to ${max}`);
  return number;
}
