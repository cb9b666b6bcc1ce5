import { resolve } from 'node:path';
import { ConfigError } from '../../src/base/config.ts';

/** What the person who types `npm start` may choose. */
export interface LocalSettings {
  /** Where the API listens. */
  readonly host: string;
  /** 0: a free one is picked. */
  readonly port: number;
  readonly dataDir: string;
  /** Undefined: the one kept in the data directory. */
  readonly adminToken: string | undefined;
  readonly region: string;
  /** Undefined: redis-server or valkey-server when one is on PATH. */
  readonly redisUrl: string | undefined;
  /** The q binary, as the person named it. */
  readonly q: string | undefined;
  /** Stop when standard input ends: whoever started this is gone. */
  readonly stopWithParent: boolean;
}

export function readLocalSettings(env: Readonly<Record<string, string | undefined>>): LocalSettings {
  return Object.freeze({
    host: env['TSG_HOST'] || '127.0.0.1',
    port: port(env['PORT'] || '8080'),
    dataDir: dataDirectory(env['TSG_DATA_DIR'] || '.data'),
    adminToken: env['TSG_ADMIN_TOKEN'] || undefined,
    region: env['TSG_REGION'] || 'eu-west-1',
    redisUrl: env['REDIS_URL'] || undefined,
    q: env['TSG_Q'] || undefined,
    stopWithParent: env['TSG_STOP_WITH_PARENT'] === '1',
  });
}

function port(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 0 && number <= 65_535) return number;
  throw new ConfigError(`PORT is ${text}; it must be an integer from 0 to 65535`);
}

function dataDirectory(text: string): string {
  // The agent is given its volumes as a list with commas.
  if (text.includes(',')) throw new ConfigError(`TSG_DATA_DIR is ${text}; its path must not have a comma`);
  return resolve(text);
}
