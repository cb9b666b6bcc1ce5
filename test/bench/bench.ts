import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { profiled } from './profiler.ts';
import { killPrograms } from './program.ts';
import type { StartTarget, Target } from './targets/target.ts';
import type { DataSet } from './tsbs.ts';

export interface Options {
  readonly data: DataSet;
  /** Sizes as the goals name them, not the shorter ones that fit into minutes. */
  readonly full: boolean;
  /** Where CPU profiles of our processes go. */
  readonly profileFolder: string | undefined;
}

/** What a scenario is given: the targets to start, and the options. */
export class Bench {
  readonly options: Options;
  readonly starts: readonly StartTarget[];
  /** Differences between the answers of targets, and whatever else makes a figure worthless. */
  readonly faults: string[] = [];
  readonly #folder = mkdtempSync(join(tmpdir(), 'tsg-bench-'));
  readonly #running = new Set<Target>();
  #started = 0;

  constructor(options: Options, starts: readonly StartTarget[]) {
    this.options = options;
    this.starts = starts;
  }

  progress(text: string): void {
    process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);
  }

  fault(text: string): void {
    this.progress(text);
    this.faults.push(text);
  }

  /** Runs what is measured, with CPU profiles of it where they are wanted. */
  profiled<T>(label: string, targets: readonly Target[], run: () => Promise<T>): Promise<T> {
    const { profileFolder } = this.options;
    if (profileFolder === undefined) return run();
    const processes = targets.flatMap((target) => target.profiled());
    return profiled(profileFolder, label.replaceAll(/[^\w-]+/g, '-'), processes, run);
  }

  /** All targets side by side, each on a folder of its own. */
  async withTargets<T>(run: (targets: readonly Target[]) => Promise<T>): Promise<T> {
    const targets: Target[] = [];
    try {
      for (const start of this.starts) targets.push(await this.#start(start));
      return await run(targets);
    } finally {
      for (const target of targets) await this.#stop(target);
    }
  }

  /** One target alone. */
  async withTarget<T>(start: StartTarget, run: (target: Target) => Promise<T>): Promise<T> {
    const target = await this.#start(start);
    try {
      return await run(target);
    } finally {
      await this.#stop(target);
    }
  }

  /** After this nothing of the benchmark runs, and nothing of it is on disk. */
  async close(): Promise<void> {
    await Promise.allSettled([...this.#running].map((target) => target.stop()));
    killPrograms();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #start(start: StartTarget): Promise<Target> {
    const folder = join(this.#folder, String(this.#started++));
    mkdirSync(folder);
    const target = await start(folder);
    this.#running.add(target);
    return target;
  }

  async #stop(target: Target): Promise<void> {
    this.#running.delete(target);
    await target.stop();
  }
}
