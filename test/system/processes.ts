import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { identityOf, isAlive } from '../../infra/local/process-table.ts';
import { until } from '../until.ts';

/**
 * What still runs for a data directory, by command line, environment and working folder; the moment that an ended process takes
 * to vanish is waited for. Only Linux tells; elsewhere nothing is found.
 */
export async function processesOf(dataDir: string): Promise<string[]> {
  if (process.platform !== 'linux') return [];
  await until('its processes to be gone', () => find(dataDir).length === 0, 5_000).catch(() => {});
  return find(dataDir);
}

/** Empty for a process that has ended. */
export function commandLine(pid: number): string {
  if (process.platform === 'linux') return textOf(String(pid), 'cmdline').replaceAll('\0', ' ');
  return spawnSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8' }).stdout;
}

function find(dataDir: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => (textOf(pid, 'cmdline') + textOf(pid, 'environ') + workingFolder(pid)).includes(dataDir))
    .filter((pid) => isAlive(identityOf(Number(pid))))
    .map((pid) => `${pid} ${commandLine(Number(pid)).slice(0, 200)}`);
}

function textOf(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return '';
  }
}

function workingFolder(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return '';
  }
}
