// Parquet: windows of rows, column by column, then chunks as of other formats. A row's number stands for its line.

import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { type AsyncBuffer, type Compressors, type FileMetaData, parquetMetadataAsync, parquetRead } from 'hyparquet';
import { compressors as allCompressors } from 'hyparquet-compressors';
import { ApiError } from '../../src/base/errors.ts';
import { type Batch, precisions } from '../../src/ingest/batch.ts';
import type { ImportParams } from '../../src/ingest/import.ts';
import { RowsBuilder } from '../../src/ingest/rows.ts';
import type { TableOptions } from '../../src/ingest/table.ts';
import { Permanent } from '../kinds/kind.ts';
import type { SourceFile } from './source-file.ts';

export const parquetChunkRows = 10_000;
/** Rows whose values are in memory at once: 20 columns of as many take about 150 MB. */
const windowRows = 131_072;
/** Of one column in one row group. */
const maxColumnBytes = 512 * 1024 * 1024;
const maxColumns = 2_000;
/** A column of a row group is decoded whole: a value takes up to 24 bytes. pyarrow writes a million rows. */
const maxGroupRows = 8 * 1024 * 1024;

export interface ParquetChunk {
  /** Number of the first row, from 0 on. */
  readonly row: number;
  readonly rows: number;
  readonly batch: Batch;
}

/** Nanoseconds since 1970, whatever the file has. */
const parsers = {
  timestampFromMilliseconds: (value: bigint) => scaled(value, 1_000_000n),
  timestampFromMicroseconds: (value: bigint) => scaled(value, 1_000n),
  timestampFromNanoseconds: (value: bigint) => value,
  dateFromDays: (days: number) => scaled(days === undefined ? days : BigInt(days), 86_400_000_000_000n),
};

function scaled(value: bigint | undefined, factor: bigint): bigint | undefined {
  return value === undefined ? undefined : value * factor;
}

/** None of them gives more than the page says that it holds. */
const compressors: Compressors = {
  ...Object.fromEntries(
    Object.entries(allCompressors).map(([codec, unpack]) => [
      codec,
      (input: Uint8Array, length: number) => unpack!(input, limited(length)),
    ]),
  ),
  GZIP: (input, length) => gunzipSync(input, { maxOutputLength: limited(length) }),
  ZSTD: (input, length) => zstdDecompressSync(input, { maxOutputLength: limited(length) }),
  BROTLI: (input, length) => brotliDecompressSync(input, { maxOutputLength: limited(length) }),
};

function limited(length: number): number {
  if (length <= maxColumnBytes) return Math.max(length, 1);
  throw new Permanent(`a page of the Parquet file has more than ${maxColumnBytes} bytes`);
}

export class ParquetFile {
  readonly metadata: FileMetaData;
  readonly columns: readonly string[];
  readonly rows: number;
  readonly #buffer: AsyncBuffer;

  private constructor(buffer: AsyncBuffer, metadata: FileMetaData) {
    this.#buffer = buffer;
    this.metadata = metadata;
    const [root, ...elements] = metadata.schema;
    if (elements.some(({ num_children }) => (num_children ?? 0) > 0) || root?.num_children !== elements.length)
      throw new Permanent('the Parquet file has columns inside of columns, which are not imported');
    if (elements.length > maxColumns) throw new Permanent(`the Parquet file has more than ${maxColumns} columns`);
    this.columns = elements.map(({ name }) => name);
    this.rows = Number(metadata.num_rows);
    for (const { columns, num_rows } of metadata.row_groups) {
      if (num_rows < 0 || num_rows > maxGroupRows)
        throw new Permanent(`a row group of the Parquet file has ${num_rows} rows; ${maxGroupRows} at most`);
      for (const { meta_data: about } of columns) {
        if (about && (about.total_uncompressed_size > maxColumnBytes || about.total_compressed_size > maxColumnBytes))
          throw new Permanent(`a row group of the Parquet file has a column of more than ${maxColumnBytes} bytes`);
      }
    }
  }

  static async open(file: SourceFile): Promise<ParquetFile> {
    const buffer: AsyncBuffer = {
      byteLength: file.bytes,
      async slice(start, end = file.bytes) {
        const bytes = await file.readAll(start, end);
        return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
      },
    };
    const metadata = await undamaged(() => parquetMetadataAsync(buffer, { geoparquet: false } as object));
    return new ParquetFile(buffer, metadata);
  }

  /** From a row on, which begins a chunk. */
  async *chunks(from: number, table: TableOptions, params: ImportParams): AsyncGenerator<ParquetChunk> {
    for (let start = from; start < this.rows; start += windowRows) {
      const end = Math.min(start + windowRows, this.rows);
      const columns = new Map<string, readonly unknown[]>();
      for (const name of this.columns) {
        if (table.types[name] !== 'skip') columns.set(name, await this.#column(name, start, end));
      }
      for (let row = start; row < end; row += parquetChunkRows) {
        const rows = Math.min(parquetChunkRows, end - row);
        yield { row, rows, batch: batchOf(columns, row - start, rows, table, this.#unitNs(table, params)) };
      }
    }
  }

  /** Of the column of times: its type may say it, and then the parsers above have made nanoseconds of them. */
  #unitNs({ timeColumn }: TableOptions, { precision = 'ns' }: ImportParams): bigint {
    const element = this.metadata.schema.find(({ name }) => name === timeColumn);
    const type = `${element?.type} ${element?.converted_type} ${element?.logical_type?.type}`;
    return /INT96|TIMESTAMP|DATE/.test(type) ? 1n : 10n ** BigInt(precisions[precision]);
  }

  async #column(name: string, rowStart: number, rowEnd: number): Promise<unknown[]> {
    const values: unknown[] = new Array(rowEnd - rowStart);
    let found = 0;
    const { metadata } = this;
    await undamaged(() =>
      parquetRead({
        file: this.#buffer,
        ...{ metadata, columns: [name], rowStart, rowEnd, compressors, parsers, useOffsetIndex: true },
        onChunk: ({ columnData, rowStart: first }) => {
          for (let i = Math.max(rowStart - first, 0); i < columnData.length && first + i < rowEnd; i++) {
            values[first + i - rowStart] = columnData[i];
            found++;
          }
        },
      }),
    );
    if (found !== values.length) throw new Permanent(`the Parquet file is damaged: column ${name} has too few rows`);
    return values;
  }
}

function batchOf(
  columns: ReadonlyMap<string, readonly unknown[]>,
  from: number,
  rows: number,
  table: TableOptions,
  unitNs: bigint,
): Batch {
  try {
    return new RowsBuilder(table, unitNs, rows).build(columns, from, rows);
  } catch (error) {
    throw error instanceof ApiError ? new Permanent(error.message) : error;
  }
}

export function planParquet(parquet: ParquetFile, table: TableOptions, given: ImportParams): TableOptions {
  const { columns } = parquet;
  const missing = [table.timeColumn, ...(given.tagColumns ?? [])].find((name) => !columns.includes(name));
  if (missing !== undefined)
    throw new Permanent(`the Parquet file has no column ${missing}; it has ${columns.slice(0, 50).join(', ')}`);
  return { ...table, tagColumns: table.tagColumns.filter((name) => columns.includes(name)) };
}

/** What the library throws at a file that is none is no fault of ours. */
async function undamaged<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof Permanent) throw error;
    throw new Permanent('the Parquet file is damaged, or has what is not read', { cause: error });
  }
}
