// What a database process may take of its host: bounded by a cgroup where the agent has one, else its memory is watched.

import type { CpuConfig } from '../../src/base/config.ts';
import type { Log } from '../../src/base/log.ts';
import { Cgroup } from './cgroup.ts';
import { watchMemory } from './memory-watchdog.ts';

/** A process with its limit. Null: none. */
export interface Confined {
  change(memoryMb: number | null): Promise<void>;
  /** To be called after its end. True: it was ended because it was over its limit. */
  ended(): Promise<boolean>;
}

export interface LimitsOptions {
  /** Undefined: memory is watched. */
  readonly cgroup: Cgroup | undefined;
  /** Of every database process of the host; a database's own limit may be lower. Null: none. */
  readonly memoryMb: number | null;
  readonly log: Log;
  readonly watchEveryMs?: number;
}

export class Limits {
  readonly #options: LimitsOptions;

  constructor(options: LimitsOptions) {
    this.#options = options;
  }

  get kind(): 'cgroup' | 'watchdog' {
    return this.#options.cgroup ? 'cgroup' : 'watchdog';
  }

  /** What a database may have that itself may have so much. */
  memoryMb(own: number | null): number | null {
    const { memoryMb } = this.#options;
    return own === null || memoryMb === null ? (own ?? memoryMb) : Math.min(own, memoryMb);
  }

  async confine(name: string, pid: number, memoryMb: number | null): Promise<Confined> {
    const { cgroup, log, watchEveryMs } = this.#options;
    if (!cgroup) return watchMemory(pid, memoryMb, watchEveryMs);
    try {
      return await cgroup.confine(name, pid, memoryMb);
    } catch (error) {
      log.warn('a database process cannot be put into its cgroup; its memory is watched', { databaseId: name, error });
      return watchMemory(pid, memoryMb, watchEveryMs);
    }
  }
}

export async function openLimits(memoryMb: number | null, cpu: CpuConfig, log: Log): Promise<Limits> {
  const cgroup = await Cgroup.take(cpu).catch((error: Error) => {
    const message = 'no cgroup is delegated to this process: memory of databases is watched';
    if (cpu.percent === undefined && cpu.weight === undefined) log.info(message, { reason: error.message });
    else log.warn(`${message}, their processors are not limited`, { reason: error.message });
    return undefined;
  });
  return new Limits({ cgroup, memoryMb, log });
}
