// The JSON Schema of QueryRequest (OpenAPI is generated from it), and the check against it: what is wrong is told with its path in the spec.

import type { ErrorObject } from 'ajv/dist/2020.js';
import { checkOf } from '../base/json-schema.ts';
import { maxFieldsPerSeries, maxTagsPerSeries } from '../base/limits.ts';
import { aggregateOps } from '../kdb/aggregates.ts';
import { memberFault, quoted, SpecFault } from './fault.ts';
import { maxRows } from './parameter-schema.ts';
import {
  type AsofRequest,
  downsampleMethods,
  formats,
  havingOperators,
  type QueryRequest,
  timeFormats,
  whereOperators,
  windowFunctions,
} from './request.ts';

/** Of one tag or field. */
const maxValues = 10_000;
const maxFilters = 1_000;
/** Twice what a chart of the widest screens can show. */
const maxPoints = 10_000;
const maxWindow = 100_000;
export const maxTimeoutMs = 30_000;

const name = { type: 'string', minLength: 1, maxLength: 255 } as const;
const word = { type: 'string', maxLength: 100 } as const;
const text = { type: 'string', maxLength: 65_536 } as const;
const constant = { anyOf: [text, { type: 'number' }, { type: 'boolean' }] } as const;
const constants = { anyOf: [...constant.anyOf, { type: 'array', maxItems: maxValues, items: constant }] } as const;
const direction = { enum: ['asc', 'desc'] } as const;

function object(required: readonly string[], properties: object): object {
  return { type: 'object', additionalProperties: false, required, properties };
}

function count(maximum: number): object {
  return { type: 'integer', minimum: 1, maximum };
}

/** `where` and `having`: which members go together is checked where they are read. */
function tree(node: string, leaf: object): object {
  const nodes = { type: 'array', minItems: 1, maxItems: maxFilters, items: { $ref: node } };
  return object([], { and: nodes, or: nodes, not: { $ref: node }, ...leaf, value: constants });
}

const time = {
  anyOf: [word, { type: 'number' }],
  description:
    'ISO 8601, seconds since 1970, text with ns, us or ms behind a number, a span before now like -28d, or now',
} as const;

const aggregation = {
  field: name,
  aggregation: { enum: aggregateOps },
  p: { type: 'number', minimum: 0, maximum: 100, description: 'of a percentile' },
  weight: { ...name, description: 'of a weighted average: the field of the weights' },
} as const;

const ranking = object(['groups', 'field', 'aggregation'], {
  groups: count(1_000),
  ...aggregation,
});

const members = {
  series: name,
  from: time,
  until: { ...time, description: `${time.description}; the range ends before it` },
  where: { $ref: '#/$defs/where' },
  groupBy: { type: 'array', maxItems: maxTagsPerSeries, uniqueItems: true, items: name },
  fields: { type: 'array', minItems: 1, maxItems: maxFieldsPerSeries, uniqueItems: true, items: name },
  select: {
    type: 'array',
    minItems: 1,
    maxItems: maxFieldsPerSeries,
    items: object(['field', 'aggregation'], { ...aggregation, as: name }),
  },
  bucket: object(['width'], {
    width: { ...word, description: 'a number of ns, us, ms, s, m, h, d, w, mo or y: 500ms, 5m, 1d, 3mo' },
    timeZone: { ...word, description: 'an IANA time zone like Europe/Berlin; UTC when it is left out' },
    offset: { ...word, description: 'how much later buckets begin: 6h, or -30m' },
  }),
  points: { ...count(maxPoints), description: 'about so many buckets' },
  fill: {
    anyOf: [{ enum: ['none', 'null', 'previous', 'linear'] }, object(['value'], { value: constant })],
  },
  windows: {
    type: 'array',
    maxItems: 100,
    items: object(['function', 'column'], {
      function: { enum: windowFunctions },
      column: name,
      size: count(maxWindow),
      as: name,
    }),
  },
  having: { $ref: '#/$defs/having' },
  top: ranking,
  bottom: ranking,
  downsample: object(['method', 'points'], { method: { enum: downsampleMethods }, points: count(maxPoints) }),
  order: { anyOf: [direction, object(['column'], { column: name, direction })] },
  limit: count(maxRows),
  limitPerGroup: count(maxRows),
  cursor: { type: 'string', maxLength: 16_384, description: 'the text of `next` in the result before' },
  format: { enum: formats },
  timeFormat: { enum: timeFormats },
  timeoutMs: count(maxTimeoutMs),
  explain: { type: 'boolean' },
} as const;

const definitions = {
  where: tree('#/$defs/where', { tag: name, field: name, op: { enum: whereOperators } }),
  having: tree('#/$defs/having', { column: name, op: { enum: havingOperators } }),
} as const;

export const querySchema = { ...object(['series'], members), $defs: definitions };

/** POST …/latest takes some of it. */
const { series, fields, where, format, timeFormat, timeoutMs } = members;
export const latestSchema = {
  ...object(['series'], { series, fields, where, format, timeFormat, timeoutMs }),
  $defs: { where: definitions.where },
};

/** POST …/asof takes more of it, and what it needs for the other series. */
const { from, until, groupBy, limit, cursor } = members;
export const asofSchema = {
  ...object(['series', 'other'], {
    ...{ series, from, until, where, fields, limit, cursor, format, timeFormat, timeoutMs },
    other: object(['series'], { series, where, fields }),
    by: { ...groupBy, description: 'tags whose values are the same in both; left out: those that both series have' },
    tolerance: { ...word, description: 'how much older the other point may be, like 5s; left out: any' },
    order: direction,
  }),
  $defs: { where: definitions.where },
};

export const readQueryRequest = reader<QueryRequest>(querySchema);
export const readLatestRequest = reader<QueryRequest>(latestSchema);
export const readAsofRequest = reader<AsofRequest>(asofSchema);

function reader<Request>(schema: object): (value: unknown) => Request {
  const check = checkOf<Request>(schema);
  return (value) => {
    if (!check(value)) throw schemaFault(check.errors!, value);
    checkTexts(value, '');
    return value;
  };
}

/** NUL cannot cross to q; lone surrogates would come back as other text than was asked for. */
function checkTexts(value: unknown, path: string): void {
  if (typeof value === 'string') {
    if (value.includes('\0') || !value.isWellFormed())
      throw memberFault(path, value, 'text that is valid Unicode without NUL');
  } else if (typeof value === 'object' && value !== null) {
    const inArray = Array.isArray(value);
    for (const [key, member] of Object.entries(value))
      checkTexts(member, inArray ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`);
  }
}

/** Of a member that may be one of several things there is an error for each: the one farthest in tells most. */
function schemaFault(errors: readonly ErrorObject[], root: unknown): SpecFault {
  const depth = (error: ErrorObject): number => error.instancePath.split('/').length;
  const error = errors.reduce((best, each) => (depth(each) > depth(best) ? each : best));
  const { keyword, instancePath, params, message } = error;
  const path = pathOf(instancePath);
  if (keyword === 'additionalProperties') {
    const member = String(params['additionalProperty']);
    return new SpecFault(path || 'the spec', `there is no member ${quoted(member)}`);
  }
  if (keyword === 'required') return new SpecFault(path || 'the spec', `${params['missingProperty']} is missing`);
  const others = errors.filter((each) => each.instancePath === instancePath && each.keyword !== 'anyOf');
  const expected = [...new Set(others.map(expectation))].join(' or ');
  const given = valueAt(root, instancePath);
  return new SpecFault(path || 'the spec', `${quoted(JSON.stringify(given) ?? 'undefined')} ${expected || message}`);
}

function expectation({ params, message = 'is wrong' }: ErrorObject): string {
  return params['allowedValues'] ? `must be one of ${(params['allowedValues'] as unknown[]).join(', ')}` : message;
}

/** /select/1/field as select[1].field. */
function pathOf(pointer: string): string {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => (/^\d+$/.test(part) ? `[${part}]` : `.${part}`))
    .join('')
    .replace(/^\./, '');
}

function valueAt(root: unknown, pointer: string): unknown {
  return pointer
    .split('/')
    .slice(1)
    .reduce<unknown>((value, part) => (value as Record<string, unknown>)?.[part], root);
}
