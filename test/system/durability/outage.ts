// What a disk or an operator does to a database behind its back, and how the test sees what became of it.

import { globSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { identityOf, isAlive } from '../../../infra/local/process-table.ts';
import { until } from '../../until.ts';
import type { LocalRegion } from '../region.ts';

/** The directories of the region's only database, the home first. */
export function directories(region: LocalRegion): string[] {
  const [config] = globSync(join(region.dataDir, 'regions', '*', 'host', '*', '*', 'database.json'));
  return JSON.parse(readFileSync(config!, 'utf8')).volumes;
}

export function databasePid(region: LocalRegion): number {
  return region.pids().databases[basename(directories(region)[0]!)]!;
}

/** Ends the database and changes something before its agent can start it again. */
export async function whileDown(region: LocalRegion, change: () => void, signal: NodeJS.Signals = 'SIGKILL') {
  const { agent } = region.pids();
  process.kill(agent, 'SIGSTOP');
  try {
    const database = identityOf(databasePid(region));
    process.kill(database.pid, signal);
    await until('the database to end', () => !isAlive(database));
    change();
  } finally {
    process.kill(agent, 'SIGCONT');
  }
}

/** What the agent and its databases have logged, by file. */
export function hostLog(region: LocalRegion): Readonly<Record<string, string>> {
  const logs = join(region.dataDir, 'logs');
  const paths = [join(logs, 'eu-west-1.agent.log'), ...globSync(join(logs, 'databases', '*.log'))];
  return Object.fromEntries(paths.map((path) => [path, readFileSync(path, 'utf8')]));
}

/** Waits until the host's log says so, after what it had before. */
export async function logged(
  region: LocalRegion,
  text: RegExp,
  before: Readonly<Record<string, string>>,
): Promise<void> {
  const isNew = ([path, all]: readonly [string, string]) => text.test(all.slice(before[path]?.length ?? 0));
  await until(`${text} in the host's log`, () => Object.entries(hostLog(region)).some(isNew), 30_000);
}

/** Journal files or parts of the database. */
export function filesOf(region: LocalRegion, pattern: string): string[] {
  return directories(region)
    .flatMap((directory) => globSync(join(directory, pattern)))
    .sort((a, b) => basename(a).localeCompare(basename(b)) || dirname(a).localeCompare(dirname(b)));
}
