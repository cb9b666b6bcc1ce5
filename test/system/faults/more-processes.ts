// A worker and a database host beside those of a region. Whoever starts one stops it.

import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, globSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { LocalRegion } from '../region.ts';

const root = join(import.meta.dirname, '..', '..', '..');
/** Threads of the worker have it too, and no need of it. */
const preload = `data:text/javascript,${encodeURIComponent(
  `import { isMainThread } from 'node:worker_threads';
   if (isMainThread) await import(${JSON.stringify(pathToFileURL(join(import.meta.dirname, 'stopping-tasks.ts')).href)});`,
)}`;

type Environment = Readonly<Record<string, string>>;

export class Worker {
  readonly #child: ChildProcess;
  readonly #gone: Promise<unknown>;
  /** Task → what it did last. */
  readonly stopped = new Map<string, string>();

  /** With `stops`, each task that is named there stands still after so many changes, or after the one of that name. */
  constructor(region: LocalRegion, stops?: Readonly<Record<string, number | string>>) {
    const log = openSync(join(region.dataDir, 'logs', 'more-workers.log'), 'a');
    this.#child = fork(join(root, 'workers', 'main.ts'), {
      env: {
        ...environmentOf(region),
        ...(stops && { TSG_TEST_STOPS: JSON.stringify(stops) }),
      },
      execArgv: stops ? ['--import', preload] : [],
      stdio: ['pipe', 'ignore', log, 'ipc'],
    });
    closeSync(log);
    this.#child.stdin!.on('error', () => {});
    this.#child.on('message', (message) => {
      const { task, after } = message as { task: string; after: string };
      this.stopped.set(task, after);
    });
    this.#gone = once(this.#child, 'exit');
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** What stands still after a change of some name. */
  goOn(): void {
    this.#child.send('go on');
  }

  async end(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    this.#child.kill(signal);
    await this.#gone;
  }
}

export class Host {
  readonly #start: (env: Environment) => ChildProcess;
  #child: ChildProcess;
  readonly folder: string;

  private constructor(start: (env: Environment) => ChildProcess, folder: string) {
    this.#start = start;
    this.#child = start({});
    this.folder = folder;
  }

  /** A moment later it is registered. */
  static start(region: LocalRegion, id: string, volumeCount = 2): Host {
    const folder = join(region.dataDir, 'more-hosts', id);
    const volumes = Array.from({ length: volumeCount }, (_, i) => join(folder, `v${i}`));
    for (const volume of volumes) mkdirSync(volume, { recursive: true });
    const logPath = join(region.dataDir, 'logs', `${id}.log`);
    const start = (env: Environment): ChildProcess => {
      const log = openSync(logPath, 'a');
      const child = spawn(process.execPath, [join(root, 'kdb', 'agent', 'main.ts')], {
        env: { ...environmentOf(region), TSG_HOST_ID: id, TSG_VOLUMES: volumes.join(','), ...env },
        stdio: ['pipe', 'ignore', log],
      });
      closeSync(log);
      child.stdin!.on('error', () => {});
      return child;
    };
    return new Host(start, folder);
  }

  /** Ends the process of a database with kill -9. */
  killDatabase(id: string): void {
    const [note] = globSync(join(this.folder, '*', id, 'process.json'));
    process.kill(JSON.parse(readFileSync(note!, 'utf8')).pid, 'SIGKILL');
  }

  /** The agent alone; its databases go when they find that it is gone. */
  async replace(env: Environment = {}): Promise<void> {
    await ended(this.#child, 'SIGKILL');
    this.#child = this.#start(env);
  }

  stop(): Promise<void> {
    return ended(this.#child, 'SIGTERM');
  }
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill(signal);
  await gone;
}

function environmentOf(region: LocalRegion): Record<string, string> {
  return {
    PATH: process.env['PATH']!,
    ...(process.env['NODE_COMPILE_CACHE'] && { NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] }),
    ...region.environment(),
    TSG_STOP_WITH_PARENT: '1',
  };
}
