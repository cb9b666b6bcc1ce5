// What an import is told, by the API or by a message of an operator.

import type { Precision } from './batch.ts';
import { type CellType, cellTypes, defaultTable, type TableOptions } from './table.ts';

export const importFormats = ['line-protocol', 'csv', 'ndjson', 'parquet'] as const;
export type ImportFormat = (typeof importFormats)[number];
export const compressions = ['none', 'gzip', 'zstd'] as const;
export type Compression = (typeof compressions)[number];

/** An object below imports/<database>/ of the region's store, an upload that is made of parts, or an address. */
export type ImportSource = { readonly object: string } | { readonly upload: true } | { readonly url: string };

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
        object: { type: 'string', pattern: '^[\\w.=-]{1,200}(/[\\w.=-]{1,200}){0,8}$' },
        upload: { const: true },
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

/** All that belongs to one import stands below it. */
export function importPrefix(databaseId: string, taskId: string): string {
  return `imports/${databaseId}/${taskId}`;
}

/** The file of its bad rows. */
export function importRejectsKey(databaseId: string, taskId: string): string {
  return `${importPrefix(databaseId, taskId)}/rejects.ndjson`;
}
