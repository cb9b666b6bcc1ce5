// One database: node kdb/embedded/main.ts --config <file>. Prints `listening <port>` when it answers, then now and then `synced <seconds>`; logs JSON on stderr.
import { readFileSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { parseArgs } from 'node:util';
import { createLog, type Log } from '../../src/base/log.ts';
import { freePort } from '../../src/base/ports.ts';
import type { DatabaseConfig } from '../database-config.ts';
import { SyncTimes } from '../sync-times.ts';
import { realFiles } from './storage/files.ts';
import { Store } from './store.ts';
import { warmUp } from './warm-up.ts';
import { createEngineServer } from './wire/server.ts';

const tellSyncsMs = 10_000;

const { values } = parseArgs({ options: { config: { type: 'string' } } });
if (!values.config) {
  process.stderr.write('usage: node kdb/embedded/main.ts --config <file>\n');
  process.exit(2);
}
const config = readConfig(values.config);
const log = createLog('database', process.env['TSG_LOG_LEVEL'] || 'info').child({ database: config.databaseId });
// node:sqlite, which holds the lock, is announced as experimental: a log line, not a line of text among JSON.
process.removeAllListeners('warning');
process.on('warning', (warning) => log.debug(warning.message));

try {
  await run(config, log);
} catch (error) {
  log.error(`cannot start: ${(error as Error).message}`);
  // The console transport writes synchronously only to files; give the line its way out.
  process.exitCode = 1;
}

function readConfig(path: string): DatabaseConfig {
  return JSON.parse(readFileSync(path, 'utf8')) as DatabaseConfig;
}

async function run(config: DatabaseConfig, log: Log): Promise<void> {
  const { host, user, password, ...options } = config;
  await warmUp();
  const port = config.port || (await freePort(host));
  const syncTimes = new SyncTimes();
  const store = await Store.open({
    ...options,
    held: options.heldBy != null,
    files: realFiles,
    log,
    synced: (durationS) => syncTimes.add(durationS),
  });
  const server = await createEngineServer(store, { host, port, user, password, log }).catch(async (error: unknown) => {
    await store.close();
    throw error;
  });
  let isStopping = false;
  const stop = (reason: string) => {
    if (isStopping) return;
    isStopping = true;
    (async () => {
      log.info('stopping', { reason });
      await server.close();
      await store.close();
      process.exit(0);
    })().catch((error: unknown) => {
      log.error(`cannot stop cleanly: ${(error as Error).message}`);
      process.exit(1);
    });
  };
  process.on('SIGHUP', () => {
    const { maxTagSets, maxSeries, heldBy } = readConfig(values.config!);
    const held = heldBy != null;
    store.limit({ maxTagSets: maxTagSets ?? null, maxSeries: maxSeries ?? null });
    store.hold(held).then(
      () => {
        log.info('configuration read again', { maxTagSets, maxSeries, held });
        process.stdout.write(`configured ${heldBy ?? ''}\n`);
      },
      (error: unknown) => log.error('the configuration cannot be applied', { error }),
    );
  });
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  process.stdin.on('end', () => stop('parent is gone'));
  process.stdin.resume();
  if (store.recovered) process.stdout.write(`recovered ${JSON.stringify(store.recovered)}\n`);
  process.stdout.write(`listening ${server.port}\n`);
  tellSyncs(syncTimes);
  // Node keeps compiled code at an orderly end only; what is killed has to start fast too.
  flushCompileCache();
}

/** To the agent: nothing after the sign is that there was no sync since the last time. */
function tellSyncs(syncTimes: SyncTimes): void {
  let told: number | undefined;
  setInterval(() => {
    const p99S = syncTimes.takeP99();
    if (p99S !== undefined || told !== undefined) process.stdout.write(`synced ${p99S ?? ''}\n`);
    told = p99S;
  }, tellSyncsMs).unref();
}
