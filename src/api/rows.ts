// Results as replies: JSON in one piece or in parts, NDJSON and CSV, compressed where the client takes that.

import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { constants, createGzip, createZstdCompress, gzip, zstdCompress } from 'node:zlib';
import type { QueryResult } from '../kdb/engine.ts';
import { CsvEncoder } from '../query/csv.ts';
import type { Encoder } from '../query/encoder.ts';
import { encodeJson, jsonChunks, type ResultFormat } from '../query/json-result.ts';
import { NdjsonEncoder } from '../query/ndjson.ts';
import type { Format, TimeFormat } from '../query/request.ts';
import { acceptedCompression, acceptedFormat, type Compression, mediaTypes } from './accepted.ts';
import { replyBytes } from './reply.ts';
import { idHeaders } from './request-ids.ts';
import type { Context } from './step.ts';

/** Results up to this many cells are sent in one piece, with their length: about 20 ms of one core at worst. */
const wholeCells = 50_000;
/** What fits a few packets is not worth a thread's turn. */
const compressedBytes = 8_192;
/** 300 MB/s and more; a client that wants it smaller has a slow way, and level 6 would keep it waiting as well. */
const gzipLevel = { level: 1 };
const zstdLevel = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/** Where the next page begins, of formats that have no place for it. */
const nextHeader = 'X-TSG-Next';

export function formatOf(context: Context, asked: Format | undefined): Format {
  return asked ?? acceptedFormat(context.request);
}

/** Answers with the result; a big one goes out in parts, as fast as the client takes them. */
export async function replyRows(
  context: Context,
  result: QueryResult,
  format: Format,
  shown: ResultFormat,
): Promise<void> {
  const isWhole = result.rows * result.columns.length <= wholeCells;
  if (format !== 'json') {
    await replyStream(context, format, textChunks(format, [result], shown.timeFormat), shown.next);
  } else if (!isWhole) {
    await replyStream(context, format, jsonChunks(result, shown), null);
  } else {
    await replyWhole(context, encodeJson(result, shown));
  }
}

/** Pages of rows, each fetched when the one before is on its way: in as much memory as one takes. */
export function replyPages(
  context: Context,
  pages: Iterable<QueryResult> | AsyncIterable<QueryResult>,
  format: Exclude<Format, 'json'>,
  timeFormat: TimeFormat,
): Promise<void> {
  return replyStream(context, format, textChunks(format, pages, timeFormat), null);
}

function replyWhole(context: Context, body: Buffer): void | Promise<void> {
  const compression = body.length < compressedBytes ? null : acceptedCompression(context.request);
  if (compression === null) {
    replyBytes(context, 200, body);
    return;
  }
  return compressed(body, compression).then((packed) => {
    context.response.writeHead(200, { ...headersOf(context, 'json', compression), 'Content-Length': packed.length });
    context.response.end(packed);
  });
}

function compressed(body: Buffer, compression: Compression): Promise<Buffer> {
  return compression === 'gzip' ? promisify(gzip)(body, gzipLevel) : promisify(zstdCompress)(body, zstdLevel);
}

async function* textChunks(
  format: Exclude<Format, 'json'>,
  pages: Iterable<QueryResult> | AsyncIterable<QueryResult>,
  timeFormat: TimeFormat,
): AsyncGenerator<Uint8Array> {
  const encoder: Encoder = format === 'csv' ? new CsvEncoder(timeFormat) : new NdjsonEncoder(timeFormat);
  for await (const page of pages) yield* encoder.add(page);
  yield* encoder.end();
}

async function replyStream(
  context: Context,
  format: Format,
  chunks: AsyncIterable<Uint8Array>,
  next: string | null,
): Promise<void> {
  const { request, response } = context;
  const compression = acceptedCompression(request);
  const source = Readable.from(chunks, { objectMode: false });
  response.writeHead(200, { ...headersOf(context, format, compression), ...(next && { [nextHeader]: next }) });
  const sent =
    compression === null
      ? pipeline(source, response)
      : pipeline(source, compression === 'gzip' ? createGzip(gzipLevel) : createZstdCompress(zstdLevel), response);
  await sent.catch((error: unknown) => {
    // A client that hangs up in the middle is no fault of anybody.
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  });
}

function headersOf(context: Context, format: Format, compression: Compression | null): Record<string, string> {
  return {
    ...idHeaders(context),
    'Content-Type': mediaTypes[format],
    Vary: 'Accept, Accept-Encoding',
    ...(compression && { 'Content-Encoding': compression }),
  };
}
