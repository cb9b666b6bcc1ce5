import { type ApiError, apiError } from '../base/errors.ts';

/** A parameter that cannot be used: which one, what was given, what is allowed. */
export function parameterFault(parameter: string, given: string, expected: string): ApiError {
  return apiError('InvalidRequest', { reason: `${parameter}: ${quoted(given)} is not allowed; give ${expected}` });
}

/** A text from outside, shortened, so that what follows it in the sentence is never cut off. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}
