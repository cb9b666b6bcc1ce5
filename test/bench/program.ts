import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const startTimeoutMs = 60_000;
const stopTimeoutMs = 60_000;

interface ProgramOptions {
  readonly logPath: string;
  /** On top of ours. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A target's program: started, stopped, and killed when the benchmark itself ends in disorder. */
export class Program {
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #logPath: string;

  /** Its standard input ends with this process; it must stop then. */
  constructor(name: string, command: readonly string[], { logPath, env = {} }: ProgramOptions) {
    this.#name = name;
    this.#logPath = logPath;
    const log = openSync(logPath, 'a');
    // Its own process group: Ctrl-C reaches the benchmark alone, which stops what it started.
    this.#child = spawn(command[0]!, command.slice(1), {
      stdio: ['pipe', log, log],
      detached: true,
      env: { ...process.env, ...env },
    });
    closeSync(log);
    this.#ended = new Promise((resolve) => {
      this.#child.once('exit', () => resolve());
      this.#child.once('error', () => resolve());
    });
    running.add(this);
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Resolves when `probe` no longer throws. */
  async ready(probe: () => Promise<unknown>): Promise<void> {
    for (const deadline = Date.now() + startTimeoutMs; ; await delay(25)) {
      const { exitCode } = this.#child;
      if (exitCode !== null) throw new Error(`${this.#name} ended with ${exitCode}: ${this.#log()}`);
      try {
        await probe();
        return;
      } catch (error) {
        if (Date.now() > deadline) throw new Error(`${this.#name} does not answer: ${this.#log()}`, { cause: error });
      }
    }
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    const late = setTimeout(() => this.kill(), stopTimeoutMs);
    await this.#ended;
    clearTimeout(late);
    running.delete(this);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #log(): string {
    return readFileSync(this.#logPath, 'utf8').slice(-2_000);
  }
}

const running = new Set<Program>();

/** For the very end of this process, whatever ends it. */
export function killPrograms(): void {
  for (const program of running) program.kill();
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
