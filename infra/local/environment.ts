// What the processes are told by their environment.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type Environment = Readonly<Record<string, string>>;

/** The launcher's own without what could lead a process away from this machine, and without what only some of them may know. */
export function bareEnvironment(env: Readonly<Record<string, string | undefined>>): Environment {
  const unwanted = /^(AWS_.*|(https?|all)_proxy|NODE_USE_ENV_PROXY|npm_.*|PORT|REDIS_URL|TSG_ADMIN_TOKEN)$/i;
  return Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => !unwanted.test(entry[0])));
}

/** A list as src/base/config.ts reads it. */
export function list(urls: Readonly<Record<string, string>>): string {
  return Object.entries(urls)
    .map(([name, url]) => `${name}=${url}`)
    .join(',');
}

/** What the processes of a region are told, kept for tools that act on a region from outside. It holds secrets. */
export function keepEnvironment(dataDir: string, region: string, environment: Environment): void {
  mkdirSync(regionDirectory(dataDir, region), { recursive: true, mode: 0o700 });
  writeFileSync(environmentPath(dataDir, region), `${JSON.stringify(environment, null, 2)}\n`, { mode: 0o600 });
}

export function environmentPath(dataDir: string, region: string): string {
  return join(regionDirectory(dataDir, region), 'environment.json');
}

/** What is a region's own. */
export function regionDirectory(dataDir: string, region: string): string {
  return join(dataDir, 'regions', region);
}
