// CSV, NDJSON and line protocol: chunk after chunk is decoded while the one before is written.

import { ApiError } from '../../src/base/errors.ts';
import type { AllowedTimes } from '../../src/ingest/allowed-times.ts';
import type { Batch, DecodeOptions } from '../../src/ingest/batch.ts';
import { decodeCsv } from '../../src/ingest/csv.ts';
import type { ImportParams } from '../../src/ingest/import.ts';
import { decodeLineProtocol } from '../../src/ingest/line-protocol.ts';
import { decodeNdjson } from '../../src/ingest/ndjson.ts';
import { Permanent } from '../kinds/kind.ts';
import { type Chunk, chunksOf, isSection, type Position, type TextFormat } from './chunks.ts';
import type { Plan } from './plan.ts';
import type { SourceFile } from './source-file.ts';

/** What lines of `influx_inspect export` say of those that follow. */
export interface Section {
  /** They make databases: no points. */
  readonly ddl: boolean;
  readonly database: string | null;
}

export const noSection: Section = { ddl: false, database: null };

export interface DecodedChunk {
  readonly chunk: Chunk;
  readonly batch: Batch;
  /** After it. */
  readonly section: Section;
}

const decoders = { 'line-protocol': decodeLineProtocol, csv: decodeCsv, ndjson: decodeNdjson };

interface DecodeFrom {
  readonly from: Position;
  readonly section: Section;
  /** The time of points that give none: always the same for an import, or one that goes on would write other points. */
  readonly nowNs: bigint;
  readonly times: AllowedTimes | undefined;
}

export async function* decodedChunks(
  file: SourceFile,
  { format, compression, table }: Plan,
  params: ImportParams,
  { from, section: first, nowNs, times }: DecodeFrom,
): AsyncGenerator<DecodedChunk> {
  const text = format as TextFormat;
  const options: DecodeOptions = {
    precision: params.precision ?? 'ns',
    nowNs,
    partial: true,
    maxNamed: Number.POSITIVE_INFINITY,
    ...(times && { times }),
    ...(table && { table }),
  };
  let section = first;
  const stream = file.text(compression, from.offset);
  for await (const chunk of chunksOf(stream, { format: text, delimiter: table?.delimiter ?? ',', from })) {
    if (format === 'line-protocol') section = sectionAfter(chunk, section, params.influxDatabase);
    const others =
      params.influxDatabase !== undefined && section.database !== null && section.database !== params.influxDatabase;
    const bytes = section.ddl || others ? Buffer.alloc(0) : chunk.bytes;
    yield { chunk, batch: decoded(decoders[text], bytes, options, chunk), section };
  }
}

function decoded(
  decode: typeof decodeCsv,
  bytes: Buffer,
  options: Parameters<typeof decodeCsv>[1],
  { at }: Chunk,
): Batch {
  try {
    return decode(bytes, options);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    throw new Permanent(`after line ${at.line}: ${error.message}; correct it there, or the parameters of the import`, {
      cause: error,
    });
  }
}

function sectionAfter({ bytes, at }: Chunk, section: Section, wanted: string | undefined): Section {
  if (!isSection(bytes, 0)) return section;
  const [line = ''] = bytes.toString('utf8', 0, 1_024).split(/\r?\n/, 1);
  if (line.startsWith('# D')) return { ...section, ddl: line.startsWith('# DDL') };
  const database = line.slice(line.indexOf(':') + 1).trim();
  if (wanted === undefined && section.database !== null && section.database !== database)
    throw new Permanent(
      `the file has points of several databases (${section.database}, and ${database} from line ${at.line} on); say by influxDatabase which is meant`,
    );
  return { ddl: false, database };
}
