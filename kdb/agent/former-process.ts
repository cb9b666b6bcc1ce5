// A database process outlives an agent that is killed by as long as it takes to notice. Until it is gone it holds the port and the
// data directory, so the next agent waits for it, and ends it when it does not end.

import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const pollMs = 50;
/** PF_EXITING of linux/sched.h */
const exitingFlag = 0x4;

/** Notes whose process it is: `mark` is a part of its command line that no other process has. */
export async function noteProcess(path: string, pid: number, mark: string): Promise<void> {
  await writeFile(path, JSON.stringify({ pid, mark }), { mode: 0o600 });
}

/** Resolves when the noted process is gone. After `patienceMs` it is killed. */
export async function endFormerProcess(path: string, patienceMs: number): Promise<void> {
  const noted = await readNote(path);
  if (!noted) return;
  // q does not notice.
  if (await isRunning(noted)) endIfThere(noted.pid, 'SIGTERM');
  for (const deadline = Date.now() + patienceMs; await isRunning(noted); await delay(pollMs)) {
    if (Date.now() > deadline) endIfThere(noted.pid, 'SIGKILL');
  }
  await rm(path, { force: true });
}

function endIfThere(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

interface Note {
  readonly pid: number;
  readonly mark: string;
}

async function readNote(path: string): Promise<Note | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Note;
  } catch {
    // None, or half written by an agent that was killed before it started the process.
    return undefined;
  }
}

/** The process id may be another process's by now, so the command line decides. */
async function isRunning({ pid, mark }: Note): Promise<boolean> {
  try {
    if (process.platform !== 'linux')
      return (await run('ps', ['-o', 'args=', '-p', String(pid)])).stdout.includes(mark);
    const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8');
    return commandLine === '' ? await isEnding(pid) : commandLine.includes(mark);
  } catch {
    return false;
  }
}

/**
 * A process that ends gives back its memory, and with it its command line, before its files: in 59 of 60 ends of a Node process its port was
 * still taken then. A zombie has none left, once its last thread is gone.
 */
async function isEnding(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1');
  // proc(5): the state is the third field, the flags are the 9th, the threads the 20th. Threads of the kernel have no command line either.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const exiting = (Number(fields[6]) & exitingFlag) !== 0;
  return exiting && !(fields[0] === 'Z' && Number(fields[17]) <= 1);
}
