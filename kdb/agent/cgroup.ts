// A cgroup of version 2 that belongs to the agent: it stands in one child of it, each database process in another, because only leaves may hold
// processes [kernel: cgroup-v2, "No Internal Process Constraint"].

import { access, constants, mkdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { CpuConfig } from '../../src/base/config.ts';
import type { Confined } from './limits.ts';

const agentChild = 'agent';
/** Above this share of its limit a process is slowed down while the kernel takes pages of files back from it. */
const highShare = 15 / 16;
/** Microseconds: what cpu.max is a share of. */
const cpuPeriodUs = 100_000;

interface Mounted {
  readonly root?: string;
  /** Where it says in which cgroup this process is. */
  readonly self?: string;
}

export class Cgroup {
  readonly #path: string;
  readonly #cpu: CpuConfig;

  constructor(path: string, cpu: CpuConfig) {
    this.#path = path;
    this.#cpu = cpu;
  }

  /** Makes the children possible and moves this process to its own; throws where that is not allowed: its reason is for the log. */
  static async take(
    cpu: CpuConfig,
    { root = '/sys/fs/cgroup', self = '/proc/self/cgroup' }: Mounted = {},
  ): Promise<Cgroup> {
    const path = await ownPath(root, self);
    const controllers = (await readFile(join(path, 'cgroup.controllers'), 'utf8')).trim().split(' ');
    if (!controllers.includes('memory')) throw new Error(`${path} has no memory controller`);
    for (const file of ['cgroup.procs', 'cgroup.subtree_control']) await access(join(path, file), constants.W_OK);
    const own = join(path, agentChild);
    await makeGroup(own);
    await writeFile(join(own, 'cgroup.procs'), String(process.pid));
    try {
      await writeFile(join(path, 'cgroup.subtree_control'), controllers.includes('cpu') ? '+memory +cpu' : '+memory');
    } catch (error) {
      // Other processes are in it.
      await writeFile(join(path, 'cgroup.procs'), String(process.pid));
      await rmdir(own);
      throw error;
    }
    return new Cgroup(path, cpu);
  }

  async confine(name: string, pid: number, memoryMb: number | null): Promise<Confined> {
    const path = join(this.#path, `database-${name}`);
    await makeGroup(path);
    await setMemory(path, memoryMb);
    // What is swapped out is not counted, and a database that swaps answers nobody. Without swap there is no such file.
    await writeFile(join(path, 'memory.swap.max'), '0').catch(() => {});
    const { percent, weight } = this.#cpu;
    if (percent !== undefined)
      await writeFile(join(path, 'cpu.max'), `${(percent * cpuPeriodUs) / 100} ${cpuPeriodUs}`);
    if (weight !== undefined) await writeFile(join(path, 'cpu.weight'), String(weight));
    const killsBefore = await outOfMemoryKills(path);
    await writeFile(join(path, 'cgroup.procs'), String(pid));
    return {
      change: (memoryMb) => setMemory(path, memoryMb),
      ended: async () => {
        const wasKilled = (await outOfMemoryKills(path)) > killsBefore;
        await rmdir(path).catch(() => {});
        return wasKilled;
      },
    };
  }
}

/** An agent that was started again by itself may be in the child already. */
async function ownPath(root: string, self: string): Promise<string> {
  const name = /^0::(\/.*)$/m.exec(await readFile(self, 'utf8'))?.[1];
  if (name === undefined) throw new Error('this process is in no cgroup of version 2');
  const path = join(root, name);
  return basename(path) === agentChild ? dirname(path) : path;
}

async function makeGroup(path: string): Promise<void> {
  await mkdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
}

async function setMemory(path: string, memoryMb: number | null): Promise<void> {
  const bytes = memoryMb === null ? null : memoryMb * 1024 ** 2;
  await writeFile(join(path, 'memory.high'), bytes === null ? 'max' : String(Math.floor(bytes * highShare)));
  await writeFile(join(path, 'memory.max'), bytes === null ? 'max' : String(bytes));
}

async function outOfMemoryKills(path: string): Promise<number> {
  const events = await readFile(join(path, 'memory.events'), 'utf8').catch(() => '');
  return Number(/^oom_kill (\d+)$/m.exec(events)?.[1] ?? 0);
}
