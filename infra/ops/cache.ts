import { Redis } from 'ioredis';
import type { RegionConfig } from '../../src/base/config.ts';
import { compareZone, repairZone } from '../../src/management/compare.ts';
import { createDynamo } from '../../src/management/dynamo.ts';
import type { Commands } from './command.ts';
import { listReport, type Report, type Row } from './report.ts';

/** Enough to see what is wrong; the count says how much. */
const maxShown = 20;

export function cacheCommands(commands: Commands): void {
  const cache = commands.group('cache', 'the caches of every zone');
  commands.add<{ repair?: boolean }>(cache, {
    name: 'verify',
    does: 'compares every entry of every zone with DynamoDB; exit code 1 when something differs and was not repaired',
    example: 'cache verify --repair',
    options: (command) => command.option('--repair', 'takes out what differs'),
    work: async ({ config }, _args, { repair = false }) => {
      const { rows, exitCode } = await verifyCaches(config, { repair });
      return listReport(rows, undefined, exitCode);
    },
  });
}

/** Every entry of every zone of the region. */
export async function verifyCaches(
  config: RegionConfig,
  { repair }: { repair: boolean },
): Promise<{ rows: Row[]; exitCode: Report['exitCode'] }> {
  const dynamo = createDynamo({ region: config.homeRegion, endpoint: config.dynamodbEndpoint });
  const rows: Row[] = [];
  let exitCode: Report['exitCode'] = 0;
  try {
    for (const [zone, url] of Object.entries(config.redisUrls)) {
      const redis = new Redis(url, { maxRetriesPerRequest: 1 });
      redis.on('error', () => {});
      try {
        const { entries, differences } = await compareZone(redis, dynamo);
        if (repair) await repairZone(redis, differences);
        else if (differences.length > 0) exitCode = 1;
        rows.push({ zone, entries, different: differences.length, repaired: repair ? differences.length : 0 });
        for (const { kind, key, cachedVersion, storedVersion } of differences.slice(0, maxShown))
          rows.push({ zone, kind, key, cachedVersion, storedVersion });
      } catch (error) {
        rows.push({ zone, fault: error instanceof Error ? error.message : String(error) });
        exitCode = 1;
      } finally {
        redis.disconnect();
      }
    }
  } finally {
    dynamo.destroy();
  }
  return { rows, exitCode };
}
