// Parquet: a row group per page. Time is int64 with the logical type TIMESTAMP in nanoseconds (UTC), tags are strings with a dictionary, fields
// are double, int64, boolean or string.

import { gzipSync, zstdCompressSync } from 'node:zlib';
import type { CompressionCodec, DecodedArray, SchemaElement } from 'hyparquet';
import { ByteWriter, type ColumnSource, ParquetWriter } from 'hyparquet-writer';
import type { Column, QueryResult } from '../../src/kdb/engine.ts';
import type { Encoder } from '../../src/query/encoder.ts';
import { nullTest, stringStarts } from '../../src/query/text-cells.ts';
import type { ExportCompression } from '../../src/tasks/export.ts';

const codecs: Readonly<Record<ExportCompression, CompressionCodec>> = {
  none: 'UNCOMPRESSED',
  gzip: 'GZIP',
  zstd: 'ZSTD',
};
const compressors = {
  GZIP: (bytes: Uint8Array): Uint8Array => gzipSync(bytes),
  ZSTD: (bytes: Uint8Array): Uint8Array => zstdCompressSync(bytes),
};

export class ParquetEncoder implements Encoder {
  readonly #codec: CompressionCodec;
  readonly #output = new PageBuffer();
  #writer: ParquetWriter | undefined;

  constructor(compression: ExportCompression) {
    this.#codec = codecs[compression];
  }

  *add(page: QueryResult): Generator<Uint8Array> {
    const schema: SchemaElement[] = [{ name: 'root', num_children: page.columns.length }, ...page.columns.map(element)];
    this.#writer ??= new ParquetWriter({
      writer: this.#output,
      schema,
      codec: this.#codec,
      compressors,
      createdBy: 'tsg',
    });
    if (page.rows > 0)
      this.#writer.write({
        columnData: page.columns.map((column) => source(column, page.rows)),
        rowGroupSize: page.rows,
      });
    yield this.#output.take();
  }

  *end(): Generator<Uint8Array> {
    this.#writer?.finish();
    yield this.#output.take();
  }
}

/** The bytes that are written are taken out of it again and again; offsets go on. */
class PageBuffer extends ByteWriter {
  take(): Uint8Array {
    const bytes = this.getBytes().slice();
    this.index = 0;
    return bytes;
  }
}

function element({ name, kind }: Column): SchemaElement {
  switch (kind) {
    case 'time':
      return {
        name,
        type: 'INT64',
        repetition_type: 'REQUIRED',
        logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'NANOS' },
      };
    case 'float':
      return { name, type: 'DOUBLE', repetition_type: 'OPTIONAL' };
    case 'long':
      return { name, type: 'INT64', repetition_type: 'OPTIONAL' };
    case 'boolean':
      return { name, type: 'BOOLEAN', repetition_type: 'OPTIONAL' };
    case 'tag':
    case 'string':
      return {
        name,
        type: 'BYTE_ARRAY',
        repetition_type: 'OPTIONAL',
        converted_type: 'UTF8',
        logical_type: { type: 'STRING' },
      };
  }
}

function source(column: Column, rows: number): ColumnSource {
  const { name } = column;
  if (column.kind === 'time') return { name, data: column.values, encoding: 'DELTA_BINARY_PACKED' };
  if (column.kind === 'tag') return { name, data: cells(column, rows), encoding: 'RLE_DICTIONARY' };
  return { name, data: cells(column, rows) };
}

function cells(column: Exclude<Column, { kind: 'time' }>, rows: number): DecodedArray {
  const isNull = nullTest(column);
  const valueAt = reader(column);
  return Array.from({ length: rows }, (_, row) => (isNull(row) ? null : valueAt(row)));
}

function reader(column: Exclude<Column, { kind: 'time' }>): (row: number) => unknown {
  switch (column.kind) {
    case 'tag':
      return (row) => column.dictionary[column.index[row]!];
    case 'boolean':
      return (row) => column.values[row] === 1;
    case 'float':
    case 'long':
      return (row) => column.values[row];
    case 'string': {
      const { lengths, bytes } = column.values;
      const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const starts = stringStarts(lengths);
      return (row) => text.toString('utf8', starts[row], starts[row]! + lengths[row]!);
    }
  }
}
