import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../src/base/ports.ts';
import { findProgram } from './programs.ts';

export interface LocalRedis {
  readonly url: string;
  readonly port: number;
  readonly command: readonly string[];
}

/** Undefined when none is on PATH. */
export function findRedisServer(path: string): string | undefined {
  return ['redis-server', 'valkey-server'].map((name) => findProgram(name, path)).find((found) => found !== undefined);
}

/** For people: the program and its version. */
export function describeRedis(program: string): string {
  const version = /v=(\S+)/.exec(execFileSync(program, ['--version'], { encoding: 'utf8' }))?.[1] ?? '';
  return `${program} ${version}`;
}

/** A cache and nothing else: no persistence, bounded, a password that lasts as long as the run. */
export async function createLocalRedis(program: string, folder: string): Promise<LocalRedis> {
  const port = await freePort('127.0.0.1');
  const password = randomBytes(24).toString('base64url');
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
  };
}
