// CPU profiles of running Node processes, of just the part of a run that is of interest.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DebuggerSession, type NodeProcess } from './debugger.ts';

const intervalUs = 250;

/** Runs `run` and leaves `<label>-<name>.cpuprofile` of each process in the folder. */
export async function profiled<T>(
  folder: string,
  label: string,
  processes: readonly NodeProcess[],
  run: () => Promise<T>,
): Promise<T> {
  const sessions = await Promise.all(processes.map(async ({ pid }) => await DebuggerSession.attach(pid)));
  for (const session of sessions) {
    await session.call('Profiler.enable');
    await session.call('Profiler.setSamplingInterval', { interval: intervalUs });
    await session.call('Profiler.start');
  }
  const result = await run();
  for (const [i, session] of sessions.entries()) {
    const { profile } = (await session.call('Profiler.stop')) as { profile: object };
    writeFileSync(join(folder, `${label}-${processes[i]!.name}.cpuprofile`), JSON.stringify(profile));
    session.close();
  }
  return result;
}
