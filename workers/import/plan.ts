// What a file is, found out once: its beginning is looked at, and what the import was told stands above that.

import { ApiError } from '../../src/base/errors.ts';
import type { TimeLimits } from '../../src/ingest/allowed-times.ts';
import { csvHeader } from '../../src/ingest/csv.ts';
import { shown } from '../../src/ingest/fault-list.ts';
import type { Compression, ImportFormat, ImportParams } from '../../src/ingest/import.ts';
import { tableOfImport } from '../../src/ingest/import.ts';
import { decodeLineProtocol } from '../../src/ingest/line-protocol.ts';
import { LineRecords } from '../../src/ingest/line-record.ts';
import type { CellType, TableOptions } from '../../src/ingest/table.ts';
import type { SeriesInfo } from '../../src/kdb/engine.ts';
import { Permanent } from '../kinds/kind.ts';
import { isSection, type Position } from './chunks.ts';
import { compressionOf, type Piece, type SourceFile } from './source-file.ts';

const sampleBytes = 512 * 1024;
const delimiters = [',', ';', '\t', '|'] as const;

export interface Plan {
  readonly pieces: readonly Piece[];
  readonly format: ImportFormat;
  readonly compression: Compression;
  /** Null: the rows say their series. */
  readonly table: TableOptions | null;
  /** Of the first record with a point. */
  readonly start: Position;
  /** What the database took when the plan was made: an import that goes on leaves out the same rows. */
  readonly times?: TimeLimits;
}

export async function planOf(
  file: SourceFile,
  pieces: readonly Piece[],
  params: ImportParams,
  /** Of the series, where it is defined. */
  info: SeriesInfo | null,
): Promise<Plan> {
  const compression = params.compression ?? compressionOf(await file.readAll(0, Math.min(16, file.bytes)));
  const sample = await sampleOf(file, compression);
  if (sample.length === 0) throw new Permanent('it is empty; send one with points');
  const format = params.format ?? formatOf(sample, params);
  const plan = { pieces, format, compression, table: null, start: { offset: 0, line: 1, chunk: 0 } };
  if (format === 'line-protocol') return plan;
  const asked = tableOfImport({ ...params, ...(info && params.tagColumns === undefined && { tagColumns: info.tags }) });
  if (format !== 'csv') {
    if (format === 'parquet' && asked === null)
      throw new Permanent('a Parquet file needs the parameter series; say by it which series its rows are of');
    return { ...plan, table: asked && withTypes(asked, [], [], info) };
  }
  if (asked === null)
    throw new Permanent('a CSV file needs the parameter series; say by it which series its rows are of');
  return planCsv(plan, sample, params.delimiter === undefined ? delimited(asked, sample) : asked, info);
}

function planCsv(plan: Plan, sample: Buffer, asked: TableOptions, info: SeriesInfo | null): Plan {
  try {
    const { names, types, start, line } = csvHeader(sample, asked);
    const missing = [asked.timeColumn, ...asked.tagColumns].find((name) => !names.includes(name));
    if (missing !== undefined && (missing === asked.timeColumn || info === null))
      throw new Permanent(
        `the CSV has no column ${missing}; it has ${names.slice(0, 50).map(shown).join(', ')}; name its columns by timeColumn and tagColumns`,
      );
    const tagColumns = asked.tagColumns.filter((name) => names.includes(name));
    const table = withTypes({ ...asked, tagColumns, columns: names }, names, types, info);
    return { ...plan, table, start: { offset: start, line, chunk: 0 } };
  } catch (error) {
    throw error instanceof ApiError
      ? new Permanent(`${error.message}; correct its header, or the parameters of the import`)
      : error;
  }
}

/** Given types first, then those of the series, then what the sample looks like: the same for every chunk. */
function withTypes(
  table: TableOptions,
  names: readonly string[],
  sampled: readonly (CellType | null)[],
  info: SeriesInfo | null,
): TableOptions {
  const types: Record<string, CellType> = {};
  for (const [i, name] of names.entries()) {
    const type = sampled[i];
    if (type) Object.defineProperty(types, name, { value: type, enumerable: true, configurable: true, writable: true });
  }
  const defined = Object.fromEntries((info?.fields ?? []).map(({ name, type }) => [name, type]));
  return { ...table, types: { ...types, ...defined, ...table.types } };
}

/** The delimiter that the first line has most of. */
function delimited(table: TableOptions, sample: Buffer): TableOptions {
  const [line = ''] = sample.toString('utf8', 0, 16_384).split('\n', 1);
  const counts = delimiters.map((delimiter) => line.split(delimiter).length);
  return { ...table, delimiter: delimiters[counts.indexOf(Math.max(...counts))]! };
}

function formatOf(sample: Buffer, params: ImportParams): ImportFormat {
  if (sample.toString('latin1', 0, 4) === 'PAR1') return 'parquet';
  const text = sample.toString('utf8', 0, 65_536).trimStart();
  if (text.startsWith('{')) return 'ndjson';
  if (isSection(sample, 0) || text.startsWith('# INFLUXDB EXPORT')) return 'line-protocol';
  const first = firstLine(sample);
  const { faultCount } = decodeLineProtocol(first, { precision: params.precision ?? 'ns', nowNs: 0n });
  return faultCount === 0 ? 'line-protocol' : 'csv';
}

/** That is no comment; a string in it may have newlines. */
function firstLine(sample: Buffer): Buffer {
  const records = new LineRecords(sample);
  for (let start = 0; start < sample.length; ) {
    const found = records.end(start);
    const end = found < 0 ? sample.length : found;
    const line = sample.subarray(start, end);
    if (!/^\s*(#|$)/.test(line.toString('latin1', 0, 1_024))) return line;
    start = end + 1;
  }
  return Buffer.alloc(0);
}

/** The beginning of the text, in whole lines where it is longer. */
async function sampleOf(file: SourceFile, compression: Compression): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of file.text(compression)) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes < sampleBytes) continue;
    const sample = Buffer.concat(chunks);
    return sample.subarray(0, sample.lastIndexOf(10) + 1 || sample.length);
  }
  return Buffer.concat(chunks);
}
