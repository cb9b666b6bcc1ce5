import type { Task } from '../../src/management/records.ts';
import { amount, duration } from './figures.ts';

const barWidth = 24;

type Shown = Pick<Task, 'kind' | 'state' | 'progress' | 'waits' | 'attempts' | 'cancelRequested'>;

/** One line: what it does, how far it is, how fast, and for how long still. */
export function progressLine(task: Shown): string {
  const { kind, state, progress, waits, attempts, cancelRequested } = task;
  const tries = attempts > 1 ? ` (attempt ${attempts})` : '';
  if (state === 'queued' && waits) return `${kind}  put off: ${waits.reason}${tries}`;
  const doing = cancelRequested && state === 'running' ? 'is cancelled' : state;
  return progress ? `${kind}  ${doing}${tries}  ${progressText(progress, barWidth)}` : `${kind}  ${doing}${tries}`;
}

/** Without a width there is no bar. */
export function progressText(progress: NonNullable<Task['progress']>, width = 0): string {
  const { done, total, unit, ratePerS, etaS } = progress;
  const share = total === null || total === 0 ? null : Math.min(1, done / total);
  const full = share === null ? 0 : Math.floor(share * width);
  const bar = width > 0 && share !== null ? `[${'#'.repeat(full)}${'·'.repeat(width - full)}] ` : '';
  const percent = share === null ? '' : `${Math.floor(share * 100)} %  `;
  const of = total === null ? amount(done) : `${amount(done)}/${amount(total)}`;
  const rate = ratePerS === null || done === total ? '' : `  ${amount(ratePerS)} ${unit}/s`;
  return `${bar}${percent}${of} ${unit}${rate}${etaS === null || done === total ? '' : `  ${duration(etaS)} left`}`;
}
