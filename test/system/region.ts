import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { identityOf, isAlive, kill } from '../../infra/local/process-table.ts';
import { readRun } from '../../infra/local/run-file.ts';
import { until } from '../until.ts';
import { commandLine, processesOf } from './processes.ts';

const launcher = join(import.meta.dirname, '..', '..', 'infra', 'local', 'main.ts');
const startTimeoutMs = 90_000;
const stopTimeoutMs = 60_000;

export interface RegionOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Kept when the region stops; else it gets one of its own, which is removed. */
  readonly dataDir?: string;
}

export interface Pids {
  readonly api: number;
  readonly worker: number;
  readonly agent: number;
  readonly dynoxide: number;
  readonly fauxqs: number;
  /** Undefined when no Redis is installed. */
  readonly redis: number | undefined;
  /** By internal id. */
  readonly databases: Readonly<Record<string, number>>;
}

/** A region as `npm start` runs it, on a free port and a data directory of its own. */
export async function startRegion(options: RegionOptions = {}): Promise<LocalRegion> {
  const region = new LocalRegion(options);
  try {
    await region.start();
  } catch (error) {
    await region.stop().catch(() => {});
    throw error;
  }
  return region;
}

export class LocalRegion {
  readonly dataDir: string;
  readonly #options: RegionOptions;
  #launcher: ChildProcess | undefined;
  #output = '';
  /** A test has ended the launcher by force. */
  #killed = false;

  constructor(options: RegionOptions) {
    this.#options = options;
    this.dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'tsg-region-'));
  }

  async start(): Promise<void> {
    const env = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !/^(TSG_|PORT$|REDIS_URL$|NODE_TEST_)/.test(name)),
    );
    this.#output = '';
    // Its standard input ends with this process, and so does the region.
    const child = spawn(process.execPath, [launcher], {
      env: { ...env, PORT: '0', TSG_DATA_DIR: this.dataDir, TSG_STOP_WITH_PARENT: '1', ...this.#options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    child.stdin.on('error', () => {});
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (this.#output += data));
    this.#launcher = child;
    this.#killed = false;
    await until(
      'the region to be ready',
      () => {
        if (child.exitCode !== null) throw new Error(`the region ended with code ${child.exitCode}:\n${this.#output}`);
        const run = readRun(this.dataDir);
        return run?.ready && run.launcher.pid === child.pid && this.#output.includes('Ctrl-C');
      },
      startTimeoutMs,
    );
  }

  get url(): string {
    return readRun(this.dataDir)!.url;
  }

  get adminToken(): string {
    return this.#options.env?.['TSG_ADMIN_TOKEN'] ?? readFileSync(join(this.dataDir, 'admin-token'), 'utf8').trim();
  }

  /** What the launcher has printed. */
  get output(): string {
    return this.#output;
  }

  get launcherPid(): number {
    return this.#launcher!.pid!;
  }

  /** kill -9 of the launcher alone. */
  killLauncher(): void {
    this.#killed = true;
    this.#launcher!.kill('SIGKILL');
  }

  /** As they are now: a process that was restarted has another id. */
  pids(): Pids {
    const { processes } = readRun(this.dataDir)!;
    const pid = (name: string) => processes[name]?.pid;
    return {
      api: pid('api')!,
      worker: pid('worker')!,
      agent: pid('agent')!,
      dynoxide: pid('dynoxide')!,
      fauxqs: pid('fauxqs')!,
      redis: pid('redis'),
      databases: databasePids(this.dataDir),
    };
  }

  /** Ends the process with kill -9 and waits until another one has its place. A name, or the internal id of a database. */
  async replace(name: Exclude<keyof Pids, 'databases'> | (string & {})): Promise<void> {
    const now = () =>
      ({ ...readRun(this.dataDir)!.processes, ...mapped(databasePids(this.dataDir), identityOf) })[name];
    const before = await until(`${name} to run`, () => now() && isAlive(now()!) && now());
    kill(before, 'SIGKILL');
    await until(`${name} to run again`, () => now() && now()!.pid !== before.pid && isAlive(now()!));
  }

  /** kill -9 of every process at once, the launcher included. */
  killAll(): Promise<void> {
    this.#killed = true;
    return this.#kill(this.#launcher!);
  }

  async #kill(child: ChildProcess): Promise<void> {
    const left = () =>
      [
        identityOf(child.pid!),
        ...Object.values(readRun(this.dataDir)?.processes ?? {}),
        ...Object.values(mapped(databasePids(this.dataDir), identityOf)),
      ].filter(isAlive);
    await until('every process to be gone', () => {
      for (const identity of left()) kill(identity, 'SIGKILL');
      return left().length === 0;
    });
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }

  /** An orderly stop where it still runs, then a start on the same data. The address may be another one. */
  async restart(): Promise<void> {
    await this.#end('SIGTERM');
    await this.start();
  }

  /** Fails when the region does not end in order or leaves a process behind. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    try {
      await this.#end(signal);
      const left = await processesOf(this.dataDir);
      if (left.length > 0) throw new Error(`left behind: ${left.join('; ')}`);
    } finally {
      if (!this.#options.dataDir) rmSync(this.dataDir, { recursive: true, force: true, maxRetries: 5 });
    }
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#launcher;
    this.#launcher = undefined;
    if (!child || this.#killed) return;
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`the region ended by itself (${child.exitCode ?? child.signalCode}):\n${this.#output}`);
    const ended = once(child, 'exit', { signal: AbortSignal.timeout(stopTimeoutMs) });
    child.kill(signal);
    try {
      const [code] = await ended;
      if (code !== 0) throw new Error(`the region stopped with code ${code}:\n${this.#output}`);
    } catch (error) {
      await this.#kill(child);
      throw error;
    }
  }
}

/** The agent notes the process of each database in the database's first directory. */
function databasePids(dataDir: string): Record<string, number> {
  const notes = globSync(join(dataDir, 'host', '*', '*', 'process.json')).flatMap((path): [string, number][] => {
    try {
      const { pid } = JSON.parse(readFileSync(path, 'utf8'));
      // An old note may name a process id that is another program's by now.
      return commandLine(pid).includes(dirname(path)) ? [[basename(dirname(path)), pid]] : [];
    } catch {
      // It is being written.
      return [];
    }
  });
  return Object.fromEntries(notes);
}

function mapped<T, U>(values: Readonly<Record<string, T>>, change: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]));
}
