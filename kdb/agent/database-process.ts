// One database's process: started, started again when it ends, stopped.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../../src/base/log.ts';
import { portFault } from '../../src/base/ports.ts';
import type { ProcessState, Recovery } from '../../src/management/host-agent.ts';
import type { ProcessLimits } from '../../src/management/plans.ts';
import type { DatabaseConfig } from '../database-config.ts';
import { Crashes } from './crashes.ts';
import { type DatabaseLog, readLines } from './database-log.ts';
import type { Fence } from './fence.ts';
import { endFormerProcess, noteProcess } from './former-process.ts';
import { areThere, changeHome, configPath } from './home.ts';
import type { Confined, Limits } from './limits.ts';
import { endOf } from './process-end.ts';
import type { DatabaseProgram } from './program.ts';
import { Readers } from './readers.ts';
import type { StartTurns } from './start-turns.ts';

/** How long a process may take to end, when asked to or when its agent is gone; then it is killed. */
const stopPatienceMs = 20_000;
/** How long a process that is to take no writes may finish what it does: a checkpoint, a deletion. */
const holdPatienceMs = 20_000;
/** Of what the process last wrote to standard error: for whoever asks why it does not run. */
const keptLines = 10;
/** What a process says of a start from files of a backup, before it listens. */
const recoveredSign = 'recovered ';
const configuredSign = 'configured ';
/** What 99 of 100 syncs of its journal did not exceed, in seconds, in the last moments. */
const syncedSign = 'synced ';
const killed = 'it was ended by SIGKILL';

export interface DatabaseProcessOptions {
  readonly program: DatabaseProgram;
  readonly log: Log;
  /** What it writes itself. */
  readonly output: DatabaseLog;
  readonly startTurns: StartTurns;
  readonly limits: Limits;
  readonly fence: Pick<Fence, 'check'>;
  /** It listens on another port than before. */
  readonly moved: () => void;
}

interface LastWords {
  readonly lastLines: readonly string[];
  /** It said so. */
  readonly outOfMemory: boolean;
}

export class DatabaseProcess {
  config: DatabaseConfig;
  state: ProcessState = 'starting';
  /** Why it does not run: how it ended last, and its last lines. */
  fault: string | null = null;
  /** By a clock that begins with the agent. */
  heldSinceMs = performance.now();
  /** How often it was started again. */
  restarts = 0;
  readonly readers: Readers;
  /** How often it ended because it was over its memory limit. */
  overMemory = 0;
  /** As it said last; undefined: there was no sync, or others see to it. */
  syncP99S: number | undefined;
  #slowestSyncS: number | undefined;
  readonly #options: DatabaseProcessOptions;
  readonly #stop = new AbortController();
  readonly #kept: Promise<void>;
  #child: ChildProcess | undefined;
  #confined: Confined | undefined;
  #runsSinceMs: number | undefined;
  /** Its start is over. */
  #endTurn = (): void => {};
  #listening = Promise.withResolvers<void>();
  /** The process of an agent before this one is gone. */
  #isAlone = false;
  #changes: Promise<void> = Promise.resolve();
  /** Who holds its writes, by what the process said last: it may speak of a change before this one. */
  #holder: string | null = null;
  /** The process has read its configuration again. */
  #configured = Promise.withResolvers<void>();

  constructor(config: DatabaseConfig, options: DatabaseProcessOptions) {
    this.config = config;
    this.#options = options;
    const { program, log, output, limits, moved } = options;
    const memoryMb = (): number | null => this.#ownMemoryMb;
    this.readers = new Readers({ program, log, output, limits, moved, memoryMb, config: () => this.config });
    this.#kept = this.#keep();
  }

  /** Resolves when it runs, or after so long. */
  async settled(timeoutMs: number): Promise<void> {
    const waited = new AbortController();
    await Promise.race([
      this.#listening.promise,
      delay(timeoutMs, undefined, { signal: waited.signal, ref: false }).catch(() => {}),
    ]);
    waited.abort();
  }

  /** One that only starts ends by the signal, and starts again with the new limits. */
  async limit({ maxTagSets, maxSeries, memoryMb }: ProcessLimits): Promise<void> {
    const { config } = this;
    if (config.maxTagSets === maxTagSets && config.maxSeries === maxSeries && config.memoryMb === memoryMb) return;
    await this.#change({ maxTagSets, maxSeries, memoryMb });
    // What its program was started with holds until its next start.
    await this.#confined?.change(this.memoryMb);
    await this.readers.limit();
    this.#tell();
  }

  /** What its process is confined to; null: to nothing. */
  get memoryMb(): number | null {
    return this.#options.program.confinedToMb(this.#ownMemoryMb);
  }

  get #ownMemoryMb(): number | null {
    return this.#options.limits.memoryMb(this.config.memoryMb ?? null);
  }

  /** Resolves when no process takes writes any more, or when it takes them again. */
  async hold(heldBy: string | null): Promise<void> {
    if (this.config.heldBy !== heldBy) await this.#change({ heldBy });
    this.heldSinceMs = performance.now();
    const child = this.#child;
    if (child) await this.#untilHeld(child);
    else if (!this.#isAlone) throw new Error('the process of an earlier agent has not ended yet');
  }

  async #untilHeld(child: ChildProcess): Promise<void> {
    const waited = new AbortController();
    const { signal } = waited;
    this.#tell();
    const ended = Promise.race([
      // What is started next reads what was written before.
      once(child, 'exit', { signal }),
      delay(holdPatienceMs, undefined, { signal, ref: false }).then(() => {
        throw new Error('the process does not answer');
      }),
    ]);
    try {
      while (this.#holder !== this.config.heldBy) {
        this.#configured = Promise.withResolvers();
        if ((await Promise.race([this.#configured.promise, ended])) !== undefined) return;
      }
    } finally {
      ended.catch(() => {});
      waited.abort();
    }
  }

  /** To read its configuration again. q ends by the signal. */
  #tell(): void {
    if (this.#options.program.followsAgent) this.#child?.kill('SIGHUP');
  }

  /** Undefined while none runs. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    this.#stop.abort();
    const child = this.#child;
    child?.kill(signal);
    const late = setTimeout(() => child?.kill('SIGKILL'), stopPatienceMs);
    await this.#kept;
    clearTimeout(late);
  }

  async #keep(): Promise<void> {
    const { log } = this.#options;
    const { databaseId } = this.config;
    const crashes = new Crashes();
    while (!this.#stop.signal.aborted) {
      this.#runsSinceMs = undefined;
      try {
        this.fault = await this.#runOnce();
      } catch (error) {
        this.fault = (error as Error).message;
      }
      this.#endTurn();
      if (this.#stop.signal.aborted) break;
      this.state = 'crashed';
      const nowMs = performance.now();
      const usedMs = this.#runsSinceMs === undefined ? 0 : nowMs - this.#runsSinceMs;
      const wasKilled = usedMs > 0 && this.fault.startsWith(killed);
      const byItself = !wasKilled && (await areThere(this.config.volumes));
      const { state, backoffMs } = crashes.ended(usedMs, byItself, nowMs);
      this.state = state;
      log.error('a database process ended', { databaseId, state, fault: this.fault, backoffMs });
      const pause = delay(backoffMs, undefined, { signal: this.#stop.signal }).catch(() => {});
      await Promise.all([pause, this.readers.stop()]);
      this.restarts += 1;
    }
    await this.readers.stop();
    this.state = 'stopped';
  }

  /** From the start of the process to its end; gives how it ended. */
  async #runOnce(): Promise<string> {
    const notePath = join(dirname(configPath(this.config)), 'process.json');
    // Before the process of another agent is ended: it may be the newer one's.
    await this.#options.fence.check(this.config.volumes);
    await endFormerProcess(notePath, stopPatienceMs);
    this.#isAlone = true;
    await this.#takeTurn();
    const { host, port } = this.config;
    // Another program may have taken the port while the database was down.
    if (port !== 0 && (await portFault(host, port)) !== null) await this.#change({ port: 0 });
    if (this.#stop.signal.aborted) return 'not started';
    const child = this.#spawn();
    const said = this.#read(child);
    const ended = endOf(child);
    if (child.pid !== undefined) {
      await this.#note(notePath, child.pid);
      this.#confined = await this.#options.limits.confine(this.config.databaseId, child.pid, this.memoryMb);
    }
    const how = await ended;
    this.#child = undefined;
    if (this.state === 'running') this.#listening = Promise.withResolvers();
    this.state = 'crashed';
    const isOver = (await this.#confined?.ended()) || (said.outOfMemory && !how.startsWith(killed));
    this.#confined = undefined;
    if (isOver) this.overMemory += 1;
    return [isOver ? `${this.#memoryFault()}: ${how}` : how, ...said.lastLines].join('\n');
  }

  #memoryFault(): string {
    return this.memoryMb === null ? 'its host had no memory for it' : `over its memory limit of ${this.memoryMb} MiB`;
  }

  async #takeTurn(): Promise<void> {
    const { startTurns } = this.#options;
    this.state = 'starting';
    // Why it ended says more than what it waits for.
    const before = this.fault;
    this.fault ??= startTurns.reason;
    this.#endTurn = await startTurns.take(this.#stop.signal);
    this.fault = before;
  }

  #spawn(): ChildProcess {
    const { program, log } = this.#options;
    const [path, ...args] = program.command(configPath(this.config), this.#ownMemoryMb);
    const env = program.environment(log.level, this.#ownMemoryMb);
    // A pipe from here ends with the agent. What stands on the input of q would be evaluated.
    const child = spawn(path!, args, { env, stdio: [program.followsAgent ? 'pipe' : 'ignore', 'pipe', 'pipe'] });
    child.stdin?.on('error', () => {});
    this.#child = child;
    this.#holder = this.config.heldBy;
    return child;
  }

  /** Takes the port from standard output, passes everything else on, and gives what it keeps of standard error. */
  #read(child: ChildProcess): LastWords {
    let recovered: Recovery | null = null;
    const { output, program } = this.#options;
    readLines(child.stdout!, (line) => {
      const port = /^listening (\d+)$/.exec(line)?.[1];
      if (port !== undefined) void this.#listens(Number(port), recovered, child);
      else if (line.startsWith(configuredSign)) {
        this.#holder = line.slice(configuredSign.length) || null;
        this.#configured.resolve();
      } else if (line.startsWith(syncedSign)) this.#synced(line.slice(syncedSign.length));
      else if (line.startsWith(recoveredSign)) recovered = JSON.parse(line.slice(recoveredSign.length)) as Recovery;
      else output.write(line);
    });
    const said = { lastLines: [] as string[], outOfMemory: false };
    readLines(child.stderr!, (line) => {
      output.write(line);
      said.outOfMemory ||= program.outOfMemory.test(line);
      if (said.lastLines.push(line) > keptLines) said.lastLines.shift();
    });
    return said;
  }

  #synced(text: string): void {
    this.syncP99S = text === '' ? undefined : Number(text);
    if (this.syncP99S !== undefined) this.#slowestSyncS = Math.max(this.#slowestSyncS ?? 0, this.syncP99S);
  }

  /** The highest p99 that it said since the last time. */
  takeSlowestSyncS(): number | undefined {
    const taken = this.#slowestSyncS;
    this.#slowestSyncS = undefined;
    return taken;
  }

  async #listens(port: number, recovered: Recovery | null, child: ChildProcess): Promise<void> {
    const { databaseId } = this.config;
    const moved = port !== this.config.port;
    try {
      if (recovered) await this.#change({ port, recovered, restore: null });
      else if (moved) await this.#change({ port });
    } catch (error) {
      this.#options.log.error('the port cannot be noted', { databaseId, error });
      child.kill('SIGTERM');
      return;
    }
    if (this.#child !== child) return;
    this.#endTurn();
    this.state = 'running';
    this.#runsSinceMs = performance.now();
    this.fault = null;
    this.#listening.resolve();
    this.#options.log.info('a database runs', { databaseId, port, pid: child.pid });
    this.readers.start();
    if (moved) this.#options.moved();
  }

  /** On a full disk it runs without the note: the next agent then meets its lock instead. */
  async #note(path: string, pid: number): Promise<void> {
    const { databaseId } = this.config;
    await noteProcess(path, pid, configPath(this.config)).catch((error: unknown) => {
      this.#options.log.warn('the process cannot be noted', { databaseId, pid, error });
    });
  }

  /** One after the other: they write one file. What could not be written has not changed. */
  #change(change: Partial<DatabaseConfig>): Promise<void> {
    const changed = this.#changes.then(async () => {
      const config = { ...this.config, ...change };
      await changeHome(config);
      this.config = config;
    });
    this.#changes = changed.catch(() => {});
    return changed;
  }
}
