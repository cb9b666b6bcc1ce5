// What the text formats share: cells of a result, straight into bytes.

import type { Column } from '../kdb/engine.ts';
import { type CellWriter, cellWriter } from './json-cells.ts';
import type { TimeFormat } from './request.ts';

const chunkBytes = 256 * 1024;

/** Writes the row and gives the position after it. */
export interface RowWriter {
  /** A row takes no more, but for `bytesOf` of each long cell. */
  readonly maxBytes: number;
  readonly longCells: readonly ((row: number) => number)[];
  write(out: Uint8Array, at: number, row: number): number;
}

/** The rows in chunks of about 256 KiB. */
export function* rowChunks({ maxBytes, longCells, write }: RowWriter, rows: number): Generator<Uint8Array> {
  let out: Uint8Array = Buffer.allocUnsafeSlow(Math.max(chunkBytes, maxBytes));
  let at = 0;
  for (let row = 0; row < rows; row++) {
    let bytes = maxBytes;
    for (const bytesOf of longCells) bytes += bytesOf(row);
    if (at + bytes > out.length) {
      if (at > 0) yield out.subarray(0, at);
      out = Buffer.allocUnsafeSlow(Math.max(chunkBytes, bytes));
      at = 0;
    }
    at = write(out, at, row);
  }
  if (at > 0) yield out.subarray(0, at);
}

export interface Cell extends CellWriter {
  readonly name: string;
  readonly kind: Column['kind'];
  isNull(row: number): boolean;
}

/** Cells as JSON has them. An absent tag and a number that no text can hold are null. */
export function jsonCell(column: Column, timeFormat: TimeFormat): Cell {
  return { ...cellWriter(column, timeFormat), name: column.name, kind: column.kind, isNull: nullTest(column) };
}

export function nullTest(column: Column): (row: number) => boolean {
  switch (column.kind) {
    case 'time':
      return () => false;
    case 'tag': {
      const { dictionary, index } = column;
      return (row) => dictionary[index[row]!] === '';
    }
    case 'float': {
      const { values } = column;
      return (row) => !Number.isFinite(values[row]);
    }
    case 'long': {
      const { values } = column;
      const words = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
      return (row) => words[2 * row + 1] === -(2 ** 31) && words[2 * row] === 0;
    }
    case 'boolean': {
      const { values } = column;
      return (row) => values[row] === 2;
    }
    case 'string': {
      const { validity } = column;
      return validity === null ? () => false : (row) => validity[row] === 0;
    }
  }
}

/** Where the bytes of each string begin. */
export function stringStarts(lengths: Int32Array): Float64Array {
  const starts = new Float64Array(lengths.length);
  for (let row = 1; row < lengths.length; row++) starts[row] = starts[row - 1]! + lengths[row - 1]!;
  return starts;
}

/** For pieces of some 40 bytes and less a loop is faster than set() on a new view. */
export function copyBytes(out: Uint8Array, at: number, bytes: Uint8Array): number {
  if (bytes.length > 40) out.set(bytes, at);
  else for (let i = 0; i < bytes.length; i++) out[at + i] = bytes[i]!;
  return at + bytes.length;
}

/** The bytes; before each comes what `escapes` gives for it. */
export function copyEscaped(
  out: Uint8Array,
  at: number,
  bytes: Uint8Array,
  escapes: (byte: number) => number | undefined,
): number {
  for (const byte of bytes) {
    const before = escapes(byte);
    if (before !== undefined) out[at++] = before;
    out[at++] = byte;
  }
  return at;
}
