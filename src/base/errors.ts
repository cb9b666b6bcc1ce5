// Every error of the HTTP API: code, status, sentence. README.md lists them; test/base/errors.test.ts holds the two together.

type Details = Readonly<Record<string, string | number>>;

interface ErrorEntry {
  readonly status: number;
  /** What was wrong, which one, what to do. {name} is replaced by the detail of that name. */
  readonly message: string;
  /** Sent as Retry-After, always with 429 and 503. */
  readonly retryAfterS?: number;
}

export const errorRegistry = {
  // The request itself
  InvalidJson: { status: 400, message: 'The body is not valid JSON: {reason}' },
  InvalidRequest: { status: 400, message: 'The request does not have the expected form: {reason}' },
  InvalidSpec: { status: 400, message: 'The query cannot be run as it is: {path}: {reason}' },
  InvalidLines: {
    status: 400,
    message:
      '{rejected} of {lines} lines are bad and nothing was written; `errors` names the first of them. Mend them and send the request again',
  },
  PartialWrite: {
    status: 400,
    message:
      '{rejected} of {lines} lines are bad and were left out; `errors` names the first of them. The other {accepted} are written: send only the mended ones again',
  },
  InvalidPoints: { status: 400, message: 'The points were refused and nothing was written: {reason}' },
  InvalidTime: {
    status: 400,
    message:
      '{parameter}: {value} is not a time. Use ISO 8601, seconds since 1970 (or a number with ms, us or ns), or a span like -28d',
  },
  InvalidRange: { status: 400, message: 'from ({from}) must be before until ({until})' },
  DeletionNotConfirmed: {
    status: 400,
    message: 'Deleting a database removes its data: repeat its name, ?confirm={database}',
  },
  InvalidSchedule: { status: 400, message: 'Schedule {name}: {cron} cannot be used: {reason}' },
  InvalidName: { status: 400, message: 'The name {name} {reason}' },
  InvalidEncoding: { status: 400, message: 'The body cannot be decompressed as {encoding}: {reason}' },
  ChecksumMismatch: {
    status: 400,
    message: 'The body has {header} {found}, which is not what the header says; send it again',
  },
  AggregationNotSupported: {
    status: 400,
    message: 'Aggregation {aggregation} does not work on field {field}, which is {type}',
  },
  FilterNotSupported: { status: 400, message: 'Operator {operator} does not work on {name}, which is {type}' },
  InvalidValue: { status: 400, message: 'Field {field} of series {series}: {reason}' },
  TimeOutOfRange: { status: 400, message: 'Time {timeNs} ns is outside 1707-09-22 to 2262-04-11' },
  FieldTypeClash: {
    status: 400,
    message:
      'Field {field} of series {series} is {have}; the request gives {given}. A field keeps its type: write to another field, or convert the value',
  },
  TagFieldClash: {
    status: 400,
    message: 'Series {series} would have {name} both as a tag and as a field; rename one of them',
  },
  SeriesNotDefined: {
    status: 400,
    message: 'Series {series} is not defined and the database is strict; define it with PUT …/series/{series} first',
  },
  FieldNotDefined: {
    status: 400,
    message:
      'Field {field} of series {series} is not defined and the database is strict; add it with PUT …/series/{series} first',
  },
  TagNotDefined: {
    status: 400,
    message:
      'Tag {tag} of series {series} is not defined and the database is strict; add it with PUT …/series/{series} first',
  },
  TooManyTagSets: {
    status: 422,
    message: 'The write would take the database over {limit} tag sets (series {series}); use fewer distinct tag values',
  },
  TooManyFields: { status: 422, message: 'Series {series} would have more than {limit} columns of one kind' },
  LongOverflow: {
    status: 422,
    message: 'The sum of {field} does not fit a 64-bit integer; narrow the range or ask for avg',
  },
  ResultTooLarge: {
    status: 422,
    message: 'The result has more than {limit} rows; narrow the range, use interval-sec, or set limit',
  },
  TooManyBuckets: {
    status: 422,
    message: 'The range has more than {limit} buckets; narrow it, or take wider ones',
  },
  TooManyGroups: {
    status: 422,
    message: 'The result has more than {limit} groups; narrow `where`, or group by fewer tags',
  },
  QueryTooLong: {
    status: 422,
    message:
      'The query took longer than the {timeoutMs} ms that it was given; narrow its range or filter, or give it more time',
  },
  RegexTooLong: {
    status: 422,
    message:
      'To find the values of tag {tag} that match took longer than {limitMs} ms; use a simpler expression, or in',
  },
  BodyTooLarge: {
    status: 413,
    message: 'The body has more than {limitBytes} bytes (after decompression); send smaller batches',
  },
  UnsupportedMediaType: { status: 415, message: 'Content type {type} is not accepted here; use {accepted}' },
  UnsupportedEncoding: {
    status: 415,
    message: 'Content-Encoding {encoding} is not accepted; use gzip, deflate, zstd or none',
  },
  // Who asks
  TokenMissing: { status: 401, message: 'No token was given; send Authorization: Bearer <token>' },
  TokenUnknown: { status: 401, message: 'The token is unknown, expired or revoked; ask for a new one' },
  ScopeMissing: { status: 403, message: 'The token does not have the scope {scope}; use one that has' },
  RoleMissing: {
    status: 403,
    message: 'The user of the token is {role}, which does not give the scope {scope}; ask an owner of the account',
  },
  LinkInvalid: {
    status: 403,
    message: 'The address was not given out by this service, or was changed; ask for a new one',
  },
  LinkExpired: { status: 403, message: 'The address was good until {until}; ask for a new one' },
  OperatorOnly: { status: 403, message: 'Only the operator may do this' },
  AccountSuspended: {
    status: 403,
    message:
      'Account {account} is suspended: it can be looked at, but takes no data, queries or changes. Ask the operator',
  },
  StorageLimitReached: {
    status: 403,
    message:
      'The account stores {bytes} bytes; its limit storageBytes is {limit}. Nothing was written: delete data, or ask for a larger plan',
  },
  RateLimited: {
    status: 429,
    message: 'The account is over its limit {limit} ({value}); nothing was done. Retry later, or ask for a larger plan',
    retryAfterS: 1,
  },
  TooManyTasks: {
    status: 429,
    message: 'The account has {limit} tasks that are not finished, its limit; wait until some are, or cancel them',
    retryAfterS: 60,
  },
  // What it is about
  WrongRegion: {
    status: 421,
    message: 'Database {database} is in {region}, this is {here}; send the request to {endpoint}',
  },
  RouteNotFound: { status: 404, message: '{method} {path} is not a route of this API; GET / lists them' },
  MethodNotAllowed: { status: 405, message: '{method} is not possible on {path}' },
  DatabaseNotFound: { status: 404, message: 'There is no database {database}' },
  SeriesNotFound: { status: 404, message: 'There is no series {series}' },
  FieldNotFound: { status: 404, message: 'Series {series} has no field {field}' },
  TagNotFound: { status: 404, message: 'Series {series} has no tag {tag}' },
  FileNotFound: { status: 404, message: 'There is no file {file}; exports are kept for 7 days' },
  ReceiptNotFound: {
    status: 404,
    message: 'There is no receipt {receipt} of database {database}; receipts are kept for {days} days',
  },
  TaskNotFound: { status: 404, message: 'There is no task {task}' },
  BackupNotFound: { status: 404, message: 'There is no backup {backup}' },
  TokenNotFound: { status: 404, message: 'There is no token {token}' },
  AccountNotFound: { status: 404, message: 'There is no account {account}' },
  HostNotFound: { status: 404, message: 'There is no host {host}' },
  UserNotFound: { status: 404, message: 'There is no user {user}' },
  UploadEnded: { status: 409, message: 'Import {task} {why} and takes no more parts' },
  DatabaseExists: { status: 409, message: 'Database {database} exists already; choose another name' },
  AccountExists: { status: 409, message: 'Account {account} exists already; choose another name' },
  UserExists: { status: 409, message: 'User {user} exists already; choose another name' },
  LastOwner: { status: 409, message: 'User {user} is the last owner of the account; make another user owner first' },
  TooManyDatabases: {
    status: 409,
    message: 'The account has {limit} databases, its limit; delete one, or ask for a larger plan',
  },
  TooManyUsers: {
    status: 409,
    message: 'The account has {limit} users, its limit; remove one, or ask for a larger plan',
  },
  TooManyTokens: {
    status: 409,
    message: 'The account has {limit} tokens, its limit; revoke one, or ask for a larger plan',
  },
  TooManySeries: {
    status: 409,
    message: 'Database {database} has {limit} series, its limit; drop one, or ask for a larger plan',
  },
  TaskNotCancellable: { status: 409, message: 'Task {task} cannot be cancelled: {reason}' },
  TaskNotRetryable: {
    status: 409,
    message: 'Task {task} is {state}; only one that has failed or was cancelled is tried again',
  },
  AccountClosed: { status: 409, message: 'Account {account} is {status} and cannot be changed' },
  DatabaseFailed: {
    status: 409,
    message: 'Database {database} could not be made; its task says why. Delete it and create it again',
  },
  DatabaseBusy: { status: 409, message: 'Database {database} is {status}; wait for its task to end' },
  BackupBusy: {
    status: 409,
    message:
      'Backup {backup} is {status}: only a complete one is restored or read back, and none is deleted while it is made',
  },
  Conflict: { status: 409, message: '{what} was changed by somebody else at the same time; read it again and retry' },
  // The service
  InternalError: { status: 500, message: 'Something failed on our side; the request id finds it in our logs' },
  DatabaseNotReady: { status: 503, message: 'Database {database} is {status}; retry', retryAfterS: 1 },
  DatabaseUnavailable: { status: 503, message: 'Database {database} does not answer; retry', retryAfterS: 2 },
  DatabaseOverloaded: { status: 503, message: 'Database {database} is overloaded; retry', retryAfterS: 1 },
  DatabaseHeld: {
    status: 503,
    message: 'Database {database} is being moved and takes no writes for up to a minute; nothing was changed. Retry',
    retryAfterS: 5,
  },
  DeadlineExceeded: {
    status: 503,
    message: 'The request took longer than it may (30 s for a query) and was cancelled; narrow it or retry',
    retryAfterS: 5,
  },
  StorageFull: {
    status: 503,
    message: 'Database {database} has no room on its volumes; nothing was written. Retry later',
    retryAfterS: 30,
  },
  StorageFailed: {
    status: 503,
    message:
      'Database {database} cannot read or write one of its volumes, and nothing was written. Retry; when this goes on its operator has to mend the volume',
    retryAfterS: 10,
  },
  StorageDamaged: {
    status: 503,
    message:
      'Stored data of database {database} that the request needs is damaged: its operator has to restore it from a backup. Other series and times are answered',
    retryAfterS: 60,
  },
  WriteQueueFull: {
    status: 503,
    message: 'Too much waits to be queued ({bytes} bytes); nothing was written. Retry',
    retryAfterS: 2,
  },
  ObjectStoreUnavailable: {
    status: 503,
    message: 'The store of files does not answer or is full; retry',
    retryAfterS: 10,
  },
  MetadataUnavailable: { status: 503, message: 'The metadata store does not answer; retry', retryAfterS: 2 },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof errorRegistry;

/** One entry of `errors` in a receipt. */
export interface PointFault {
  /** 1-based line of the body, or 1-based row of JSON rows. */
  readonly line: number;
  readonly series?: string;
  /** Field, tag or character column the fault is at. */
  readonly column?: string;
  readonly code: string;
  readonly message: string;
}

interface ErrorOptions {
  readonly cause?: unknown;
  /** Goes into the body beside code, message and requestId. */
  readonly extra?: Readonly<Record<string, unknown>>;
  /** Instead of the registry's. */
  readonly retryAfterS?: number;
}

export class ApiError extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  readonly retryAfterS: number | undefined;
  /** Goes into the body beside code, message and requestId. */
  readonly extra: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, details: Details, { cause, extra = {}, retryAfterS }: ErrorOptions) {
    super(sentence(code, details), { cause });
    const entry: ErrorEntry = errorRegistry[code];
    this.code = code;
    this.status = entry.status;
    this.retryAfterS = retryAfterS ?? entry.retryAfterS;
    this.extra = extra;
  }
}

/** The message of a code with its details filled in. */
export function sentence(code: ErrorCode, details: Details): string {
  return errorRegistry[code].message.replace(/\{(\w+)\}/g, (_, name: string) =>
    shown(String(details[name] ?? `<${name}>`)),
  );
}

export function apiError(code: ErrorCode, details: Details = {}, options: ErrorOptions = {}): ApiError {
  return new ApiError(code, details, options);
}

/** Values from outside are shortened and made one line, so that no message becomes a vehicle. */
function shown(value: string): string {
  const line = value.replace(/[\u0000-\u001f\u007f]/g, ' ');
  return line.length > 200 ? `${line.slice(0, 200)}…` : line;
}
