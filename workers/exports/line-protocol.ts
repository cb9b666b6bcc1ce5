// Line protocol that the write API reads back to the same points: every type, all digits, nanoseconds. Fields that a point does not have are
// not in its line; a point that has none of them has no line.

import type { Column, QueryResult } from '../../src/kdb/engine.ts';
import type { Encoder } from '../../src/query/encoder.ts';
import {
  type Cell,
  copyBytes,
  copyEscaped,
  jsonCell,
  type RowWriter,
  rowChunks,
  stringStarts,
} from '../../src/query/text-cells.ts';
import { NotExportable } from './not-exportable.ts';

const quote = 34;
const comma = 44;
const backslash = 92;

type TagColumn = Extract<Column, { kind: 'tag' }>;

export class LineProtocolEncoder implements Encoder {
  readonly #series: Buffer;

  constructor(series: string) {
    if (series.startsWith('#')) throw unwritable('series', series);
    this.#series = Buffer.from(escaped('series', series, /[, ]/g));
  }

  *add(page: QueryResult): Generator<Uint8Array> {
    const time = page.columns.find(({ kind }) => kind === 'time')!;
    const tags = page.columns.filter((column) => column.kind === 'tag');
    const fields = page.columns.filter(({ kind }) => kind !== 'time' && kind !== 'tag');
    yield* rowChunks(
      rowWriter(prefixes(this.#series, tags, page.rows), fields.map(fieldCell), jsonCell(time, 'ns')),
      page.rows,
    );
  }

  *end(): Generator<Uint8Array> {}
}

interface Prefixes {
  readonly texts: readonly Uint8Array[];
  readonly of: Int32Array;
}

function rowWriter({ texts, of }: Prefixes, fields: readonly Cell[], time: Cell): RowWriter {
  const names = fields.map(({ name }) => Buffer.from(`${escaped('field', name, /[,= ]/g)}=`));
  const prefixBytes = texts.reduce((max, { length }) => Math.max(max, length), 0);
  return {
    maxBytes: fields.reduce(
      (sum, { maxBytes }, i) => sum + maxBytes + names[i]!.length + 2,
      prefixBytes + time.maxBytes + 3,
    ),
    longCells: fields.flatMap(({ bytesOf }) => bytesOf ?? []),
    write(out, start, row) {
      const first = copyBytes(out, start, texts[of[row]!]!);
      let at = first;
      for (let i = 0; i < fields.length; i++) {
        const field = fields[i]!;
        if (field.isNull(row)) continue;
        at = field.write(out, copyBytes(out, at, names[i]!), row);
        if (field.kind === 'long') out[at++] = 105;
        out[at++] = comma;
      }
      if (at === first) return start;
      // The time comes with JSON's quotes: a space and the newline take their places and that of the last comma.
      const end = time.write(out, at - 1, row);
      out[at - 1] = 32;
      out[end - 1] = 10;
      return end;
    },
  };
}

/** The text before the fields, once per tag set of the page. */
function prefixes(series: Uint8Array, tags: readonly TagColumn[], rows: number): Prefixes {
  const values = tags.map(({ name, dictionary }) => {
    const tag = escaped('tag', name, /[,= ]/g);
    return dictionary.map((value) => (value === '' ? '' : `,${tag}=${escaped(`tag ${name}`, value, /[,= ]/g)}`));
  });
  const numbers = new Map<number | string, number>();
  const texts: Uint8Array[] = [];
  const of = new Int32Array(rows);
  // The indexes as the digits of one number, as long as that is exact.
  const isNumber = tags.reduce((product, { dictionary }) => product * dictionary.length, 1) < 2 ** 53;
  for (let row = 0; row < rows; row++) {
    let key: number | string = isNumber ? 0 : '';
    for (const { dictionary, index } of tags) {
      key = typeof key === 'number' ? key * dictionary.length + index[row]! : `${key},${index[row]}`;
    }
    let number = numbers.get(key);
    if (number === undefined) {
      const pairs = tags.map(({ index }, tag) => values[tag]![index[row]!]!);
      number = texts.push(Buffer.concat([series, Buffer.from(`${pairs.join('')} `)])) - 1;
      numbers.set(key, number);
    }
    of[row] = number;
  }
  return { texts, of };
}

function fieldCell(column: Column): Cell {
  const json = jsonCell(column, 'ns');
  if (column.kind !== 'string') return json;
  const { lengths, bytes } = column.values;
  const starts = stringStarts(lengths);
  return {
    ...json,
    bytesOf: (row) => 2 * lengths[row]! + 2,
    write(out, start, row) {
      const text = bytes.subarray(starts[row], starts[row]! + lengths[row]!);
      out[start] = quote;
      const at = copyEscaped(out, start + 1, text, (byte) =>
        byte === quote || byte === backslash ? backslash : undefined,
      );
      out[at] = quote;
      return at + 1;
    },
  };
}

/** A line ends at its newline, and a delimiter after a backslash is none: names and values that have these where it matters have no form. */
function escaped(what: string, text: string, delimiters: RegExp): string {
  if (text.endsWith('\\') || /[\n\r]/.test(text)) throw unwritable(what, text);
  return text.replace(delimiters, '\\$&');
}

function unwritable(what: string, text: string): NotExportable {
  return new NotExportable(
    `line protocol cannot hold the ${what} ${JSON.stringify(text.slice(0, 100))}; choose another format`,
  );
}
