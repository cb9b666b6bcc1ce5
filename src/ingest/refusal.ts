import type { FaultCode } from './fault-list.ts';

/** Why a name or a value is refused: decoders make a fault of it. Returned, not thrown: a body may have millions. */
export class Refusal {
  readonly code: FaultCode;
  readonly message: string;
  readonly column: string | undefined;
  constructor(code: FaultCode, message: string, column?: string) {
    this.code = code;
    this.message = message;
    this.column = column;
  }
}
