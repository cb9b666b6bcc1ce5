import { Readable, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip, createZstdCompress } from 'node:zlib';
import type { ObjectStore } from '../../src/base/object-store.ts';
import { type UploadedStream, uploadStream } from '../../src/base/objects/upload-stream.ts';
import { CsvEncoder } from '../../src/query/csv.ts';
import type { Encoder } from '../../src/query/encoder.ts';
import { NdjsonEncoder } from '../../src/query/ndjson.ts';
import type { TimeFormat } from '../../src/query/request.ts';
import type { ExportCompression, ExportFormat } from '../../src/tasks/export.ts';
import { LineProtocolEncoder } from './line-protocol.ts';
import type { Page, Pages, Place } from './pages.ts';
import { ParquetEncoder } from './parquet.ts';

export interface FileForm {
  readonly series: string;
  readonly format: ExportFormat;
  readonly compression: ExportCompression;
  readonly timeFormat: TimeFormat;
  /** A file ends after so many rows, or after the page with which it has so many bytes (of text: before compression). */
  readonly splitRows: number;
  readonly splitBytes: number;
}

export interface WrittenFile extends UploadedStream {
  readonly rows: number;
  /** Where the next file begins; null: this is the last. */
  readonly next: Place | null;
}

const extensions: Readonly<Record<ExportFormat, string>> = {
  csv: '.csv',
  ndjson: '.ndjson',
  'line-protocol': '.lp',
  parquet: '.parquet',
};
const endings: Readonly<Record<ExportCompression, string>> = { none: '', gzip: '.gz', zstd: '.zst' };

/** `number` from 1 on. */
export function fileName(number: number, { format, compression }: Pick<FileForm, 'format' | 'compression'>): string {
  const ending = format === 'parquet' ? '' : endings[compression];
  return `part-${String(number).padStart(5, '0')}${extensions[format]}${ending}`;
}

interface FileParts {
  readonly store: ObjectStore;
  readonly key: string;
  readonly form: FileForm;
  readonly pages: Pages;
  readonly from: Place | null;
  readonly signal: AbortSignal;
  /** Called with the rows so far. */
  readonly progress: (rows: number) => void;
}

export async function writeFile({ store, key, form, pages, from, signal, progress }: FileParts): Promise<WrittenFile> {
  const encoder = encoderOf(form);
  let next: Place | null = from;
  let rows = 0;
  async function* content(): AsyncGenerator<Uint8Array> {
    pages.restart();
    let bytes = 0;
    do {
      signal.throwIfAborted();
      const page: Page = await pages.read(next, form.splitRows - rows);
      for (const chunk of encoder.add(page.result)) {
        bytes += chunk.length;
        yield chunk;
      }
      rows += page.result.rows;
      next = page.next;
      progress(rows);
    } while (next !== null && rows < form.splitRows && bytes < form.splitBytes);
    yield* encoder.end();
  }
  const compressor = compressorOf(form);
  const upload = (source: AsyncIterable<Uint8Array>): Promise<UploadedStream> =>
    uploadStream(store, key, source, signal);
  const written = compressor ? await pipeline(Readable.from(content()), compressor, upload) : await upload(content());
  return { ...written, rows, next };
}

function encoderOf({ series, format, compression, timeFormat }: FileForm): Encoder {
  switch (format) {
    case 'csv':
      return new CsvEncoder(timeFormat);
    case 'ndjson':
      return new NdjsonEncoder(timeFormat);
    case 'line-protocol':
      return new LineProtocolEncoder(series);
    case 'parquet':
      return new ParquetEncoder(compression);
  }
}

/** Parquet compresses its pages itself. */
function compressorOf({ format, compression }: FileForm): Transform | undefined {
  if (format === 'parquet' || compression === 'none') return undefined;
  return compression === 'gzip' ? createGzip() : createZstdCompress();
}
