// CSV (RFC 4180): a header row, then a row per point. An empty cell is no value; an empty string is "".

import type { Column, QueryResult } from '../kdb/engine.ts';
import type { Encoder } from './encoder.ts';
import type { TimeFormat } from './request.ts';
import { type Cell, copyBytes, copyEscaped, jsonCell, type RowWriter, rowChunks, stringStarts } from './text-cells.ts';

const quote = 34;
const comma = 44;
const newline = 10;

export class CsvEncoder implements Encoder {
  readonly #timeFormat: TimeFormat;
  #begun = false;

  constructor(timeFormat: TimeFormat) {
    this.#timeFormat = timeFormat;
  }

  *add(page: QueryResult): Generator<Uint8Array> {
    if (!this.#begun) yield Buffer.from(`${page.columns.map(({ name }) => cellText(name)).join(',')}\n`);
    this.#begun = true;
    yield* rowChunks(rowWriter(page.columns.map((column) => csvCell(column, this.#timeFormat))), page.rows);
  }

  *end(): Generator<Uint8Array> {}
}

function rowWriter(cells: readonly Cell[]): RowWriter {
  return {
    maxBytes: cells.reduce((sum, { maxBytes }) => sum + maxBytes + 1, 0),
    longCells: cells.flatMap(({ bytesOf }) => bytesOf ?? []),
    write(out, start, row) {
      let at = start;
      for (const cell of cells) {
        if (!cell.isNull(row)) at = cell.write(out, at, row);
        out[at++] = comma;
      }
      out[at - 1] = newline;
      return at;
    },
  };
}

function csvCell(column: Column, timeFormat: TimeFormat): Cell {
  const json = jsonCell(column, timeFormat);
  if (column.kind === 'time' && (timeFormat === 'iso' || timeFormat === 'ns'))
    return { ...json, write: unquoted(json) };
  if (column.kind === 'tag') return { ...json, ...tagCells(column.dictionary, column.index) };
  if (column.kind === 'string') return { ...json, ...stringCells(column) };
  return json;
}

/** JSON's quotes are written over: the first by the byte that stood there, the last by what follows. */
function unquoted({ write }: Cell): Cell['write'] {
  return (out, at, row) => {
    // In front of the first cell of a chunk there is no byte to write over.
    if (at === 0) {
      const end = write(out, 0, row);
      out.copyWithin(0, 1, end - 1);
      return end - 2;
    }
    const before = out[at - 1]!;
    const end = write(out, at - 1, row);
    out[at - 1] = before;
    return end - 1;
  };
}

function tagCells(dictionary: readonly string[], index: Int32Array): Pick<Cell, 'maxBytes' | 'write'> {
  const texts = dictionary.map((value) => Buffer.from(cellText(value)));
  return {
    maxBytes: texts.reduce((max, text) => Math.max(max, text.length), 0),
    write: (out, at, row) => copyBytes(out, at, texts[index[row]!]!),
  };
}

function stringCells({
  values: { lengths, bytes },
}: Extract<Column, { kind: 'string' }>): Omit<Cell, 'isNull' | 'name' | 'kind'> {
  const starts = stringStarts(lengths);
  return {
    maxBytes: 0,
    bytesOf: (row) => 2 * lengths[row]! + 2,
    write(out, start, row) {
      const text = bytes.subarray(starts[row], starts[row]! + lengths[row]!);
      if (!needsQuotes(text)) return copyBytes(out, start, text);
      out[start] = quote;
      const at = copyEscaped(out, start + 1, text, (byte) => (byte === quote ? quote : undefined));
      out[at] = quote;
      return at + 1;
    },
  };
}

function cellText(text: string): string {
  return needsQuotes(Buffer.from(text)) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Also what begins or ends with a space, which some readers take away. */
function needsQuotes(text: Uint8Array): boolean {
  if (text.length === 0 || text[0]! <= 32 || text.at(-1)! <= 32) return true;
  for (const byte of text) if (byte === quote || byte === comma || byte === newline || byte === 13) return true;
  return false;
}
