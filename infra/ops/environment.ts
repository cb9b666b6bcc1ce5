import { globSync, readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { ConfigError } from '../../src/base/config.ts';
import { environmentPath } from '../local/environment.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The given environment when it names a region; otherwise that of a region which runs on this machine. */
export function environmentOf(env: Environment, region: string | undefined): Environment {
  if (env['TSG_REGION'] && (region === undefined || region === env['TSG_REGION'])) return env;
  const dataDir = env['TSG_DATA_DIR'] || '.data';
  const name = region ?? onlyRegion(dataDir);
  try {
    return { ...env, ...JSON.parse(readFileSync(environmentPath(dataDir, name), 'utf8')) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new ConfigError(
      `no region ${name} runs on ${dataDir}; start it, or set TSG_DATA_DIR or the region's environment`,
    );
  }
}

function onlyRegion(dataDir: string): string {
  const names = globSync(environmentPath(dataDir, '*'))
    .map((path) => basename(dirname(path)))
    .toSorted();
  if (names.length === 1) return names[0]!;
  throw new ConfigError(
    names.length === 0
      ? `no region runs on ${dataDir}`
      : `several regions run on ${dataDir}; choose one by --region: ${names.join(', ')}`,
  );
}
