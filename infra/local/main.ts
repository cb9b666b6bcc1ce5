// `npm start`: whole regions on this machine, as the processes that run on AWS, pointed at stand-ins for its services.

import { ConfigError } from '../../src/base/config.ts';
import { portFault } from '../../src/base/ports.ts';
import { banner } from './banner.ts';
import { CannotStart } from './child.ts';
import { DataDirectoryFault, openDataDirectory } from './data-directory.ts';
import { planRun } from './plan.ts';
import { Processes } from './processes.ts';
import { earlierProcessesGone, RunFile } from './run-file.ts';
import { type LocalSettings, readLocalSettings, usage } from './settings.ts';

/** Nothing is wrong with the program: the message says what to do. */
class CannotRun extends Error {}

// One Ctrl-C arrives more than once: from the terminal, and passed on by npm and by the Node launcher.
const onePressMs = 1_000;

const print = (line: string): void => console.log(line);

// A closed terminal must not keep the processes from stopping in order.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

try {
  const settings = readLocalSettings(process.argv.slice(2), process.env);
  if (settings) await run(settings);
  else print(usage);
  process.exit(0);
} catch (error) {
  const expected = [ConfigError, DataDirectoryFault, CannotRun, CannotStart].some((kind) => error instanceof kind);
  console.error(expected ? (error as Error).message : error);
  process.exit(1);
}

async function run(settings: LocalSettings): Promise<void> {
  const stopRequested = stopRequest(settings.stopWithParent);
  const data = openDataDirectory(settings.dataDir);
  await earlierProcessesGone(settings.dataDir, print);
  await requireFreePorts(settings);

  const plan = await planRun(settings, process.env);
  const runFile = new RunFile(settings.dataDir, plan);
  const processes = new Processes(plan.stages, { spawned: (name, pid) => runFile.started(name, pid), report: print });
  stopRequested.again.then(() => {
    processes.kill();
    process.exit(1);
  });
  try {
    await Promise.race([processes.start(), processes.failed, stopRequested.first]);
    if (!stopRequested.isMade()) {
      print(banner(plan, settings));
      runFile.ready();
      await Promise.race([processes.failed, stopRequested.first]);
    }
  } finally {
    print('Stopping…');
    await processes.stop();
    runFile.remove();
    data.release();
  }
  print('Stopped.');
}

async function requireFreePorts({ host, regions }: LocalSettings): Promise<void> {
  for (const { port } of regions) {
    if (port === 0) continue;
    const fault = await portFault(host, port);
    if (fault === 'EADDRINUSE')
      throw new CannotRun(`Port ${port} is in use by another program. Set PORT to another one; 0 picks a free one`);
    if (fault !== null) throw new CannotRun(`Cannot listen on ${host}:${port}: ${fault}. Set PORT or TSG_HOST`);
  }
}

interface StopRequest {
  /** Stop in order. */
  readonly first: Promise<void>;
  /** The person is out of patience. */
  readonly again: Promise<void>;
  isMade(): boolean;
}

function stopRequest(stopWithParent: boolean): StopRequest {
  const first = Promise.withResolvers<void>();
  const again = Promise.withResolvers<void>();
  let madeAtMs: number | undefined;
  const request = (): void => {
    madeAtMs ??= performance.now();
    first.resolve();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      if (madeAtMs !== undefined && performance.now() - madeAtMs > onePressMs) again.resolve();
      request();
    });
  if (stopWithParent) process.stdin.on('end', request).on('error', request).resume();
  return { first: first.promise, again: again.promise, isMade: () => madeAtMs !== undefined };
}
