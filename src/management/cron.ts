// Cron patterns of schedules: five fields, in UTC.

import { Cron } from 'croner';

/** More often than this, tasks would only wait for each other. */
const minGapMs = 300_000;
/** Gaps of a pattern repeat: those of minutes after an hour, those of hours after a day. */
const checkedRuns = 100;

/** Why a pattern cannot be a schedule; undefined: it can. */
export function cronFault(pattern: string, nowMs: number): string | undefined {
  if (!/^[\d*,/a-zA-Z#\-?]+( [\d*,/a-zA-Z#\-?]+){4}$/.test(pattern))
    return 'it must be five fields with a space between: minute, hour, day, month, day of the week';
  let runs: Date[];
  try {
    runs = cronOf(pattern).nextRuns(checkedRuns, new Date(nowMs));
  } catch (error) {
    return (error as Error).message;
  }
  if (runs.length === 0) return 'there is no such time';
  const tooOften = runs.some((run, i) => i > 0 && run.getTime() - runs[i - 1]!.getTime() < minGapMs);
  return tooOften ? `it comes more often than every ${minGapMs / 60_000} minutes` : undefined;
}

/** The first time after the given one (ms since 1970); undefined: never. */
export function nextRunMs(pattern: string, afterMs: number): number | undefined {
  return cronOf(pattern).nextRun(new Date(afterMs))?.getTime();
}

function cronOf(pattern: string): Cron {
  return new Cron(pattern, { timezone: 'UTC', paused: true, mode: '5-part' });
}
