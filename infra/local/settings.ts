import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ConfigError } from '../../src/base/config.ts';

export const usage = `Usage: npm start -- [options]

Regions of the service on this machine, each with an API, a worker, a replicator, a database host and a Redis per zone.

  --regions <a,b,c>  their names; the first is home, where DynamoDB and the topic of changes are (default: TSG_REGION, else eu-west-1)
  --azs <n>          zones of each region (default: 1)
  --latency <ms>     round trip to home's DynamoDB and topic from the other regions (default: 0)
  --proxy            every region, home too, reaches DynamoDB and the topic through a proxy that tests can steer
  --help             this text

PORT (default 8080; 0: free ones) is the port of the first region's API, the others have the ports after it. infra/local/README.md has the
other settings. run.json in the data directory names the address of each process's /metrics.`;

/** What the person who types `npm start` may choose. */
export interface LocalSettings {
  /** Where the APIs listen. */
  readonly host: string;
  readonly dataDir: string;
  /** Undefined: the one kept in the data directory. */
  readonly adminToken: string | undefined;
  /** Home first. */
  readonly regions: readonly RegionSettings[];
  /** Of each region. */
  readonly zones: number;
  /** Between home and the others, there and back. */
  readonly latencyMs: number;
  /** Home, too, reaches its DynamoDB and its topic through the proxy. */
  readonly proxy: boolean;
  /** Undefined: redis-server or valkey-server when one is on PATH. */
  readonly redisUrl: string | undefined;
  /** `s3://bucket/prefix`; undefined: a folder of the data directory. */
  readonly objectStore: string | undefined;
  /** The q binary, as the person named it. */
  readonly q: string | undefined;
  /** Stop when standard input ends: whoever started this is gone. */
  readonly stopWithParent: boolean;
}

export interface RegionSettings {
  readonly name: string;
  /** Of its API; 0: a free one is picked. */
  readonly port: number;
}

/** Undefined: the person asks for the usage. */
export function readLocalSettings(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): LocalSettings | undefined {
  const flags = parsed(args);
  if (flags.help) return undefined;
  const names = regionNames(flags.regions ?? (env['TSG_REGION'] || 'eu-west-1'));
  const port = integer('PORT', env['PORT'] || '8080', 0, 65_535 - (names.length - 1));
  const settings: LocalSettings = {
    host: env['TSG_HOST'] || '127.0.0.1',
    dataDir: dataDirectory(env['TSG_DATA_DIR'] || '.data'),
    adminToken: env['TSG_ADMIN_TOKEN'] || undefined,
    regions: names.map((name, i) => ({ name, port: port && port + i })),
    zones: integer('--azs', flags.azs ?? '1', 1, 6),
    latencyMs: integer('--latency', flags.latency ?? '0', 0, 10_000),
    proxy: flags.proxy ?? false,
    redisUrl: env['REDIS_URL'] || undefined,
    objectStore: env['TSG_OBJECT_STORE'] || undefined,
    q: env['TSG_Q'] || undefined,
    stopWithParent: env['TSG_STOP_WITH_PARENT'] === '1',
  };
  if (settings.latencyMs > 0 && names.length === 1)
    throw new ConfigError('--latency is between regions; name several with --regions');
  if (settings.objectStore !== undefined && !/^s3:\/\/[^/,]+(\/[^/,]+)*$/.test(settings.objectStore))
    throw new ConfigError(`TSG_OBJECT_STORE is ${settings.objectStore}; it must be s3://bucket or s3://bucket/prefix`);
  if (settings.redisUrl !== undefined && (names.length > 1 || settings.zones > 1))
    throw new ConfigError(
      'REDIS_URL is one Redis, and every zone needs its own; unset it, or start one region with one zone',
    );
  return Object.freeze(settings);
}

interface Flags {
  readonly regions?: string | undefined;
  readonly azs?: string | undefined;
  readonly latency?: string | undefined;
  readonly proxy?: boolean | undefined;
  readonly help?: boolean | undefined;
}

function parsed(args: readonly string[]): Flags {
  try {
    return parseArgs({
      args: [...args],
      options: {
        regions: { type: 'string' },
        azs: { type: 'string' },
        latency: { type: 'string' },
        proxy: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    }).values;
  } catch (error) {
    throw new ConfigError(`${(error as Error).message}\n\n${usage}`);
  }
}

/** They become directories and host ids. */
function regionNames(text: string): string[] {
  const names = text.split(',');
  const wrong = names.find((name) => !/^[a-z][a-z0-9-]{0,31}$/.test(name));
  if (wrong !== undefined)
    throw new ConfigError(`${wrong || '(nothing)'} cannot be the name of a region; eu-west-1 could`);
  if (new Set(names).size < names.length) throw new ConfigError(`--regions ${text} names a region twice`);
  return names;
}

function integer(name: string, text: string, min: number, max: number): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= min && number <= max) return number;
  throw new ConfigError(`${name} is ${text}; it must be an integer from ${min} to ${max}`);
}

function dataDirectory(text: string): string {
  // The agent is given its volumes as a list with commas.
  if (text.includes(',')) throw new ConfigError(`TSG_DATA_DIR is ${text}; its path must not have a comma`);
  return resolve(text);
}
