// What /metrics of a host agent shows beside its own memory.

import type { FigureValues } from '../../src/base/cloudwatch.ts';
import type { Metrics } from '../../src/base/metrics.ts';
import { figures } from '../../src/base/names.ts';
import type { ProcessState, VolumeRoom } from '../../src/management/host-agent.ts';
import type { SyncTimes } from '../sync-times.ts';
import type { Agent } from './agent.ts';
import { lost } from './database-log.ts';
import type { DatabaseProcess } from './database-process.ts';
import type { Fence } from './fence.ts';
import { bytesBehind } from './journal-position.ts';
import { memoryOf } from './process-memory.ts';
import type { StartTurns } from './start-turns.ts';

interface Watched {
  readonly agent: Agent;
  readonly slots: number;
  readonly startTurns: StartTurns;
  /** Undefined: the databases sync their journals themselves. */
  readonly syncTimes: SyncTimes | undefined;
  readonly fence: Pick<Fence, 'epoch' | 'fault' | 'refused'>;
}

export function addFigures(metrics: Metrics, { agent, slots, startTurns, fence, syncTimes }: Watched): void {
  if (syncTimes)
    metrics.addDurations('tsg_journal_sync_seconds', 'Syncs of journals, for all who waited at once.', () => [
      [{}, syncTimes.durations],
    ]);
  metrics.addGauge(
    'tsg_database_sync_p99_seconds',
    'What 99 of 100 syncs of a journal did not exceed in the last ten seconds, where databases sync themselves.',
    'database',
    () =>
      Object.fromEntries(
        agent
          .processes()
          .flatMap(({ config, syncP99S }) => (syncP99S === undefined ? [] : [[config.databaseId, syncP99S]])),
      ),
  );
  metrics.addGauge('tsg_volume_free_percent', 'What is free of a volume.', 'volume', async () => {
    const { volumes } = await agent.health();
    return Object.fromEntries(volumes.map((volume, i) => [`v${i}`, freePercent(volume)]));
  });
  metrics.addGauge('tsg_databases', 'Databases of this host by the state of their process.', 'state', () => {
    const counts: Record<ProcessState, number> = {
      starting: 0,
      filling: 0,
      running: 0,
      crashed: 0,
      'crash-loop': 0,
      stopped: 0,
    };
    for (const { state } of agent.list()) counts[state] += 1;
    return counts;
  });
  metrics.addGauge('tsg_host_slots', 'Databases that this host takes.', 'kind', () => ({
    all: slots,
    used: agent.list().length,
  }));
  metrics.addGauge(
    'tsg_host_fence',
    'Which start of the agent this is, whether it has lost the host to another, and volumes that it does not use.',
    'kind',
    () => ({
      epoch: fence.epoch,
      lost: fence.fault === null ? 0 : 1,
      refused_volumes: fence.refused.size,
    }),
  );
  metrics.addGauge('tsg_database_starts_waiting', 'Databases that wait for their turn to start.', 'kind', () => ({
    all: startTurns.waiting,
  }));
  metrics.addCounter('tsg_database_restarts_total', 'Starts of a database after it ended.', 'database', () =>
    Object.fromEntries(agent.processes().map(({ config, restarts }) => [config.databaseId, restarts])),
  );
  metrics.addGauge('tsg_database_readers', 'Readers of a database that run and answer.', 'database', () =>
    Object.fromEntries(
      agent
        .processes()
        .flatMap(({ config, readers }) =>
          readers.wanted > 0 ? [[config.databaseId, readers.positions.length] as const] : [],
        ),
    ),
  );
  metrics.addGauge(
    'tsg_database_reader_lag_bytes',
    'Bytes of the journal that the reader which is furthest behind has not applied, as of its last word (every second).',
    'database',
    async () => Object.fromEntries((await Promise.all(agent.processes().map(readerLag))).flat()),
  );
  metrics.addCounter(
    'tsg_database_log_lines_lost_total',
    'Lines of databases that their logs did not take.',
    'kind',
    () => ({
      all: lost.lines,
    }),
  );
  metrics.addGauge('tsg_database_memory_bytes', 'Resident memory of a database process.', 'database', async () => {
    const measured = await Promise.all(
      agent.processes().map(async ({ config, pid }) => {
        const memory = pid === undefined ? undefined : await memoryOf(pid);
        return [config.databaseId, memory?.residentBytes] as const;
      }),
    );
    return Object.fromEntries(measured.filter((entry): entry is [string, number] => entry[1] !== undefined));
  });
  metrics.addGauge('tsg_database_memory_limit_bytes', 'What a database process may hold.', 'database', () =>
    Object.fromEntries(
      agent
        .processes()
        .flatMap(({ config, memoryMb }) => (memoryMb === null ? [] : [[config.databaseId, memoryMb * 1024 ** 2]])),
    ),
  );
  metrics.addCounter(
    'tsg_database_over_memory_total',
    'Ends of a database that was over its memory limit.',
    'database',
    () =>
      Object.fromEntries(
        agent
          .processes()
          .map(({ config, overMemory, readers }) => [config.databaseId, overMemory + readers.overMemory]),
      ),
  );
}

/** Of a database whose volumes cannot be read, or without readers, nothing. */
async function readerLag({ config, readers }: ReturnType<Agent['processes']>[number]): Promise<[string, number][]> {
  const lags = await Promise.all(
    readers.positions.map((position) => bytesBehind(config.volumes, position).catch(() => Number.NaN)),
  );
  return lags.length === 0 || lags.includes(Number.NaN) ? [] : [[config.databaseId, Math.max(...lags)]];
}

/** For CloudWatch: the fullest volume, and the slowest syncs since the last time. */
export async function hostFigures(
  agent: Pick<Agent, 'health'> & { processes(): readonly Pick<DatabaseProcess, 'takeSlowestSyncS'>[] },
  syncTimes: SyncTimes | undefined,
): Promise<FigureValues> {
  const { volumes } = await agent.health();
  const said = [syncTimes?.takeP99(), ...agent.processes().map((process) => process.takeSlowestSyncS())];
  const known = said.filter((seconds) => seconds !== undefined);
  return {
    [figures.freeVolume]: Math.min(...volumes.map(freePercent)),
    [figures.journalSyncP99]: known.length === 0 ? undefined : Math.max(...known),
  };
}

/** Of a volume that is not there, nothing. */
function freePercent({ bytes, freeBytes }: VolumeRoom): number {
  return bytes > 0 ? (freeBytes / bytes) * 100 : 0;
}
