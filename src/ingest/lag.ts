import type { TimeSpan } from './series.ts';

/** Seconds from the times of the newest and of the oldest point to their arrival; negative: points of the future. */
export interface Lag {
  readonly newest: number;
  readonly oldest: number;
}

export function lagOf({ firstNs, lastNs }: Readonly<TimeSpan>, arrivedNs: bigint): Lag {
  const arrived = Number(arrivedNs);
  const seconds = (timeNs: number): number => Math.round((arrived - timeNs) / 1e6) / 1e3;
  return { newest: seconds(lastNs), oldest: seconds(firstNs) };
}
