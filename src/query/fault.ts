import { ApiError, apiError } from '../base/errors.ts';

/** What cannot be done with a request, and where in its JSON form: `select[1].field`. */
export class SpecFault extends Error {
  readonly path: string;
  /** One that has a code of its own. */
  readonly error: ApiError | null;

  constructor(path: string, reason: string | ApiError) {
    super(typeof reason === 'string' ? reason : reason.message);
    this.path = path;
    this.error = typeof reason === 'string' ? null : reason;
  }
}

/** A member that cannot be used: which one, what was given, what is allowed. */
export function memberFault(path: string, given: string, expected: string): SpecFault {
  return new SpecFault(path, notAllowed(given, expected));
}

/** The same of a parameter. */
export function parameterFault(parameter: string, given: string, expected: string): ApiError {
  return apiError('InvalidRequest', { reason: `${parameter}: ${notAllowed(given, expected)}` });
}

function notAllowed(given: string, expected: string): string {
  return `${quoted(given)} is not allowed; give ${expected}`;
}

/** A text from outside, shortened, so that what follows it in the sentence is never cut off. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}

/** For who asked by a JSON spec: every fault of it is a 400 that says where; what is too much keeps its 422. */
export function specError(thrown: unknown): unknown {
  if (thrown instanceof ApiError && thrown.code === 'SeriesNotFound') return specError(new SpecFault('series', thrown));
  if (!(thrown instanceof SpecFault)) return thrown;
  const { path, error, message } = thrown;
  if (error && error.status === 422) return error;
  const details = [{ path, ...(error && { code: error.code }) }];
  return apiError('InvalidSpec', { path, reason: message }, { extra: { details } });
}

/** Parameters that are not named as the member that they stand for. */
const parameters: Readonly<Record<string, string>> = {
  fields: 'field',
  select: 'aggregation',
  bucket: 'interval',
  'bucket.timeZone': 'time-zone',
  'bucket.offset': 'offset',
  'downsample.points': 'points',
};

/** For who asked by parameters. */
export function parameterError(thrown: unknown): unknown {
  if (!(thrown instanceof SpecFault)) return thrown;
  if (thrown.error) return thrown.error;
  const [member] = /^[^.[]*/.exec(thrown.path)!;
  const name =
    parameters[thrown.path] ??
    /^select.*\.(p|weight)$/.exec(thrown.path)?.[1] ??
    parameters[member] ??
    member.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return apiError('InvalidRequest', { reason: `${name}: ${thrown.message}` });
}
