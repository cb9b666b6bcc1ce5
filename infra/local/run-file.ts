import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { identityOf, isAlive, kill, type ProcessIdentity } from './process-table.ts';

/** What is running on a data directory, in its run.json: for people, tests and the next start. */
export interface Run {
  /** Of each region's API, home first. */
  readonly urls: Readonly<Record<string, string>>;
  /** Where the processes of the regions show their figures, by the names of the processes. */
  readonly metrics: Readonly<Record<string, string>>;
  /** Where the proxy is steered; null: there is none. */
  readonly proxy: string | null;
  /** Everything has answered. */
  readonly ready: boolean;
  readonly launcher: ProcessIdentity;
  /** By the names of the log files. */
  readonly processes: Readonly<Record<string, ProcessIdentity>>;
}

/** Longer than any of them takes to stop once its parent is gone. */
const goneDeadlineMs = 40_000;

export class RunFile {
  readonly #path: string;
  #run: Run;

  constructor(dataDir: string, { urls, metrics, proxy }: Pick<Run, 'urls' | 'metrics' | 'proxy'>) {
    this.#path = runPath(dataDir);
    this.#run = { urls, metrics, proxy, ready: false, launcher: identityOf(process.pid), processes: {} };
    this.#write();
  }

  started(name: string, pid: number): void {
    this.#run = { ...this.#run, processes: { ...this.#run.processes, [name]: identityOf(pid) } };
    try {
      this.#write();
    } catch (error) {
      // A full disk must not keep a process from being started again. What is not noted still ends with its parent.
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }

  ready(): void {
    this.#run = { ...this.#run, ready: true };
    this.#write();
  }

  remove(): void {
    rmSync(this.#path, { force: true });
  }

  #write(): void {
    writeFileSync(`${this.#path}.new`, `${JSON.stringify(this.#run, null, 2)}\n`);
    renameSync(`${this.#path}.new`, this.#path);
  }
}

export function readRun(dataDir: string): Run | null {
  try {
    return JSON.parse(readFileSync(runPath(dataDir), 'utf8'));
  } catch (error) {
    // Not there, or emptied by a power cut: after that nothing of it runs any more.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return null;
    throw error;
  }
}

/** After a launcher was killed its processes end by themselves; they must be gone before others open the same files. */
export async function earlierProcessesGone(dataDir: string, report: (line: string) => void): Promise<void> {
  const processes = Object.entries(readRun(dataDir)?.processes ?? {});
  const remaining = () => processes.filter(([, identity]) => isAlive(identity));
  if (remaining().length > 0)
    report(
      `waiting for processes of an earlier run to end: ${remaining()
        .map(([name]) => name)
        .join(', ')}`,
    );
  for (const deadline = Date.now() + goneDeadlineMs; remaining().length > 0; await delay(50)) {
    if (Date.now() > deadline) for (const [, identity] of remaining()) kill(identity, 'SIGKILL');
  }
}

function runPath(dataDir: string): string {
  return join(dataDir, 'run.json');
}
