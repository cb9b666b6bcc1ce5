import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import type { ColumnMetaData, PageHeader, SchemaElement } from 'hyparquet';
import { compressors as allCompressors } from 'hyparquet-compressors';
import { Damaged } from './damaged.ts';
import { Runs } from './runs.ts';
import { type Decoder, type Dictionary, decoderOf } from './values.ts';

/** Unpacked. DuckDB's are up to 100 MB, others' 1 MB. */
export const maxPageBytes = 128 * 1024 * 1024;

type Unpack = (input: Uint8Array, length: number) => Uint8Array;

/** None of them gives more than the page says that it holds. */
const unpackers: Readonly<Record<string, Unpack | undefined>> = {
  UNCOMPRESSED: (input) => input,
  SNAPPY: allCompressors.SNAPPY,
  LZ4: allCompressors.LZ4,
  LZ4_RAW: allCompressors.LZ4_RAW,
  GZIP: (input, maxOutputLength) => gunzipSync(input, { maxOutputLength }),
  ZSTD: (input, maxOutputLength) => zstdDecompressSync(input, { maxOutputLength }),
  BROTLI: (input, maxOutputLength) => brotliDecompressSync(input, { maxOutputLength }),
};

export function unpacked(packed: Uint8Array, length: number, { codec }: Pick<ColumnMetaData, 'codec'>): Uint8Array {
  const unpack = unpackers[codec];
  if (unpack === undefined) throw new Damaged(`pages packed as ${codec} are not read`);
  if (!(length >= 0 && length <= maxPageBytes))
    throw new Damaged(`a page has ${length} bytes when it is unpacked; ${maxPageBytes} at most`);
  if (length === 0) return new Uint8Array(0);
  const bytes = unpack(packed, length);
  if (bytes.length !== length) throw new Damaged('a page is not as long as it says');
  return bytes;
}

/** Rows of a page that are still to be read. */
export interface Page {
  left: number;
  readonly bytes: number;
  /** Whether each row has a value; null: all have. */
  readonly levels: Runs | null;
  readonly values: Decoder;
}

export function rowsOfPage({ type, data_page_header, data_page_header_v2 }: PageHeader): number {
  const rows = type === 'DATA_PAGE' ? data_page_header?.num_values : data_page_header_v2?.num_rows;
  if (rows === undefined || rows < 0) throw new Damaged('a page does not say how many rows it has');
  return rows;
}

export function pageOf(
  header: PageHeader,
  packed: Uint8Array,
  meta: ColumnMetaData,
  element: SchemaElement,
  dictionary: Dictionary | null,
): Page {
  const left = rowsOfPage(header);
  const optional = element.repetition_type === 'OPTIONAL';
  if (header.type === 'DATA_PAGE') {
    const { encoding } = header.data_page_header!;
    const bytes = unpacked(packed, header.uncompressed_page_size, meta);
    let start = 0;
    let levels: Runs | null = null;
    if (optional) {
      if (bytes.length < 4) throw new Damaged('a page ends before its levels do');
      const end = 4 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
      levels = new Runs(bytes, 4, end, 1);
      start = end;
    }
    return { left, bytes: bytes.length, levels, values: decoderOf(element, encoding, bytes, start, left, dictionary) };
  }
  const about = header.data_page_header_v2!;
  const { encoding, repetition_levels_byte_length: repetition, definition_levels_byte_length: definition } = about;
  const levelBytes = repetition + definition;
  if (!(repetition >= 0 && definition >= 0 && levelBytes <= packed.length))
    throw new Damaged('a page ends before its levels do');
  const levels = optional ? new Runs(packed, repetition, levelBytes, 1) : null;
  const rest = packed.subarray(levelBytes);
  const bytes = about.is_compressed === false ? rest : unpacked(rest, header.uncompressed_page_size - levelBytes, meta);
  return { left, bytes: bytes.length, levels, values: decoderOf(element, encoding, bytes, 0, left, dictionary) };
}
