import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { lastLines } from './logs.ts';

export interface ChildDefinition {
  readonly name: string;
  /** Its standard input is a pipe from this process; the child must stop when that ends. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Standard output and error are appended to it. */
  readonly logPath: string;
  /** Throws as long as the process is not ready for use. Called again until it does not. */
  readonly probe: (attempt: ProbeAttempt) => Promise<void>;
  /** How long its own orderly stop may take. */
  readonly stopTimeoutMs: number;
}

export interface ProbeAttempt {
  readonly signal: AbortSignal;
  readonly sinceSpawnMs: number;
  /** Where in its log the process began. */
  readonly logOffset: number;
}

export interface ChildEvents {
  readonly spawned: (name: string, pid: number) => void;
  /** For the terminal: a restart and its reason. */
  readonly report: (line: string) => void;
}

/** The process ends before it is ready, again and again. */
export class CannotStart extends Error {}

const shortestPauseMs = 25;
const longestPauseMs = 100;
const probeTimeoutMs = 2_000;
const startTimeoutMs = 60_000;
const maxFailedStarts = 5;
const firstBackoffMs = 100;
const maxBackoffMs = 5_000;
/** In use for more than so many times its back-off, it settles: its next end is the first of a new series of crashes. */
const settledBackoffs = 5;

/** One process of the region: started, kept running, stopped. */
export class Child {
  readonly definition: ChildDefinition;
  readonly #events: ChildEvents;
  #process: ChildProcess | undefined;
  readonly #stop = new AbortController();
  #kept: Promise<void> = Promise.resolve();

  constructor(definition: ChildDefinition, events: ChildEvents) {
    this.definition = definition;
    this.#events = events;
  }

  /** Resolves when it is ready for the first time; from then on it is kept running, and `failed` is called when that is no longer possible. */
  start(failed: (error: CannotStart) => void): Promise<void> {
    return new Promise((resolve) => {
      this.#kept = this.#keep(resolve).catch(failed);
    });
  }

  async #keep(ready: () => void): Promise<void> {
    let failedStarts = 0;
    let backoffMs = firstBackoffMs;
    for (;;) {
      const { usedMs, reason } = await this.#runOnce(ready);
      if (this.#stop.signal.aborted) return;
      failedStarts = usedMs === null ? failedStarts + 1 : 0;
      if (failedStarts === maxFailedStarts) throw new CannotStart(this.#whyNot(reason));
      if (usedMs !== null && usedMs > settledBackoffs * backoffMs) backoffMs = firstBackoffMs;
      this.#events.report(`${this.definition.name} ${reason}; starting it again in ${backoffMs} ms`);
      await delay(backoffMs, undefined, { signal: this.#stop.signal }).catch(() => {});
      backoffMs = Math.min(2 * backoffMs, maxBackoffMs);
    }
  }

  /** From spawn to end. `usedMs`: how long it was ready; null: it never was. */
  async #runOnce(ready: () => void): Promise<{ usedMs: number | null; reason: string }> {
    if (this.#stop.signal.aborted) return { usedMs: null, reason: 'was stopped' };
    const { child, logOffset } = this.#spawn();
    const gone = new AbortController();
    let readyAtMs: number | undefined;
    const probing = this.#untilReady(gone.signal, logOffset).then(
      () => {
        readyAtMs = Date.now();
        ready();
      },
      () => {
        if (!gone.signal.aborted) killGroup(child);
      },
    );
    const reason = await endOf(child);
    gone.abort();
    await probing;
    this.#process = undefined;
    return { usedMs: readyAtMs === undefined ? null : Date.now() - readyAtMs, reason };
  }

  #spawn(): { child: ChildProcess; logOffset: number } {
    const { name, command, env, logPath } = this.definition;
    const log = openSync(logPath, 'a', 0o600);
    const logOffset = fstatSync(log).size;
    // Its own process group: Ctrl-C in the terminal reaches this process only, and the children stop in their turn.
    const child = spawn(command[0]!, command.slice(1), { env, detached: true, stdio: ['pipe', log, log] });
    closeSync(log);
    child.stdin!.on('error', () => {});
    this.#process = child;
    if (child.pid !== undefined) this.#events.spawned(name, child.pid);
    return { child, logOffset };
  }

  async #untilReady(gone: AbortSignal, logOffset: number): Promise<void> {
    for (const spawnedAtMs = performance.now(); ; ) {
      const sinceSpawnMs = performance.now() - spawnedAtMs;
      const signal = AbortSignal.any([gone, AbortSignal.timeout(probeTimeoutMs)]);
      try {
        await this.definition.probe({ signal, sinceSpawnMs, logOffset });
        return;
      } catch (error) {
        if (gone.aborted || sinceSpawnMs > startTimeoutMs) throw error;
      }
      // Probes of everything that starts at once take processor time from it.
      const pauseMs = Math.min(Math.max(sinceSpawnMs / 10, shortestPauseMs), longestPauseMs);
      await delay(pauseMs, undefined, { signal: gone });
    }
  }

  #whyNot(reason: string): string {
    const { name, logPath } = this.definition;
    return `${name} cannot start: it ${reason}, ${maxFailedStarts} times in a row. The end of ${logPath}:\n${lastLines(logPath)}`;
  }

  /** Orderly, or by force when that takes too long. Nothing is started again. */
  async stop(): Promise<void> {
    this.#stop.abort();
    const child = this.#process;
    child?.kill('SIGTERM');
    const late = setTimeout(() => {
      this.#events.report(
        `${this.definition.name} did not stop within ${this.definition.stopTimeoutMs / 1000} s and is killed`,
      );
      this.kill();
    }, this.definition.stopTimeoutMs);
    await this.#kept;
    clearTimeout(late);
  }

  /** At once, with everything that it started. */
  kill(): void {
    this.#stop.abort();
    if (this.#process) killGroup(this.#process);
  }
}

/** How it ended, as a sentence about it. */
async function endOf(child: ChildProcess): Promise<string> {
  try {
    const [code, signal] = await once(child, 'exit');
    return signal ? `was ended by ${signal}` : `ended with code ${code}`;
  } catch (error) {
    return `could not be run (${(error as Error).message})`;
  }
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
