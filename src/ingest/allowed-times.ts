// Which times a database takes: none that it would remove at once, and none so far ahead that only a wrong clock or unit can mean it. One such
// point would be its tag set's newest for years, and every later one would count as late.

import { formatIsoNs, maxTimeNs, minTimeNs } from '../base/time.ts';

export interface TimeLimits {
  /** Null: any age. */
  readonly retentionDays: number | null;
  /** How far ahead of the service's clock a time may be; null: any time. */
  readonly futureHours: number | null;
}

export type TimeRefusal = 'OlderThanRetention' | 'TooFarInFuture';

const hourNs = 3_600_000_000_000n;

export class AllowedTimes {
  readonly #limits: TimeLimits;
  readonly #firstNs: bigint;
  readonly #lastNs: bigint;
  /** Times between these upper halves (4.3 s each) are surely allowed. */
  readonly #firstHigh: number;
  readonly #lastHigh: number;

  constructor(limits: TimeLimits, nowNs: bigint) {
    const { retentionDays, futureHours } = limits;
    this.#limits = limits;
    this.#firstNs = retentionDays === null ? minTimeNs : nowNs - BigInt(retentionDays) * 24n * hourNs;
    this.#lastNs = futureHours === null ? maxTimeNs : nowNs + BigInt(futureHours) * hourNs;
    this.#firstHigh = Number(this.#firstNs >> 32n);
    this.#lastHigh = Number(this.#lastNs >> 32n);
  }

  surelyAllows(high: number): boolean {
    return high > this.#firstHigh && high < this.#lastHigh;
  }

  refusal(timeNs: bigint): TimeRefusal | null {
    if (timeNs < this.#firstNs) return 'OlderThanRetention';
    return timeNs > this.#lastNs ? 'TooFarInFuture' : null;
  }

  message(code: TimeRefusal, timeNs: bigint): string {
    const { retentionDays, futureHours } = this.#limits;
    const time = formatIsoNs(timeNs);
    return code === 'OlderThanRetention'
      ? `${time} is older than the ${retentionDays} days that the database keeps (retentionDays)`
      : `${time} is more than ${futureHours} hours in the future, which the database does not take (futureHours)`;
  }
}
