import type { Column, Cursor, QueryResult } from '../engine.ts';
import { Booleans, type QValue, Sym, Symbols } from '../qvalue.ts';
import {
  booleans,
  bytes,
  char,
  charAtom,
  count,
  fault,
  floats,
  GrammarFault,
  ints,
  list,
  long,
  longs,
  symbol,
  symbols,
} from './grammar.ts';
import { decodeStrings, encodeStrings } from './part.ts';

// Rows of a query, by column. Kinds: t time, g tag (dictionary and index), f float, j long, b boolean as bytes (2 is null), s string.

export function encodeResult({ columns, rows, next }: QueryResult): QValue {
  return [columns.map(encodeColumn), BigInt(rows), encodeCursor(next)];
}

export function decodeResult(reply: QValue): QueryResult {
  const [columns, rows, next] = list(reply, 'result', 3) as [QValue, QValue, QValue];
  const rowCount = count(rows, 'rows');
  return {
    columns: list(columns, 'columns').map((column) => decodeColumn(column, rowCount)),
    rows: rowCount,
    next: decodeCursor(next),
  };
}

export function encodeCursor(cursor: Cursor | null): QValue {
  return cursor && [cursor.timeNs, BigInt(cursor.id)];
}

export function decodeCursor(value: QValue): Cursor | null {
  if (value === null) return null;
  const [time, id] = list(value, 'cursor', 2) as [QValue, QValue];
  return { timeNs: long(time, 'time of the cursor'), id: count(id, 'id of the cursor', 2 ** 31 - 1) };
}

function encodeColumn(column: Column): QValue {
  const [letter, values] = encodeValues(column);
  return [new Sym(column.name), charAtom(letter), values];
}

function encodeValues(column: Column): [letter: string, values: QValue] {
  switch (column.kind) {
    case 'time':
      return ['t', column.values];
    case 'tag':
      return ['g', [new Symbols(column.dictionary), column.index]];
    case 'float':
      return ['f', column.values];
    case 'long':
      return ['j', column.values];
    case 'boolean':
      return ['b', column.values];
    case 'string':
      return ['s', [column.validity && new Booleans(column.validity), ...(encodeStrings(column.values) as QValue[])]];
  }
}

function decodeColumn(value: QValue, rows: number): Column {
  const [nameValue, kind, values] = list(value, 'column', 3) as [QValue, QValue, QValue];
  const name = symbol(nameValue, 'name of a column');
  const letter = char(kind, 'kind of a column');
  switch (letter) {
    case 't':
      return { kind: 'time', name, values: sized(longs(values, 'times'), rows) };
    case 'g':
      return { kind: 'tag', name, ...decodeTag(values, rows) };
    case 'f':
      return { kind: 'float', name, values: sized(floats(values, 'floats'), rows) };
    case 'j':
      return { kind: 'long', name, values: sized(longs(values, 'longs'), rows) };
    case 'b':
      return { kind: 'boolean', name, values: sized(bytes(values, 'booleans'), rows) };
    case 's': {
      const [validity, lengths, content] = list(values, 'a string column', 3) as [QValue, QValue, QValue];
      const strings = decodeStrings([lengths, content]);
      sized(strings.lengths, rows);
      return {
        kind: 'string',
        name,
        validity: validity === null ? null : sized(booleans(validity, 'validity'), rows),
        values: strings,
      };
    }
    default:
      throw fault(`kind ${letter}`, 'one of t g f j b s');
  }
}

function decodeTag(values: QValue, rows: number): { dictionary: readonly string[]; index: Int32Array } {
  const [names, positions] = list(values, 'a tag column', 2) as [QValue, QValue];
  const dictionary = symbols(names, 'dictionary');
  const index = sized(ints(positions, 'index'), rows);
  for (let i = 0; i < rows; i++)
    if (index[i]! >>> 0 >= dictionary.length) throw new GrammarFault('an index points behind its dictionary');
  return { dictionary, index };
}

function sized<Values extends { readonly length: number }>(values: Values, rows: number): Values {
  if (values.length !== rows) throw new GrammarFault('a column does not have one value per row');
  return values;
}
