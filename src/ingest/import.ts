// What an import is told, by the API or by a message of an operator.

import type { Precision } from './batch.ts';
import { type CellType, cellTypes, defaultTable, type TableOptions } from './table.ts';
import { timePattern } from './time-pattern.ts';

export const importFormats = ['line-protocol', 'csv', 'ndjson', 'parquet'] as const;
export type ImportFormat = (typeof importFormats)[number];
export const compressions = ['none', 'gzip', 'zstd'] as const;
export type Compression = (typeof compressions)[number];

/** An object below imports/<database>/ of the region's store, an upload that is made of parts (its own, or those of an earlier import), or an address. */
export type ImportSource = { readonly object: string } | { readonly upload: true | string } | { readonly url: string };

export interface ImportParams {
  readonly source: ImportSource;
  /** Left out: what the file looks like, here and below. */
  readonly format?: ImportFormat;
  readonly compression?: Compression;
  /** Of times that are numbers: ns. */
  readonly precision?: Precision;
  /** As for writes of tables; types and tagColumns are those of the series, where it is defined. */
  readonly series?: string;
  readonly timeColumn?: string;
  readonly tagColumns?: readonly string[];
  readonly delimiter?: string;
  readonly columns?: readonly string[];
  readonly types?: Readonly<Record<string, CellType>>;
  readonly timeFormat?: string;
  /** Of an export of several databases of InfluxDB, the one that is meant. */
  readonly influxDatabase?: string;
  /** Bad rows that the import may have: 0. */
  readonly maxRejects?: number;
  /** Only looks. */
  readonly dryRun?: boolean;
}

const text = { type: 'string', minLength: 1, maxLength: 255 } as const;
const texts = { type: 'array', maxItems: 2_000, items: text } as const;

export const importParams = {
  type: 'object',
  additionalProperties: false,
  required: ['source'],
  properties: {
    source: {
      type: 'object',
      minProperties: 1,
      maxProperties: 1,
      additionalProperties: false,
      properties: {
        // Names of dots alone would lead elsewhere.
        object: { type: 'string', pattern: '^(?!\\.+(/|$))[\\w.=-]{1,200}(/(?!\\.+(/|$))[\\w.=-]{1,200}){0,8}$' },
        upload: { anyOf: [{ const: true }, { type: 'string', pattern: '^[\\w-]{1,100}$' }] },
        url: { type: 'string', pattern: '^https://', maxLength: 8_000 },
      },
    },
    format: { enum: importFormats },
    compression: { enum: compressions },
    precision: { enum: ['ns', 'us', 'ms', 's'] },
    series: text,
    timeColumn: text,
    tagColumns: { ...texts, maxItems: 64 },
    delimiter: { enum: [',', ';', '|', '\t'] },
    columns: texts,
    types: { type: 'object', maxProperties: 2_000, additionalProperties: { enum: cellTypes } },
    timeFormat: { type: 'string', minLength: 1, maxLength: 100 },
    influxDatabase: text,
    maxRejects: { type: 'integer', minimum: 0, maximum: 1_000_000 },
    dryRun: { type: 'boolean' },
  },
} as const;

/** Null when no series is named: rows must say theirs. */
export function tableOfImport(params: ImportParams): TableOptions | null {
  if (params.series === undefined) return null;
  return {
    series: params.series,
    timeColumn: params.timeColumn ?? defaultTable.timeColumn,
    tagColumns: params.tagColumns ?? defaultTable.tagColumns,
    delimiter: params.delimiter ?? defaultTable.delimiter,
    columns: params.columns ?? defaultTable.columns,
    types: params.types ?? defaultTable.types,
    timeFormat: params.timeFormat ?? defaultTable.timeFormat,
  };
}

/** What no schema says of it; undefined: nothing. */
export function importFault({ source, format, series, timeFormat }: ImportParams): string | undefined {
  if ('url' in source && !URL.canParse(source.url)) return 'source.url: it is no address';
  if ((format === 'csv' || format === 'parquet') && series === undefined) return `series: ${format} needs it`;
  try {
    if (timeFormat !== undefined) timePattern(timeFormat);
  } catch (error) {
    return `timeFormat: ${(error as Error).message}`;
  }
  return undefined;
}

/** To be looked at: addresses are often signed, and who has the signature has the file. */
export function shownImport(params: ImportParams): ImportParams {
  const { source } = params;
  if (!('url' in source) || !URL.canParse(source.url)) return params;
  const { origin, pathname } = new URL(source.url);
  return { ...params, source: { url: origin + pathname } };
}

/** All that belongs to one import stands below it. */
export function importPrefix(databaseId: string, taskId: string): string {
  return `imports/${databaseId}/${taskId}`;
}

/** For so long an import that did not succeed keeps what it needs to go on: its parts, what it downloaded, its plan. */
export const importKeptDays = 7;
/** As long as its task can be looked at. */
export const rejectsKeptDays = 90;

const ofImport = /^imports\/db-[0-9a-f]+\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|ops-[\w-]+)\/(.+)$/;
const needed = /^(part-\d{5}|started|plan\.json|download|unpacked|rejects\/\d+)$/;

/** Which import an object was made by, and for how long it is kept; undefined: an operator put it there. */
export function importObject(key: string): { readonly taskId: string; readonly days: number } | undefined {
  const [, taskId, name] = ofImport.exec(key) ?? [];
  if (taskId === undefined || name === undefined) return undefined;
  if (name === 'rejects.ndjson') return { taskId, days: rejectsKeptDays };
  return needed.test(name) ? { taskId, days: importKeptDays } : undefined;
}

/** The file of its bad rows. */
export function importRejectsKey(databaseId: string, taskId: string): string {
  return `${importPrefix(databaseId, taskId)}/rejects.ndjson`;
}
