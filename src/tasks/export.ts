// What the task of an export is told, and where its files are.

import type { Database, Task } from '../management/records.ts';

export const exportFormats = ['csv', 'ndjson', 'line-protocol', 'parquet'] as const;
export type ExportFormat = (typeof exportFormats)[number];
export const exportCompressions = ['none', 'gzip', 'zstd'] as const;
export type ExportCompression = (typeof exportCompressions)[number];

export interface ExportParams {
  readonly series: string;
  /** As GET …/query takes them. */
  readonly query: Readonly<Record<string, string | readonly string[]>>;
  /** What relative times are relative to. */
  readonly nowNs: string;
  readonly format: ExportFormat;
  /** Parquet compresses its pages, of the others the file is compressed. */
  readonly compression: ExportCompression;
  /** A file ends after so many rows, or with the page that makes it so long (text before compression). */
  readonly splitRows: number;
  readonly splitBytes: number;
}

export const maxSplitRows = 1_000_000_000;
export const maxSplitBytes = 4 * 1024 ** 3;
export const defaultSplitBytes = 256 * 1024 * 1024;
/** Of a download's address. */
export const linkExpiresS = 3_600;

export const exportSchema = {
  type: 'object',
  required: ['series', 'query', 'nowNs', 'format', 'compression', 'splitRows', 'splitBytes'],
  additionalProperties: false,
  properties: {
    series: { type: 'string', minLength: 1, maxLength: 255 },
    query: {
      type: 'object',
      additionalProperties: { anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }] },
    },
    nowNs: { type: 'string', pattern: '^-?[0-9]{1,19}$' },
    format: { enum: exportFormats },
    compression: { enum: exportCompressions },
    splitRows: { type: 'integer', minimum: 1, maximum: maxSplitRows },
    splitBytes: { type: 'integer', minimum: 1, maximum: maxSplitBytes },
  },
} as const;

export interface ExportedFile {
  readonly name: string;
  readonly bytes: number;
  readonly rows: number;
  readonly sha256: string;
}

export interface ExportResult {
  readonly files: readonly ExportedFile[];
  readonly rows: number;
}

/** Then they are removed. */
export const exportsKeptDays = 7;

export function exportFolder(databaseId: Database['id'], taskId: Task['id']): string {
  return `exports/${databaseId}/${taskId}`;
}
