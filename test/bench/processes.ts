// What the processes of a target cost, as Linux's /proc tells it.
import { readdirSync, readFileSync } from 'node:fs';

/** Kernel ticks: 100 a second on every Linux that Node runs on (sysconf CLK_TCK). */
const ticksPerS = 100;

/** The process and everything below it that runs now. */
export function processTree(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    const parent = Number(statFields(pid)?.[1]);
    if (parent) children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  const tree = [root];
  for (let i = 0; i < tree.length; i++) tree.push(...(children.get(tree[i]!) ?? []));
  return tree;
}

/** Processor time of all of them together since they started. */
export function cpuSeconds(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    const fields = statFields(pid);
    if (fields) ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks / ticksPerS;
}

/** The sum of the most that each of them ever held; pages that they share count more than once. */
export function peakRssBytes(pids: readonly number[]): number {
  let kib = 0;
  for (const pid of pids) kib += Number(/^VmHWM:\s+(\d+) kB/m.exec(read(pid, 'status') ?? '')?.[1] ?? 0);
  return kib * 1024;
}

/** What the process was started with, separated by spaces. */
export function commandLine(pid: number): string {
  return (read(pid, 'cmdline') ?? '').replaceAll('\0', ' ');
}

/** The fields of proc(5) after the name, which is in brackets and may hold anything: state, parent, … */
function statFields(pid: number): string[] | undefined {
  const stat = read(pid, 'stat');
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function read(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return undefined; // it has ended
  }
}
