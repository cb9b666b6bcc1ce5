// What an operator asks of a region, from a machine that reaches its caches and DynamoDB.
// Usage: npm run ops -- cache verify [--repair] [--json] · npm run ops -- feed [--json]
// The region is the one of the environment (src/base/config.ts), or one that runs on this machine: --region, TSG_DATA_DIR.

import { parseArgs } from 'node:util';
import { ConfigError, readReplicatorConfig } from '../../src/base/config.ts';
import { verifyCaches } from './cache.ts';
import { environmentOf } from './environment.ts';
import { showFeed } from './feed.ts';
import { formatTable, type Report } from './report.ts';

const usage = `npm run ops -- <command> [--region <name>] [--json]

  cache verify [--repair]   compares every zone's cache with DynamoDB; --repair takes out what differs.
                            Exit code 1: something differs and was not repaired
  feed                      how far the caches are behind: outbox, queue, heartbeats
`;

interface Flags {
  readonly repair: boolean;
}

const commands: Readonly<
  Record<string, (config: ReturnType<typeof readReplicatorConfig>, flags: Flags) => Promise<Report>>
> = {
  'cache verify': verifyCaches,
  feed: showFeed,
};

try {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      region: { type: 'string' },
      repair: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const command = commands[positionals.join(' ')];
  if (values.help || !command) {
    process.stdout.write(usage);
    process.exit(values.help ? 0 : 2);
  }
  const config = readReplicatorConfig(environmentOf(process.env, values.region));
  const { rows, exitCode, ...rest } = await command(config, { repair: values.repair });
  process.stdout.write(
    values.json ? `${JSON.stringify({ region: config.region, ...rest, rows }, null, 2)}\n` : formatTable(rows),
  );
  process.exit(exitCode);
} catch (error) {
  const { code } = error as NodeJS.ErrnoException;
  if (!(error instanceof ConfigError) && !code?.startsWith('ERR_PARSE_ARGS')) throw error;
  process.stderr.write(`${(error as Error).message}\n`);
  process.exit(2);
}
