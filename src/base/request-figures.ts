import { Durations } from './durations.ts';

/** Of one route. */
export class RequestFigures {
  /** Requests by status. */
  readonly statuses = new Map<number, number>();
  readonly durations = new Durations();

  add(status: number, durationS: number): void {
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
    this.durations.add(durationS);
  }
}
