// Parquet: windows of rows, column by column, then chunks as of other formats. A row's number stands for its line. What the file says of itself is
// looked at before anything is made by it; what is read of it at a time is bounded whatever it says.

import { type FileMetaData, parquetMetadata, type SchemaElement } from 'hyparquet';
import { ApiError } from '../../../src/base/errors.ts';
import type { AllowedTimes } from '../../../src/ingest/allowed-times.ts';
import { type Batch, precisions } from '../../../src/ingest/batch.ts';
import { batchOfCells, type Cells } from '../../../src/ingest/cells.ts';
import { shown } from '../../../src/ingest/fault-list.ts';
import type { ImportParams } from '../../../src/ingest/import.ts';
import type { TableOptions } from '../../../src/ingest/table.ts';
import { Permanent } from '../../kinds/kind.ts';
import type { SourceFile } from '../source-file.ts';
import { cellsOf, timeUnitOf } from './cells.ts';
import { ColumnReader, Held } from './column.ts';
import { Damaged } from './damaged.ts';
import { structEnd } from './thrift.ts';

/** Rows of a chunk, and of a window, whose values are in memory at once; of many columns, fewer. */
const maxRows = 10_000;
const maxCells = 1_000_000;
/** Of texts in a chunk. */
const maxChunkBytes = 8 * 1024 * 1024;
const maxFooterBytes = 32 * 1024 * 1024;
/** 100 bytes each as objects. A column of a row group takes some 30. */
const maxFooterValues = 3_000_000;
const maxColumns = 2_000;
/** pyarrow writes a million rows. */
const maxGroupRows = 8 * 1024 * 1024;
/** What repeats takes next to nothing: so many rows a byte are more than any table has. */
const maxRowsPerByte = 1_000;

const writeAnew = 'write it anew, with other settings or another program';

export interface ParquetChunk {
  /** Number of the first row, from 0 on. */
  readonly row: number;
  readonly rows: number;
  readonly batch: Batch;
}

export class ParquetFile {
  readonly columns: readonly string[];
  readonly rows: number;
  readonly #file: SourceFile;
  readonly #metadata: FileMetaData;
  readonly #elements: readonly SchemaElement[];

  private constructor(file: SourceFile, metadata: FileMetaData) {
    this.#file = file;
    this.#metadata = metadata;
    const [root, ...elements] = metadata.schema;
    this.#elements = elements;
    const isFlat = elements.every(
      ({ num_children, repetition_type }) => (num_children ?? 0) === 0 && repetition_type !== 'REPEATED',
    );
    if (!isFlat || root?.num_children !== elements.length)
      throw new Permanent(
        'the Parquet file has columns inside of columns, which are not imported; write them as columns of their own',
      );
    if (elements.length > maxColumns)
      throw new Permanent(
        `the Parquet file has ${elements.length} columns; ${maxColumns} at most are imported; split it`,
      );
    this.columns = elements.map(({ name }) => name);
    const twice = this.columns.find((name, i) => this.columns.indexOf(name) !== i);
    if (twice !== undefined)
      throw new Permanent(
        `the Parquet file has two columns of the name ${shown(twice)}; write it with names that differ`,
      );
    let rows = 0;
    for (const [i, { num_rows, columns }] of metadata.row_groups.entries()) {
      if (num_rows < 0 || num_rows > maxGroupRows)
        throw new Permanent(
          `row group ${i + 1} of the Parquet file has ${num_rows} rows, ${maxGroupRows} at most; write smaller row groups`,
        );
      if (columns.length !== elements.length)
        throw new Permanent(
          `row group ${i + 1} of the Parquet file has ${columns.length} columns of ${elements.length}; ${writeAnew}`,
        );
      rows += Number(num_rows);
    }
    if (BigInt(rows) !== BigInt(metadata.num_rows))
      throw new Permanent(
        `the Parquet file claims ${metadata.num_rows} rows, and its row groups ${rows}; ${writeAnew}`,
      );
    if (rows > file.bytes * maxRowsPerByte)
      throw new Permanent(`the Parquet file claims ${rows} rows in ${file.bytes} bytes; ${writeAnew}`);
    this.rows = rows;
  }

  static async open(file: SourceFile): Promise<ParquetFile> {
    return undamaged(async () => {
      const tail = await file.readAll(Math.max(0, file.bytes - 8), file.bytes);
      if (tail.length < 8 || tail.toString('latin1', 4) !== 'PAR1') throw new Damaged('it does not end as one');
      const length = tail.readUInt32LE(0);
      if (length > maxFooterBytes || length > file.bytes - 12)
        throw new Damaged(`its footer claims ${length} bytes; ${Math.min(maxFooterBytes, file.bytes - 12)} at most`);
      const footer = await file.readAll(file.bytes - 8 - length, file.bytes);
      if (structEnd(footer, 0, maxFooterValues) < 0) throw new Damaged('its footer ends too early');
      return new ParquetFile(file, parquetMetadata(footer, { geoparquet: false }));
    });
  }

  /** From a row on, which begins a chunk. */
  async *chunks(
    from: number,
    table: TableOptions,
    params: ImportParams,
    times?: AllowedTimes,
  ): AsyncGenerator<ParquetChunk> {
    const held = new Held();
    const readers = this.columns.flatMap((name, i) =>
      table.types[name] === 'skip' ? [] : [new ColumnReader(this.#file, this.#metadata, i, held)],
    );
    await undamaged(async () => {
      for (const reader of readers) await reader.skip(from);
    });
    // Windows end at the same rows wherever the first one begins, and so do chunks.
    const windowRows = Math.max(1, Math.min(maxRows, Math.floor(maxCells / this.columns.length)));
    for (let row = from; row < this.rows; ) {
      const end = Math.min(row - (row % windowRows) + windowRows, this.rows);
      const columns = new Map<string, Cells>();
      await undamaged(async () => {
        for (const reader of readers) {
          const { values, given } = await reader.read(end - row);
          columns.set(reader.element.name, cellsOf(reader.element, values, given));
        }
      });
      for (let at = 0; row < end; ) {
        const rows = rowsWithin(columns, at, end - row);
        yield { row, rows, batch: batchOf(columns, at, rows, table, this.#unitNs(table, params), times) };
        row += rows;
        at += rows;
      }
    }
  }

  /** Of the column of times, when it is of plain numbers. */
  #unitNs({ timeColumn }: TableOptions, { precision = 'ns' }: ImportParams): bigint {
    const element = this.#elements.find(({ name }) => name === timeColumn);
    return element && timeUnitOf(element) !== null ? 1n : 10n ** BigInt(precisions[precision]);
  }
}

/** From `from` on: `most`, or as many as have no more text than a chunk may. */
function rowsWithin(columns: ReadonlyMap<string, Cells>, from: number, most: number): number {
  const texts = [...columns.values()].filter((cells) => cells.kind === 'text');
  let bytes = 0;
  for (let rows = 0; rows < most; rows++) {
    for (const { start, end } of texts) bytes += end[from + rows]! - start[from + rows]!;
    if (bytes > maxChunkBytes && rows > 0) return rows;
  }
  return most;
}

function batchOf(
  columns: ReadonlyMap<string, Cells>,
  from: number,
  rows: number,
  table: TableOptions,
  unitNs: bigint,
  times: AllowedTimes | undefined,
): Batch {
  try {
    return batchOfCells(columns, from, rows, table, unitNs, times);
  } catch (error) {
    throw error instanceof ApiError
      ? new Permanent(`${error.message}; correct it, or the parameters of the import`)
      : error;
  }
}

export function planParquet(parquet: ParquetFile, table: TableOptions, given: ImportParams): TableOptions {
  const { columns } = parquet;
  const missing = [table.timeColumn, ...(given.tagColumns ?? [])].find((name) => !columns.includes(name));
  if (missing !== undefined)
    throw new Permanent(
      `the Parquet file has no column ${missing}; it has ${columns.slice(0, 50).map(shown).join(', ')}; name its columns by timeColumn and tagColumns`,
    );
  return { ...table, tagColumns: table.tagColumns.filter((name) => columns.includes(name)) };
}

/** What the library throws at a file that is none is no fault of ours. */
async function undamaged<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof Permanent) throw error;
    const what = error instanceof Damaged ? error.message : 'its footer cannot be read';
    throw new Permanent(`the Parquet file is damaged, or has what is not read: ${what}; ${writeAnew}`, {
      cause: error,
    });
  }
}
