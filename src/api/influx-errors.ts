// Errors in InfluxDB's words: its clients look for some of them. Telegraf drops a batch when the answer says `partial write`, `unable to parse` or
// `points beyond retention policy`, creates the database on `database not found`, and otherwise sends it again.

import type { ApiError, ErrorCode, PointFault } from '../base/errors.ts';
import type { Context } from './step.ts';

/** Of bad lines, this many causes are told. */
const maxCauses = 10;
const maxLineBytes = 200;
const newline = 10;

/** Faults of lines that can be read: those of the database. */
const refusals: ReadonlySet<string> = new Set<ErrorCode | 'OlderThanRetention' | 'TooFarInFuture'>([
  'FieldTypeClash',
  'TagFieldClash',
  'SeriesNotDefined',
  'FieldNotDefined',
  'TagNotDefined',
  'OlderThanRetention',
  'TooFarInFuture',
]);

/** InfluxDB 2's names of what went wrong. */
const codes: Readonly<Record<number, string>> = {
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not found',
  409: 'conflict',
  413: 'request too large',
  415: 'unsupported media type',
  422: 'unprocessable entity',
  429: 'too many requests',
  500: 'internal error',
  503: 'unavailable',
};

/** `{"error"}` of InfluxDB 1. */
export function errorV1(context: Context, error: ApiError): object {
  return { error: sentence(context, error) };
}

/** `{"code","message"}` of InfluxDB 2; of bad lines, with the first one's number. */
export function errorV2(context: Context, error: ApiError): object {
  const [first] = faultsOf(error);
  return {
    code: codes[error.status] ?? 'invalid',
    message: sentence(context, error),
    ...(first && { line: first.line }),
  };
}

function sentence(context: Context, error: ApiError): string {
  if (error.code === 'DatabaseNotFound') return `database not found: "${context.params['database']}"`;
  const faults = faultsOf(error);
  if (faults.length === 0) return error.message;
  const { accepted, rejected } = error.extra as { accepted: number; rejected: number };
  const told = causesOf(context.body!, faults).join('\n');
  const isRead = accepted > 0 || faults.some(({ code }) => refusals.has(code));
  return isRead ? `partial write: ${told} dropped=${rejected}` : told;
}

function faultsOf({ extra }: ApiError): readonly PointFault[] {
  return (extra['errors'] as readonly PointFault[] | undefined) ?? [];
}

/** Faults are in the order of their lines, so the body is passed once. */
function causesOf(body: Buffer, faults: readonly PointFault[]): string[] {
  const causes = new Set<string>();
  let start = 0;
  let passed = 1;
  for (const fault of faults) {
    if (causes.size === maxCauses) break;
    for (; passed < fault.line; passed++) start = body.indexOf(newline, start) + 1;
    causes.add(causeOf(fault, body, start));
  }
  return [...causes];
}

function causeOf({ code, message }: PointFault, body: Buffer, lineStart: number): string {
  if (code === 'FieldTypeClash') return `field type conflict: ${message}`;
  if (code === 'OlderThanRetention') return `points beyond retention policy: ${message}`;
  if (refusals.has(code)) return message;
  const found = body.indexOf(newline, lineStart);
  const end = Math.min(found < 0 ? body.length : found, lineStart + maxLineBytes);
  return `unable to parse '${body.toString('utf8', lineStart, end).trimEnd()}': ${message}`;
}
