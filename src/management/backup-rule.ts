// Which backups of a schedule are kept: the newest of each of the last days, weeks and months that the rule counts. All in UTC, by the
// calendar, so that a date can be given on which the last copy of something is gone.

const dayMs = 24 * 3_600_000;

export interface BackupRule {
  readonly daily: number;
  readonly weekly: number;
  readonly monthly: number;
}

export const defaultRule: BackupRule = { daily: 7, weekly: 4, monthly: 12 };

/** Counts days, weeks from Monday, and months; and gives the moment at which one of them begins. */
const periods = [
  {
    name: 'daily',
    of: (ms: number) => Math.floor(ms / dayMs),
    start: (day: number) => day * dayMs,
  },
  {
    name: 'weekly',
    // 1970 began on a Thursday.
    of: (ms: number) => Math.floor((Math.floor(ms / dayMs) + 3) / 7),
    start: (week: number) => (week * 7 - 3) * dayMs,
  },
  {
    name: 'monthly',
    of: (ms: number) => new Date(ms).getUTCFullYear() * 12 + new Date(ms).getUTCMonth(),
    start: (month: number) => Date.UTC(Math.floor(month / 12), month % 12),
  },
] as const;

export interface Dated {
  readonly id: string;
  readonly createdAt: string;
}

/** Those that the rule does not keep at that time. */
export function supersededBackups<T extends Dated>(backups: readonly T[], rule: BackupRule, nowMs: number): T[] {
  const kept = new Set<string>();
  const newestFirst = backups.toSorted((a, b) => Date.parse(b.createdAt) - Date.parse(a.createdAt));
  for (const { name, of } of periods) {
    const seen = new Set<number>();
    for (const { id, createdAt } of newestFirst) {
      const period = of(Date.parse(createdAt));
      if (period <= of(nowMs) - rule[name] || seen.has(period)) continue;
      seen.add(period);
      kept.add(id);
    }
  }
  return backups.filter(({ id }) => !kept.has(id));
}

/** When the rule lets go of a backup at the latest: as if it were the newest of its day, week and month. */
export function keptUntilMs({ createdAt }: Pick<Dated, 'createdAt'>, rule: BackupRule): number {
  const ends = periods.map(({ name, of, start }) =>
    rule[name] === 0 ? 0 : start(of(Date.parse(createdAt)) + rule[name]),
  );
  return Math.max(Date.parse(createdAt), ...ends);
}
