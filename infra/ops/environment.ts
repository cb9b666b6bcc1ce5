import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { ConfigError } from '../../src/base/config.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The given environment when it names a region; otherwise that of a region which runs on this machine. */
export function environmentOf(env: Environment, region: string | undefined): Environment {
  if (env['TSG_REGION'] && (region === undefined || region === env['TSG_REGION'])) return env;
  const folder = join(env['TSG_DATA_DIR'] || '.data', 'regions');
  const name = region ?? onlyRegion(folder);
  try {
    return { ...env, ...parseEnv(readFileSync(join(folder, `${name}.env`), 'utf8')) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new ConfigError(
      `no region ${name} runs on ${folder}; start it, or set TSG_DATA_DIR or the region's environment`,
    );
  }
}

function onlyRegion(folder: string): string {
  let names: string[] = [];
  try {
    names = readdirSync(folder)
      .filter((name) => name.endsWith('.env'))
      .map((name) => name.slice(0, -'.env'.length));
  } catch {
    // Nothing has been started here.
  }
  if (names.length === 1) return names[0]!;
  throw new ConfigError(names.length === 0 ? `no region runs on ${folder}` : `--region: one of ${names.join(', ')}`);
}
