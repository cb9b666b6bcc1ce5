// Ends a process that holds more memory than it may, where no cgroup does: looks once a second.

import type { Confined } from './limits.ts';
import { memoryOf } from './process-memory.ts';

const defaultEveryMs = 1_000;
/** It may end in order for so long, unless it goes on growing. */
const patienceMs = 5_000;
const growsOn = 5 / 4;

export function watchMemory(pid: number, memoryMb: number | null, everyMs = defaultEveryMs): Confined {
  let limitMb = memoryMb;
  /** When it was first seen to be over its limit. */
  let overSinceMs: number | undefined;
  let hasEnded = false;
  const look = async (): Promise<void> => {
    if (limitMb === null && overSinceMs === undefined) return;
    const memory = await memoryOf(pid);
    if (hasEnded || !memory) return;
    const share = limitMb === null ? 0 : memory.ownBytes / (limitMb * 1024 ** 2);
    if (overSinceMs === undefined && share <= 1) return;
    const isFirst = overSinceMs === undefined;
    overSinceMs ??= performance.now();
    if (share > growsOn || performance.now() - overSinceMs > patienceMs) signal(pid, 'SIGKILL');
    else if (isFirst) signal(pid, 'SIGTERM');
  };
  const timer = setInterval(() => void look(), everyMs).unref();
  return {
    change: async (memoryMb) => {
      limitMb = memoryMb;
    },
    ended: async () => {
      hasEnded = true;
      clearInterval(timer);
      return overSinceMs !== undefined;
    },
  };
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
