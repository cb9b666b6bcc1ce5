/**
 * What an engine refuses, as it crosses the wire: a q error whose text is the code and its subjects, separated by tabs
 * (`FieldTypeClash\tcpu\tusage\tfloat\tstring`). The sentence is made once, in the API's error registry.
 */
export const engineErrorCodes = {
  SeriesNotFound: ['series'],
  FieldNotFound: ['series', 'field'],
  TagNotFound: ['series', 'tag'],
  /** Strict database: a write names what is not defined. */
  SeriesNotDefined: ['series'],
  FieldNotDefined: ['series', 'field'],
  TagNotDefined: ['series', 'tag'],
  FieldTypeClash: ['series', 'field', 'have', 'given'],
  /** One name used as tag and as field of one series. */
  TagFieldClash: ['series', 'name'],
  InvalidName: ['name', 'reason'],
  InvalidValue: ['series', 'field', 'reason'],
  TimeOutOfRange: ['timeNs'],
  TooManyTagSets: ['series', 'limit'],
  TooManySeries: ['limit'],
  TooManyFields: ['series', 'limit'],
  AggregationNotSupported: ['aggregation', 'field', 'type'],
  FilterNotSupported: ['operator', 'name', 'type'],
  LongOverflow: ['field'],
  ResultTooLarge: ['limit'],
  /** What the caller knew of the series is no longer so. */
  CatalogueChanged: ['version'],
  CursorGone: ['generation'],
  StorageFull: [],
  EngineBusy: [],
  /** Its writes are stopped for a while: it is being moved. */
  DatabaseHeld: [],
  /** A reader has not seen yet what the call must have seen. It never leaves the client. */
  ReaderBehind: [],
  DeadlineExceeded: [],
  Cancelled: [],
  /** A volume cannot be read or written. */
  StorageFailed: ['reason'],
  /** What was stored is not what is read. */
  StorageDamaged: ['reason'],
  /** Not a call of the contract, or arguments that do not have its types. */
  BadCall: ['reason'],
  InternalError: ['reason'],
} as const satisfies Record<string, readonly string[]>;

export type EngineErrorCode = keyof typeof engineErrorCodes;

export class EngineError extends Error {
  readonly code: EngineErrorCode;
  /** Values for the code's subjects, in their order. */
  readonly subjects: readonly string[];

  constructor(code: EngineErrorCode, ...subjects: readonly string[]) {
    super([code, ...subjects].join(' '));
    this.code = code;
    this.subjects = subjects;
  }

  /** The q error text. Tabs and NULs cannot occur in names; in free text they become spaces. */
  toWire(): string {
    return [this.code, ...this.subjects.map((subject) => subject.replace(/[\t\0]/g, ' '))].join('\t');
  }

  static fromWire(text: string): EngineError {
    const [code, ...subjects] = text.split('\t');
    return code! in engineErrorCodes
      ? new EngineError(code as EngineErrorCode, ...subjects)
      : new EngineError('InternalError', text);
  }

  /** The subjects by name. */
  get details(): Record<string, string> {
    return Object.fromEntries(engineErrorCodes[this.code].map((name, i) => [name, this.subjects[i] ?? '']));
  }
}

/** The API gave up on a connection: nobody knows whether the call was applied. A batch id makes its retry harmless. */
export class ConnectionLost extends Error {}

/** No connection could be made, or it was gone before: nothing was sent. */
export class ConnectionFailed extends ConnectionLost {}
