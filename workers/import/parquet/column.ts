import type { FileMetaData, PageHeader, SchemaElement } from 'hyparquet';
import { parquetHeader } from 'hyparquet/src/column.js';
import { shown } from '../../../src/ingest/fault-list.ts';
import type { SourceFile } from '../source-file.ts';
import { Damaged } from './damaged.ts';
import { maxPageBytes, type Page, pageOf, rowsOfPage, unpacked } from './page.ts';
import { structEnd } from './thrift.ts';
import { type Dictionary, dictionaryOf, physicalOf } from './values.ts';
import { type Values, valuesFor } from './window.ts';

/** With the smallest and the greatest value of its page. */
const maxHeaderBytes = 1024 * 1024;
const maxHeaderValues = 1_000;
/** A column is read ahead so far; of many columns, less. */
const blockBytes = { most: 512 * 1024, least: 32 * 1024, all: 32 * 1024 * 1024 };
/** Pages and dictionaries that are unpacked, of all columns of a file together. */
const maxHeldBytes = 384 * 1024 * 1024;
const bytesPerEntry = 12;
const skippedAtOnce = 10_000;

/** What the columns of a file hold in memory, together. */
export class Held {
  #bytes = 0;

  change(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > maxHeldBytes)
      throw new Damaged(
        `its pages and dictionaries take more than ${maxHeldBytes} bytes at a time: write smaller ones`,
      );
  }
}

/** One column, from its first row to its last. In memory is one page of it, and its dictionary. */
export class ColumnReader {
  readonly element: SchemaElement;
  readonly #file: SourceFile;
  readonly #groups: FileMetaData['row_groups'];
  readonly #index: number;
  readonly #held: Held;
  readonly #blockBytes: number;
  #group = -1;
  /** Rows of the row group behind the page at hand. */
  #rowsLeft = 0;
  /** Of the file, in [#at, #end) of the row group. */
  #at = 0;
  #end = 0;
  #block: Buffer = Buffer.alloc(0);
  #blockAt = 0;
  #page: Page | null = null;
  #dictionary: Dictionary | null = null;
  #pageBytes = 0;
  /** Of pages that were read to their end since the last call. */
  #readBytes = 0;
  #heldBytes = 0;

  constructor(file: SourceFile, { schema, row_groups }: FileMetaData, index: number, held: Held) {
    this.#file = file;
    this.#groups = row_groups;
    this.#index = index;
    this.element = schema[index + 1]!;
    this.#held = held;
    const share = blockBytes.all / (schema.length - 1);
    this.#blockBytes = Math.max(blockBytes.least, Math.min(blockBytes.most, share));
  }

  /** The next rows; `given`: which of them have a value, null: all. */
  async read(rows: number): Promise<{ values: Values; given: Uint8Array | null }> {
    this.#hold(-this.#readBytes);
    this.#readBytes = 0;
    const { element } = this;
    const values = valuesFor(physicalOf(element), rows);
    const given = element.repetition_type === 'OPTIONAL' ? new Uint8Array(rows) : null;
    for (let at = 0; at < rows; ) {
      const page = this.#page ?? (await this.#nextPage());
      const count = Math.min(page.left, rows - at);
      this.#told(() => readPage(page, values, given, at, count));
      at += count;
      if (page.left === 0) this.#closePage();
    }
    return { values, given };
  }

  /** Passes over rows: whole row groups without a look at what is in them. Before anything is read. */
  async skip(rows: number): Promise<void> {
    let left = rows;
    for (; left > 0 && left >= Number(this.#groups[this.#group + 1]?.num_rows ?? Infinity); this.#group++)
      left -= Number(this.#groups[this.#group + 1]!.num_rows);
    for (; left > 0; left -= Math.min(left, skippedAtOnce)) await this.read(Math.min(left, skippedAtOnce));
  }

  async #nextPage(): Promise<Page> {
    while (this.#rowsLeft === 0) this.#beginGroup();
    while (this.#at < this.#end) {
      const header = await this.#header();
      const { compressed_page_size: packedBytes } = header;
      if (!(packedBytes >= 0 && packedBytes <= Math.min(maxPageBytes, this.#end - this.#at)))
        throw this.#damaged(`a page has ${packedBytes} bytes`);
      const packed = await this.#bytes(packedBytes);
      const page = this.#told(() => this.#open(header, packed));
      this.#at += packedBytes;
      if (page === null) continue;
      this.#page = page;
      return page;
    }
    throw this.#damaged('it has fewer rows than the file says');
  }

  /** Null when it has no rows. */
  #open(header: PageHeader, packed: Uint8Array): Page | null {
    const meta = this.#meta();
    const { type, uncompressed_page_size: bytes } = header;
    if (type === 'DICTIONARY_PAGE') {
      const { num_values: size = 0 } = header.dictionary_page_header ?? {};
      if (this.#dictionary !== null) throw new Damaged('there are two dictionaries');
      if (!(size >= 0 && size <= maxPageBytes && bytes <= maxPageBytes))
        throw new Damaged(`a dictionary claims ${size} values in ${bytes} bytes`);
      this.#hold(bytes + size * bytesPerEntry);
      this.#dictionary = dictionaryOf(this.element, unpacked(packed, bytes, meta), size);
      return null;
    }
    if (type !== 'DATA_PAGE' && type !== 'DATA_PAGE_V2') return null;
    const rows = rowsOfPage(header);
    if (rows > this.#rowsLeft) throw new Damaged(`a page claims ${rows} rows where ${this.#rowsLeft} are left`);
    this.#rowsLeft -= rows;
    if (rows === 0) return null;
    this.#pageBytes = Math.min(bytes, maxPageBytes);
    this.#hold(this.#pageBytes);
    return pageOf(header, packed, meta, this.element, this.#dictionary);
  }

  /** Texts of what was read are still in it. */
  #closePage(): void {
    this.#page = null;
    this.#readBytes += this.#pageBytes;
  }

  #beginGroup(): void {
    const group = this.#groups[++this.#group];
    if (group === undefined) throw this.#damaged('it has fewer rows than the file says');
    this.#dictionary = null;
    this.#held.change(this.#readBytes - this.#heldBytes);
    this.#heldBytes = this.#readBytes;
    const meta = this.#meta();
    const { dictionary_page_offset: dictionary, data_page_offset: data } = meta;
    // Polars leaves the dictionary out of its footer: then its page is where the data is said to be.
    this.#at = Number(dictionary && dictionary < data ? dictionary : data);
    this.#end = this.#at + Number(meta.total_compressed_size);
    this.#rowsLeft = Number(group.num_rows);
    if (!(this.#at >= 4 && this.#end <= this.#file.bytes && this.#end >= this.#at))
      throw this.#damaged('it lies outside of the file');
  }

  #meta() {
    const chunk = this.#groups[this.#group]!.columns[this.#index];
    if (!chunk?.meta_data || chunk.file_path) throw this.#damaged('it is in another file');
    return chunk.meta_data;
  }

  async #header(): Promise<PageHeader> {
    let size = 256;
    for (;;) {
      const most = Math.min(size, this.#end - this.#at);
      const bytes = await this.#bytes(most);
      const length = this.#told(() => structEnd(bytes, 0, maxHeaderValues));
      if (length >= 0) {
        this.#at += length;
        return parquetHeader({ view: new DataView(bytes.buffer, bytes.byteOffset, length), offset: 0 });
      }
      if (most < size || size > maxHeaderBytes) throw this.#damaged('a page has no end of its header');
      size *= 16;
    }
  }

  /** From where the reader is; read in blocks. */
  async #bytes(count: number): Promise<Buffer> {
    const from = this.#at - this.#blockAt;
    if (from >= 0 && from + count <= this.#block.length) return this.#block.subarray(from, from + count);
    const until = Math.min(this.#end, this.#at + Math.max(count, this.#blockBytes));
    this.#block = await this.#file.readAll(this.#at, until);
    this.#blockAt = this.#at;
    if (this.#block.length < count) throw this.#damaged('the file ends before it does');
    return this.#block.subarray(0, count);
  }

  #hold(bytes: number): void {
    this.#heldBytes += bytes;
    this.#held.change(bytes);
  }

  #told<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw this.#damaged(error instanceof Damaged ? error.message : 'a page cannot be read', error);
    }
  }

  #damaged(what: string, cause?: unknown): Damaged {
    const message = `column ${shown(this.element.name)} in row group ${this.#group + 1}, near byte ${this.#at}: ${what}`;
    return new Damaged(message, { cause });
  }
}

function readPage(page: Page, values: Values, given: Uint8Array | null, at: number, count: number): void {
  if (given === null || page.levels === null) {
    page.values.read(values, at, count);
  } else {
    page.levels.fill(given, at, count);
    for (let i = at; i < at + count; ) {
      const start = i;
      const isGiven = given[i] === 1;
      while (i < at + count && (given[i] === 1) === isGiven) i++;
      if (isGiven) page.values.read(values, start, i - start);
    }
  }
  page.left -= count;
}
