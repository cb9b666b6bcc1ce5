// What a process holds of the machine's memory.

import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface ProcessMemory {
  readonly residentBytes: number;
  /** Of it, what is the process's own: pages of files, which q maps, the kernel takes back when it needs them. */
  readonly ownBytes: number;
}

/** Undefined: it has ended. */
export async function memoryOf(pid: number): Promise<ProcessMemory | undefined> {
  if (process.platform !== 'linux') return memoryByPs(pid);
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const bytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1_024;
  const residentBytes = bytes('VmRSS');
  return Number.isNaN(residentBytes) ? undefined : { residentBytes, ownBytes: bytes('RssAnon') + bytes('RssShmem') };
}

/** It tells the two apart nowhere. */
async function memoryByPs(pid: number): Promise<ProcessMemory | undefined> {
  const { stdout } = await run('ps', ['-o', 'rss=', '-p', String(pid)]).catch(() => ({ stdout: '' }));
  const residentBytes = Number.parseInt(stdout, 10) * 1_024;
  return Number.isNaN(residentBytes) ? undefined : { residentBytes, ownBytes: residentBytes };
}
