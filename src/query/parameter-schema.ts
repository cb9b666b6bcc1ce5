// The parameters of GET …/query: what a query string may hold, as a JSON Schema (OpenAPI is generated from it), and the check against it.

import type { ErrorObject } from 'ajv/dist/2020.js';
import { apiError } from '../base/errors.ts';
import { checkOf } from '../base/json-schema.ts';
import { maxFieldsPerSeries, maxTagsPerSeries } from '../base/limits.ts';
import { type AggregateOp, aggregateOps } from '../kdb/aggregates.ts';
import { parameterFault, quoted } from './fault.ts';
import { type Direction, downsampleMethods, type Format, formats, type TimeFormat, timeFormats } from './request.ts';

export const maxRows = 1_000_000;
const maxConditions = 100;
/** Longer than any time, number or cursor. */
const maxWordLength = 100;
/** Node refuses request heads over 16 KiB; this also bounds a parameter that comes another way. */
const maxListLength = 8192;

function word(description: string) {
  return { type: 'string', maxLength: maxWordLength, description } as const;
}

function oneOf<const T extends readonly string[]>(values: T) {
  return { type: 'string', enum: values, description: `one of ${values.join(', ')}` } as const;
}

function repeatable(description: string, maxItems: number) {
  return { type: 'array', items: { type: 'string', maxLength: maxListLength }, maxItems, description } as const;
}

const timeDescription =
  'a time: ISO 8601, seconds since 1970 (or a number with ms, us or ns), a span before now like -28d, or now';

/** A repeatable parameter is an array here, however often it was given. */
export const queryParametersSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    from: word(timeDescription),
    until: word(timeDescription),
    aggregation: oneOf(aggregateOps),
    p: { ...word('of a percentile: a number from 0 to 100'), pattern: '^[0-9]{1,3}(\\.[0-9]{1,9})?$' },
    weight: {
      type: 'string',
      maxLength: maxListLength,
      description: 'of a weighted average: the field of the weights',
    },
    'interval-sec': {
      ...word('a positive number of seconds, with up to 9 decimals'),
      pattern: '^[0-9]{1,9}(\\.[0-9]{1,9})?$',
    },
    field: repeatable('names of fields, comma-separated (a comma in a name as \\,)', maxFieldsPerSeries),
    'group-by': repeatable('names of tags, comma-separated (a comma in a name as \\,)', maxTagsPerSeries),
    where: repeatable(`conditions like host=a, host!=a,b or usage>=90, at most ${maxConditions}`, maxConditions),
    order: oneOf(['asc', 'desc']),
    limit: { ...word(`an integer from 1 to ${maxRows}`), pattern: '^([1-9][0-9]{0,5}|1000000)$' },
    cursor: { ...word('the text of `next` in the result before'), maxLength: maxListLength },
    'time-format': oneOf(timeFormats),
    interval: word('a width like 500ms, 5m, 1d, 3mo or 1y, at most 30 years'),
    'time-zone': word('an IANA time zone like Europe/Berlin'),
    offset: word('a span like 6h or -30m'),
    points: { ...word('an integer from 1 to 10000'), pattern: '^([1-9][0-9]{0,3}|10000)$' },
    downsample: oneOf(downsampleMethods),
    fill: word('one of none, null, previous, linear, or a value'),
    'limit-per-group': { ...word(`an integer from 1 to ${maxRows}`), pattern: '^([1-9][0-9]{0,5}|1000000)$' },
    format: oneOf(formats),
    'timeout-ms': { ...word('an integer from 1 to 30000'), pattern: '^([1-9][0-9]{0,3}|[12][0-9]{4}|30000)$' },
    explain: oneOf(['true', 'false']),
  },
} as const;

type Name = keyof typeof queryParametersSchema.properties;

/** GET …/latest takes some of them. */
const latestParametersSchema = {
  ...queryParametersSchema,
  properties: pick(['field', 'where', 'time-format', 'format', 'timeout-ms']),
} as const;

/** An export has its own formats, and is written page by page: what needs all rows at once it does not take. */
const exportParametersSchema = {
  ...queryParametersSchema,
  properties: pick([
    ...(['from', 'until', 'aggregation', 'p', 'weight', 'interval-sec', 'field', 'group-by', 'where'] as const),
    ...(['order', 'limit', 'cursor', 'time-format'] as const),
  ]),
} as const;

function pick(names: readonly Name[]) {
  return Object.fromEntries(names.map((name) => [name, queryParametersSchema.properties[name]]));
}

export interface QueryParameters {
  readonly from?: string;
  readonly until?: string;
  readonly aggregation?: AggregateOp;
  readonly p?: string;
  readonly weight?: string;
  readonly 'interval-sec'?: string;
  readonly field?: readonly string[];
  readonly 'group-by'?: readonly string[];
  readonly where?: readonly string[];
  readonly order?: Direction;
  readonly limit?: string;
  readonly cursor?: string;
  readonly 'time-format'?: TimeFormat;
  readonly interval?: string;
  readonly 'time-zone'?: string;
  readonly offset?: string;
  readonly points?: string;
  readonly downsample?: (typeof downsampleMethods)[number];
  readonly fill?: string;
  readonly 'limit-per-group'?: string;
  readonly format?: Format;
  readonly 'timeout-ms'?: string;
  readonly explain?: 'true' | 'false';
}

/** A query string, parsed: each value is a string, or an array of strings where the parameter was repeated. */
export type RawParameters = Readonly<Record<string, unknown>>;

interface Described {
  readonly type: string;
  readonly description: string;
}

const properties: Readonly<Record<string, Described>> = queryParametersSchema.properties;

export const readQueryParameters = reader(queryParametersSchema);
export const readLatestParameters = reader(latestParametersSchema);
export const readExportParameters = reader(exportParametersSchema);

function reader(schema: {
  readonly properties: Readonly<Record<string, Described>>;
}): (raw: RawParameters) => QueryParameters {
  const check = checkOf<QueryParameters>(schema);
  return (raw) => {
    // Loops, for entries of entries would take 3 µs more; without a prototype `__proto__` is a name as any other.
    const given: Record<string, unknown> = Object.create(null);
    for (const name of Object.keys(raw)) {
      const value = raw[name];
      if (value !== undefined) given[name] = typeof value === 'string' && isRepeatable(name) ? [value] : value;
    }
    if (!check(given)) throw schemaFault(check.errors![0]!, given, Object.keys(schema.properties));
    for (const name of Object.keys(given)) {
      const value = (given as Record<string, string | string[]>)[name]!;
      if (typeof value === 'string') checkText(name, value);
      else for (const text of value) checkText(name, text);
    }
    return given;
  };
}

function isRepeatable(name: string): boolean {
  return Object.hasOwn(properties, name) && properties[name]!.type === 'array';
}

/** NUL cannot cross to q; lone surrogates would come back as other text than was asked for. */
function checkText(name: string, text: string): void {
  if (text.includes('\0') || !text.isWellFormed())
    throw parameterFault(name, text, 'text that is valid Unicode without NUL');
}

function schemaFault(
  { keyword, params, instancePath }: ErrorObject,
  given: RawParameters,
  names: readonly string[],
): Error {
  if (keyword === 'additionalProperties') {
    return apiError('InvalidRequest', {
      reason: `there is no parameter ${quoted(String(params['additionalProperty']))}; there are ${names.join(', ')}`,
    });
  }
  // Paths look like /limit or /where/3; no parameter's name has a slash or tilde that a JSON pointer would escape.
  const [, name, item] = instancePath.split('/') as [string, string, string?];
  const { description } = properties[name]!;
  const value = given[name];
  if (keyword === 'maxItems')
    return apiError('InvalidRequest', {
      reason: `${name} is given ${(value as unknown[]).length} times; give ${description}`,
    });
  if (Array.isArray(value) && item === undefined)
    return apiError('InvalidRequest', { reason: `${name} is given ${value.length} times; give it once` });
  const wrong = item === undefined ? value : (value as unknown[])[Number(item)];
  return parameterFault(name, typeof wrong === 'string' ? wrong : (JSON.stringify(wrong) ?? ''), description);
}
