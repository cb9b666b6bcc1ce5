// What became of a stored batch, request by request: an object that is written before the batch's marker goes.

import type { PointFault } from '../base/errors.ts';
import type { Lag } from './lag.ts';

interface Counts {
  readonly accepted: number;
  readonly rejected: number;
  readonly errors: readonly PointFault[];
}

export interface AppliedOutcome extends Counts {
  readonly state: 'applied';
  /** Points that were not the newest of their tag sets. */
  readonly late: number;
  /** At its arrival. */
  readonly lagS: Lag;
  /** A request with its Idempotency-Key, or it itself before a crash, was applied before. */
  readonly repeated?: true;
}

/** The database will never take it. */
export interface RefusedOutcome extends Counts {
  readonly state: 'refused';
  readonly code: string;
  readonly message: string;
}

/** Nobody can even try. */
export interface DeadOutcome {
  readonly state: 'dead';
  readonly reason: string;
}

export type RequestOutcome = AppliedOutcome | RefusedOutcome | DeadOutcome;

export interface BatchOutcome {
  readonly at: string;
  /** One alone is that of every request. */
  readonly requests: readonly RequestOutcome[] | DeadOutcome;
}

export function outcomeOf({ requests }: BatchOutcome, request: number): RequestOutcome | undefined {
  return 'state' in requests ? requests : requests[request];
}
