import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from './ports.ts';
import { findProgram } from './programs.ts';

export interface LocalRedis {
  readonly url: string;
  readonly port: number;
  readonly command: readonly string[];
  /** For people: the program and its version. */
  readonly description: string;
}

/** A cache and nothing else: no persistence, bounded, a password that lasts as long as the run. Undefined when no server is on PATH. */
export async function findRedis(dataDir: string, path: string): Promise<LocalRedis | undefined> {
  const program = ['redis-server', 'valkey-server']
    .map((name) => findProgram(name, path))
    .find((found) => found !== undefined);
  if (program === undefined) return undefined;
  const port = await freePort('127.0.0.1');
  const password = randomBytes(24).toString('base64url');
  const folder = join(dataDir, 'redis');
  mkdirSync(folder, { recursive: true });
  // A file, since arguments can be read by every user of the machine.
  const file = join(folder, 'redis.conf');
  const settings = [
    'bind 127.0.0.1',
    `port ${port}`,
    `requirepass ${password}`,
    `dir ${JSON.stringify(folder)}`,
    'save ""',
    'appendonly no',
    'maxmemory 128mb',
    'maxmemory-policy allkeys-lru',
  ];
  writeFileSync(file, `${settings.join('\n')}\n`, { mode: 0o600 });
  return {
    url: `redis://:${password}@127.0.0.1:${port}`,
    port,
    command: [program, file],
    description: `${program} ${versionOf(program)}`,
  };
}

function versionOf(program: string): string {
  return /v=(\S+)/.exec(execFileSync(program, ['--version'], { encoding: 'utf8' }))?.[1] ?? '';
}
