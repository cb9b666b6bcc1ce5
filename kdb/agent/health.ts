import { statfs } from 'node:fs/promises';
import { availableParallelism, loadavg } from 'node:os';
import type { DatabaseReport, HostHealth, ProcessState, VolumeRoom } from '../../src/management/host-agent.ts';

/** What placement asks of a host. */
export async function hostHealth(
  volumes: readonly string[],
  slots: number,
  reports: readonly DatabaseReport[],
): Promise<Pick<HostHealth, 'clockMs' | 'slots' | 'databases' | 'volumes' | 'load'>> {
  const databases: Partial<Record<ProcessState, number>> = {};
  for (const { state } of reports) databases[state] = (databases[state] ?? 0) + 1;
  return {
    clockMs: Date.now(),
    slots,
    databases,
    volumes: await Promise.all(volumes.map(roomOf)),
    load: Math.round((loadavg()[0]! / availableParallelism()) * 100) / 100,
  };
}

async function roomOf(volume: string): Promise<VolumeRoom> {
  const { bsize, blocks, bavail } = await statfs(volume).catch(() => ({ bsize: 0, blocks: 0, bavail: 0 }));
  return { bytes: bsize * blocks, freeBytes: bsize * bavail };
}
