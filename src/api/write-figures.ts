/** What writes through this process were, for /metrics. */
export class WriteFigures {
  /** Samples of Prometheus that are NaN, and were left out. */
  withoutValue = 0;
}
