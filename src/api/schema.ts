import { parse } from 'node:querystring';
import { apiError } from '../base/errors.ts';
import { type Check, checkOf } from '../base/json-schema.ts';
import { specError } from '../query/fault.ts';
import type { Context, Parameters, Step } from './step.ts';

/** Step: parses the body as JSON and checks it. */
export function readJson(schema: object): Step {
  const validate = checkOf<object>(schema);
  return function readJson(context: Context): void {
    const text = context.body!.toString('utf8');
    let value: unknown;
    try {
      value = text.trim() === '' ? {} : JSON.parse(text);
    } catch (error) {
      throw apiError('InvalidJson', { reason: (error as Error).message });
    }
    if (!validate(value)) throw apiError('InvalidRequest', { reason: `body${explain(validate)}` });
    context.json = value;
  };
}

/** A spec is text that somebody writes. */
const maxSpecBytes = 1_048_576;
/** Brackets; deeper ones would be more than the check's stack holds. */
const maxSpecDepth = 100;

/** Step: as readJson, for the spec of a query; what is wrong is told with its path. */
export function readSpec(read: (value: unknown) => unknown): Step {
  return function readSpec(context: Context): void {
    const body = context.body!;
    if (body.length > maxSpecBytes) throw apiError('BodyTooLarge', { limitBytes: maxSpecBytes });
    const text = body.toString('utf8');
    if (depthOf(text) > maxSpecDepth) throw apiError('InvalidJson', { reason: 'it nests too deep' });
    try {
      context.json = read(JSON.parse(text));
    } catch (error) {
      if (error instanceof SyntaxError) throw apiError('InvalidJson', { reason: error.message });
      throw specError(error);
    }
  };
}

function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}]/gs)) {
    if (token === '[' || token === '{') deepest = Math.max(deepest, ++depth);
    else if (token.length === 1) depth--;
  }
  return deepest;
}

/** A parameter that is given once. */
export const single = { type: 'string' } as const;

/** A parameter or member that may be an id. */
export const singleId = { type: 'string', minLength: 1, maxLength: 64 } as const;

/** Step: checks the query string. A parameter given once is a string, else an array of strings. */
export function readParameters(schema: object): Step {
  const validate = checkOf<object>(schema);
  return function readParameters(context: Context): void {
    const parameters = queryString(context);
    if (!validate(parameters)) throw apiError('InvalidRequest', { reason: `query string${explain(validate)}` });
    context.parameters = parameters;
  };
}

/** The query string, unchecked: all of it, since a parameter left out would change what is asked. Node bounds its length (16 KiB of headers). */
export function queryString(context: Context): Parameters {
  const url = context.request.url ?? '';
  const start = url.indexOf('?');
  return start < 0 ? {} : ({ ...parse(url.slice(start + 1), '&', '=', { maxKeys: 0 }) } as Parameters);
}

function explain(validate: Check<object>): string {
  const error = validate.errors![0]!;
  const { additionalProperty, allowedValues } = error.params as {
    additionalProperty?: string;
    allowedValues?: unknown[];
  };
  const about =
    additionalProperty !== undefined
      ? ` (${additionalProperty})`
      : allowedValues
        ? ` (${allowedValues.join(', ')})`
        : '';
  return `${error.instancePath.replaceAll('/', '.')} ${error.message}${about}`;
}
