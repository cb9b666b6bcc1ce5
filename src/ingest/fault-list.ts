import type { PointFault } from '../base/errors.ts';
import type { TimeRefusal } from './allowed-times.ts';

/** How many faults an answer names; the others are only counted. */
export const maxNamed = 100;

/** Codes of `errors` in a receipt. */
export type FaultCode =
  | 'InvalidLine'
  | 'InvalidPoint'
  | 'MissingFields'
  | 'InvalidName'
  | 'InvalidNumber'
  | 'InvalidValue'
  | 'InvalidTimestamp'
  | 'InvalidUtf8'
  | 'NotFinite'
  | 'TimeOutOfRange'
  | TimeRefusal
  | 'ValueTooLong'
  | 'DuplicateTag'
  | 'FieldTypeClash'
  | 'TagFieldClash'
  | 'TooManyFields';

export interface FoundFaults {
  readonly faults: readonly PointFault[];
  readonly faultCount: number;
}

const noFaults: FoundFaults = { faults: [], faultCount: 0 };

/** Bad lines of one request. */
export class Faults {
  readonly named: PointFault[];
  count: number;
  private readonly most: number;

  /** With those that were found before. */
  constructor(most = maxNamed, { faults, faultCount }: FoundFaults = noFaults) {
    this.most = most;
    this.named = [...faults];
    this.count = faultCount;
  }

  /** False once enough are named: the caller need not make a message. */
  get wanted(): boolean {
    return this.named.length < this.most;
  }

  add(fault: PointFault): void {
    if (this.wanted) this.named.push(fault);
    this.count++;
  }

  /** In the order of their lines. */
  get found(): FoundFaults {
    return { faults: this.named.toSorted((a, b) => a.line - b.line), faultCount: this.count };
  }
}

/** What was found, for a message: one line of at most 60 characters. */
export function shown(text: string): string {
  const line = text
    .slice(0, 61)
    .toWellFormed()
    .replace(/[\u0000-\u001f\u007f]/g, ' ');
  return line.length > 60 ? `${line.slice(0, 60)}…` : line;
}
