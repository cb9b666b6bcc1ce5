import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';
import type { Measure } from './measure.ts';
import { ours } from './targets/ours.ts';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly kernel: string;
  readonly node: string;
  readonly commit: string;
}

export function machine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    commit: commit(),
  };
}

function commit(): string {
  try {
    const cwd = import.meta.dirname;
    return execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8', cwd, stdio: 'pipe' }).trim();
  } catch {
    return 'unknown';
  }
}

/** One row a measure, one column a target, and ours against the best of the others (above 1: ours is worse when less is better). */
export function table(measures: readonly Measure[]): string {
  const targets = [...new Set(measures.flatMap(({ values }) => Object.keys(values)))];
  const ratios = targets.length > 1;
  const header = ['', '', 'unit', ...targets, ...(ratios ? ['ours / best peer', ''] : [])];
  const rows = measures.map((measure) => {
    const { scenario, name, unit, values } = measure;
    const cells = targets.map((target) => (values[target] === undefined ? '' : number(values[target])));
    return [scenario, name, unit, ...cells, ...(ratios ? comparison(measure) : [])];
  });
  return align([header, ...rows]);
}

/** Ours divided by the best peer, and whether that is ahead. */
function comparison({ better, values }: Measure): string[] {
  const peers = Object.entries(values).filter(([target]) => target !== ours);
  if (values[ours] === undefined || peers.length === 0) return ['', ''];
  const best = Math[better === 'higher' ? 'max' : 'min'](...peers.map(([, value]) => value));
  const ratio = values[ours] / best;
  return [ratio.toFixed(2), (better === 'higher' ? ratio >= 1 : ratio <= 1) ? 'ahead' : 'BEHIND'];
}

/** Three digits that count. */
function number(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(3)));
}

function align(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  // Words to the left, numbers to the right.
  const cell = (text: string, column: number): string =>
    column < 3 ? text.padEnd(widths[column]!) : text.padStart(widths[column]!);
  return rows.map((row) => row.map(cell).join('  ').trimEnd()).join('\n');
}
