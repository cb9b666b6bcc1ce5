import type { PointFault } from '../base/errors.ts';

/** How many faults an answer names; the others are only counted. */
const maxNamed = 100;

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
  | 'ValueTooLong'
  | 'DuplicateTag'
  | 'FieldTypeClash'
  | 'TagFieldClash'
  | 'TooManyFields';

/** Bad lines of one request. */
export class Faults {
  readonly named: PointFault[] = [];
  count = 0;
  private readonly most: number;

  constructor(most = maxNamed) {
    this.most = most;
  }

  /** False once enough are named: the caller need not make a message. */
  get wanted(): boolean {
    return this.count < this.most;
  }

  add(fault: PointFault): void {
    if (this.wanted) this.named.push(fault);
    this.count++;
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
