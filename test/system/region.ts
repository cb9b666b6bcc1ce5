import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, globSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { environmentPath, regionDirectory } from '../../infra/local/environment.ts';
import { identityOf, isAlive, kill, type ProcessIdentity } from '../../infra/local/process-table.ts';
import { readRun } from '../../infra/local/run-file.ts';
import { readReplicatorConfig } from '../../src/base/config.ts';
import { until } from '../until.ts';
import { commandLine, processesOf } from './processes.ts';

const apiMain = join(import.meta.dirname, '..', '..', 'src', 'main.ts');
const launcher = join(import.meta.dirname, '..', '..', 'infra', 'local', 'main.ts');
const startTimeoutMs = 90_000;
const stopTimeoutMs = 60_000;

export interface RegionOptions {
  /** Home first; one when it is not given. */
  readonly regions?: readonly string[];
  /** Of each region. */
  readonly azs?: number;
  /** DynamoDB and SNS behind the proxy, for home too. */
  readonly proxied?: boolean;
  /** By region: how far the clocks of its processes are ahead. */
  readonly skewMs?: Readonly<Record<string, number>>;
  readonly env?: Readonly<Record<string, string>>;
  /** Kept when the region stops; else it gets one of its own, which is removed. */
  readonly dataDir?: string;
}

export interface Pids {
  readonly api: number;
  readonly worker: number;
  readonly replicator: number;
  readonly agent: number;
  readonly dynoxide: number;
  readonly fauxqs: number;
  /** Of the first zone; undefined when no Redis is installed. */
  readonly redis: number | undefined;
  /** By internal id. */
  readonly databases: Readonly<Record<string, number>>;
}

export interface Way {
  /** Connections are reset, also new ones. */
  cut(): Promise<void>;
  /** Nothing passes, connections hang. */
  hold(): Promise<void>;
  delay(roundTripMs: number): Promise<void>;
  heal(): Promise<void>;
}

export interface ExtraApi {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** One region or several as `npm start` runs them, on free ports and a data directory of their own. */
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

/** Where no region is named, home is meant. */
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
    const child = spawn(process.execPath, [launcher, ...this.#flags()], {
      env: {
        ...{ ...env, PORT: '0', TSG_DATA_DIR: this.dataDir, TSG_STOP_WITH_PARENT: '1' },
        ...skewed(this.#options.skewMs),
        ...this.#options.env,
      },
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

  #flags(): string[] {
    const { regions = [], azs, proxied } = this.#options;
    return [
      ...(regions.length > 0 ? ['--regions', regions.join(',')] : []),
      ...(azs === undefined ? [] : ['--azs', String(azs)]),
      ...(proxied ? ['--proxy'] : []),
    ];
  }

  /** Home first. */
  get names(): string[] {
    return Object.keys(readRun(this.dataDir)!.urls);
  }

  get url(): string {
    return this.urlOf(this.names[0]!);
  }

  urlOf(region: string): string {
    return readRun(this.dataDir)!.urls[region]!;
  }

  /** What the processes of a region are told, as the tools of the project take it. */
  environment(region = this.names[0]!): Record<string, string> {
    return JSON.parse(readFileSync(environmentPath(this.dataDir, region), 'utf8'));
  }

  /** By zone; none when no Redis is installed. */
  redisUrls(region = this.names[0]!): Record<string, string> {
    return { ...readReplicatorConfig(this.environment(region)).redisUrls };
  }

  /** The region's way to home's DynamoDB and SNS, or to one of them. The region was started with `proxied`. */
  proxy(region = this.names[0]!, services: readonly ('dynamodb' | 'sns')[] = ['dynamodb', 'sns']): Way {
    const change = async (way: object): Promise<void> => {
      for (const service of services) {
        const url = `${readRun(this.dataDir)!.proxy}/${region}.${service}`;
        const reply = await fetch(url, { method: 'PUT', body: JSON.stringify(way) });
        if (!reply.ok) throw new Error(`${url} answers ${reply.status}`);
      }
    };
    return {
      cut: () => change({ state: 'cut' }),
      hold: () => change({ state: 'held' }),
      delay: (roundTripMs) => change({ upMs: roundTripMs / 2, downMs: roundTripMs / 2 }),
      heal: () => change({ state: 'open', upMs: 0, downMs: 0 }),
    };
  }

  /** One more API, in a zone of its own choice. Whoever starts it stops it. */
  async startApi(region: string, zone: string, env: Readonly<Record<string, string>> = {}): Promise<ExtraApi> {
    const redisUrl = this.redisUrls(region)[zone];
    const log = openSync(join(this.dataDir, 'logs', `${zone}.extra-api.log`), 'a');
    const child = spawn(process.execPath, [apiMain], {
      env: {
        PATH: process.env['PATH'],
        ...this.environment(region),
        ...{ TSG_ZONE: zone, PORT: '0', TSG_STOP_WITH_PARENT: '1', TSG_DATA_DIR: this.dataDir },
        ...(redisUrl !== undefined && { REDIS_URL: redisUrl }),
        ...skewed(this.#options.skewMs),
        ...env,
      },
      stdio: ['pipe', 'pipe', log],
    });
    closeSync(log);
    child.stdin!.on('error', () => {});
    let output = '';
    child.stdout!.on('data', (data: Buffer) => (output += data));
    const port = await until(
      `another API in ${zone}`,
      () => /^listening (\d+)$/m.exec(output)?.[1],
      startTimeoutMs,
    ).catch((error) => {
      child.kill('SIGKILL');
      throw error;
    });
    const ended = once(child, 'exit');
    return {
      url: `http://127.0.0.1:${port}`,
      pid: child.pid!,
      stop: async () => {
        child.kill('SIGTERM');
        await ended;
      },
    };
  }

  /** The figures that a process (`worker`, `us-west-1.agent`) shows. */
  async metrics(name: string): Promise<string> {
    const { metrics } = readRun(this.dataDir)!;
    const reply = await fetch(metrics[name] ?? metrics[`${this.names[0]}.${name}`]!);
    if (!reply.ok) throw new Error(`/metrics of ${name} answers ${reply.status}`);
    return reply.text();
  }

  get adminToken(): string {
    return this.#options.env?.['TSG_ADMIN_TOKEN'] ?? readFileSync(join(this.dataDir, 'admin-token'), 'utf8').trim();
  }

  /** What the agents and the workers share. */
  get agentSecret(): string {
    return readFileSync(join(this.dataDir, 'agent-secret'), 'utf8').trim();
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
  pids(region = this.names[0]!): Pids {
    const { processes } = readRun(this.dataDir)!;
    const pid = (name: string) => processes[name]?.pid;
    return {
      api: pid(`${region}.api`)!,
      worker: pid(`${region}.worker`)!,
      replicator: pid(`${region}.replicator`)!,
      agent: pid(`${region}.agent`)!,
      dynoxide: pid('dynoxide')!,
      fauxqs: pid('fauxqs')!,
      redis: pid(`${region}a.redis`),
      databases: databasePids(regionDirectory(this.dataDir, region)),
    };
  }

  /** While it runs, the named processes of the run (`us-west-1a.redis`, `fauxqs`) are gone, ended by kill -9; afterwards they run again. */
  async without(names: readonly string[], action: () => Promise<void>): Promise<void> {
    const now = () => readRun(this.dataDir)!.processes;
    const before = names.map((name) => now()[name]!);
    // Stopped, the launcher starts nothing again.
    process.kill(this.launcherPid, 'SIGSTOP');
    // A test that is ended for taking too long: the launcher is to notice that nobody is there any more.
    const ended = (): void => {
      process.kill(this.launcherPid, 'SIGCONT');
      process.exit(1);
    };
    process.once('SIGTERM', ended);
    try {
      for (const identity of before) kill(identity, 'SIGKILL');
      await until('the processes to be gone', () => !before.some(isAlive));
      await action();
    } finally {
      process.off('SIGTERM', ended);
      process.kill(this.launcherPid, 'SIGCONT');
    }
    await until(
      `${names.join(', ')} to run again`,
      () => names.every((name, i) => now()[name]!.pid !== before[i]!.pid && isAlive(now()[name]!)),
      60_000,
    );
  }

  /** Ends the process with kill -9 and waits until another one has its place: one of `pids`, another process of the run by its name, or a database by its internal id. */
  async replace(name: Exclude<keyof Pids, 'databases'> | (string & {}), region = this.names[0]!): Promise<void> {
    const full = name === 'redis' ? `${region}a.redis` : name;
    const now = (): ProcessIdentity | undefined => {
      const { processes } = readRun(this.dataDir)!;
      const database = databasePids(regionDirectory(this.dataDir, region))[name];
      return (
        processes[full] ?? processes[`${region}.${name}`] ?? (database === undefined ? undefined : identityOf(database))
      );
    };
    const alive = (): ProcessIdentity | undefined => {
      const found = now();
      return found && isAlive(found) ? found : undefined;
    };
    const before = await until(`${name} to run`, alive);
    kill(before, 'SIGKILL');
    await until(`${name} to run again`, () => {
      const found = alive();
      return found && found.pid !== before.pid;
    });
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
        ...databasePidsOf(this.dataDir).map(identityOf),
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
function databasePids(regionDir: string): Record<string, number> {
  const notes = globSync(join(regionDir, 'host', '*', '*', 'process.json')).flatMap((path): [string, number][] => {
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

/** Of every region. */
function databasePidsOf(dataDir: string): number[] {
  return Object.keys(readRun(dataDir)?.urls ?? {}).flatMap((region) =>
    Object.values(databasePids(regionDirectory(dataDir, region))),
  );
}

/** Every process loads what moves its clock; it does so in the regions that are named. */
function skewed(skewMs: RegionOptions['skewMs']): Record<string, string> {
  if (skewMs === undefined) return {};
  const preload = pathToFileURL(join(import.meta.dirname, 'skewed-clock.ts')).href;
  return { NODE_OPTIONS: `--import=${preload}`, TSG_TEST_SKEW_MS: JSON.stringify(skewMs) };
}
