// A JSON object per line: time, tags and fields by their names, without those that a point does not have.

import type { QueryResult } from '../kdb/engine.ts';
import type { Encoder } from './encoder.ts';
import type { TimeFormat } from './request.ts';
import { type Cell, copyBytes, jsonCell, type RowWriter, rowChunks } from './text-cells.ts';

export class NdjsonEncoder implements Encoder {
  readonly #timeFormat: TimeFormat;

  constructor(timeFormat: TimeFormat) {
    this.#timeFormat = timeFormat;
  }

  *add(page: QueryResult): Generator<Uint8Array> {
    yield* rowChunks(rowWriter(page.columns.map((column) => jsonCell(column, this.#timeFormat))), page.rows);
  }

  *end(): Generator<Uint8Array> {}
}

function rowWriter(cells: readonly Cell[]): RowWriter {
  const names = cells.map(({ name }) => Buffer.from(`,${JSON.stringify(name)}:`));
  return {
    maxBytes: cells.reduce((sum, { maxBytes }, i) => sum + maxBytes + names[i]!.length, 3),
    longCells: cells.flatMap(({ bytesOf }) => bytesOf ?? []),
    write(out, start, row) {
      let at = start;
      for (const [i, cell] of cells.entries()) {
        if (!cell.isNull(row)) at = cell.write(out, copyBytes(out, at, names[i]!), row);
      }
      // The brace takes the place of the first comma.
      if (at === start) at++;
      out[start] = 123;
      out[at] = 125;
      out[at + 1] = 10;
      return at + 2;
    },
  };
}
