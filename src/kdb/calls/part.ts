import {
  columnNameFault,
  maxFieldsPerSeries,
  maxStringBytes,
  maxTagsPerSeries,
  maxTagValueBytes,
  nameFault,
} from '../../base/limits.ts';
import { fieldTypeLetters } from '../contract.ts';
import type { FieldColumn, FieldValues, InsertPart, Strings } from '../engine.ts';
import { EngineError } from '../engine-error.ts';
import { Booleans, Chars, type QValue, Sym, Symbols } from '../qvalue.ts';
import { booleans, chars, fault, floats, GrammarFault, ints, list, longs, symbol, symbols } from './grammar.ts';

// A part: the points of one series, in an insert and in the reply of a tail. Columns go over as the bytes of their typed arrays; what is made per
// request is a few small objects per column, none per row. 5,000 rows of 10 tags (100 tag sets) and 10 longs, 467 KB: 0.25 ms to check and
// encode, 0.4 ms to decode and check, on a busy 2-core machine.

/** The part as a q value. It is checked first, so that one bad request never spoils those that are joined with it. */
export function encodePart(part: InsertPart): QValue {
  checkPart(part);
  return [
    new Sym(part.series),
    new Symbols(part.tagNames),
    part.keys.map((values) => new Symbols(values)),
    part.row,
    part.timeNs,
    new Symbols(part.fields.map((field) => field.name)),
    Chars.of(part.fields.map((field) => fieldTypeLetters[field.data.type]).join('')),
    part.fields.map((field) => (field.validity === null ? null : new Booleans(field.validity))),
    part.fields.map((field) => encodeValues(field.data)),
  ];
}

function encodeValues(data: FieldValues): QValue {
  if (data.type === 'string') return encodeStrings(data.values);
  return data.type === 'boolean' ? new Booleans(data.values) : data.values;
}

export function encodeStrings({ lengths, bytes }: Strings): QValue {
  return [lengths, new Chars(bytes)];
}

export function decodePart(value: QValue): InsertPart {
  const [series, tags, keys, row, time, fields, types, validity, columns] = list(value, 'part', 9) as QValue[];
  const fieldNames = symbols(fields!, 'fields');
  const letters = chars(types!, 'types').bytes;
  const validities = list(validity!, 'validity', fieldNames.length);
  const values = list(columns!, 'columns', fieldNames.length);
  if (letters.length !== fieldNames.length) throw new GrammarFault('types are not as many as fields');
  const tagNames = symbols(tags!, 'tags');
  const keyColumns = list(keys!, 'keys', tagNames.length).map((column) => symbols(column, 'a column of keys'));
  const part: InsertPart = {
    series: symbol(series!, 'series'),
    tagNames,
    keys: keyColumns,
    keyCount: keyColumns[0]?.length ?? 1,
    row: ints(row!, 'row'),
    timeNs: longs(time!, 'time'),
    fields: fieldNames.map((name, i): FieldColumn => {
      const given = validities[i]!;
      return {
        name,
        validity: given === null ? null : booleans(given, 'validity'),
        data: decodeValues(letters[i]!, values[i]!),
      };
    }),
  };
  checkPart(part);
  return part;
}

function decodeValues(letter: number, value: QValue): FieldValues {
  switch (String.fromCharCode(letter)) {
    case 'f':
      return { type: 'float', values: floats(value, 'a float column') };
    case 'n':
      return { type: 'number', values: floats(value, 'a number column') };
    case 'j':
      return { type: 'long', values: longs(value, 'a long column') };
    case 'b':
      return { type: 'boolean', values: booleans(value, 'a boolean column') };
    case 's':
      return { type: 'string', values: decodeStrings(value) };
    default:
      throw fault(`type ${letter}`, 'one of f n j b s');
  }
}

/** Lengths that are not negative and together make up the bytes. */
export function decodeStrings(value: QValue): Strings {
  const [lengths, bytes] = list(value, 'a string column', 2) as [QValue, QValue];
  const strings = { lengths: ints(lengths, 'lengths'), bytes: chars(bytes, 'bytes').bytes };
  checkStrings(strings);
  return strings;
}

function checkStrings({ lengths, bytes }: Strings): void {
  let sum = 0;
  for (const length of lengths) {
    if (length < 0) throw new GrammarFault('a string length is negative');
    sum += length;
  }
  if (sum !== bytes.length) throw new GrammarFault('string lengths do not add up to the bytes');
}

/** All that the types of a part do not say. */
function checkPart(part: InsertPart): void {
  const { series, tagNames, keys, keyCount, row, timeNs, fields } = part;
  checkColumns(series, tagNames, fields);
  if (fields.length === 0) throw new GrammarFault('a part has no field');
  if (row.length === 0) throw new GrammarFault('a part has no point');
  if (timeNs.length !== row.length) throw new GrammarFault('time and row differ in length');
  if (keys.length !== tagNames.length) throw new GrammarFault('keys and tags differ in length');
  if (tagNames.length === 0 && keyCount !== 1) throw new GrammarFault('there is one tag set without tags');
  for (let tag = 0; tag < keys.length; tag++) checkTagValues(series, tagNames[tag]!, keys[tag]!, keyCount);
  // A negative index is a very large one when unsigned.
  for (let i = 0; i < row.length; i++) if (row[i]! >>> 0 >= keyCount) throw new GrammarFault('row points behind keys');
  for (const field of fields) checkField(series, field, row.length);
}

function checkName(name: string, reason: string | null): void {
  if (reason !== null) throw new EngineError('InvalidName', name, reason);
}

/** Names that have passed, mostly the same strings again (decode.ts): the rules take 60 to 100 ns for each. */
const passed = new Set<string>();
const maxPassed = 10_000;

function checkColumnName(name: string): void {
  if (passed.has(name)) return;
  checkName(name, columnNameFault(name));
  if (passed.size >= maxPassed) passed.clear();
  passed.add(name);
}

/** Names of a series, its tags and its fields: each valid, none twice, not too many. */
export function checkColumns(
  series: string,
  tags: readonly string[],
  fields: readonly { readonly name: string }[],
): void {
  checkName(series, nameFault(series));
  if (tags.length > maxTagsPerSeries) throw new EngineError('TooManyFields', series, String(maxTagsPerSeries));
  if (fields.length > maxFieldsPerSeries) throw new EngineError('TooManyFields', series, String(maxFieldsPerSeries));
  const seen = new Set<string>();
  for (const name of tags) {
    checkColumnName(name);
    if (seen.size === seen.add(name).size) throw new GrammarFault('a tag occurs twice');
  }
  const seenFields = new Set<string>();
  for (const { name } of fields) {
    checkColumnName(name);
    if (seen.has(name)) throw new EngineError('TagFieldClash', series, name);
    if (seenFields.size === seenFields.add(name).size) throw new GrammarFault('a field occurs twice');
  }
}

function checkTagValues(series: string, tag: string, values: readonly string[], keyCount: number): void {
  if (values.length !== keyCount) throw new GrammarFault('keys differ in length');
  for (const value of values) {
    if (value.length > maxTagValueBytes / 3 && Buffer.byteLength(value) > maxTagValueBytes)
      throw new EngineError('InvalidValue', series, tag, `is longer than ${maxTagValueBytes} bytes`);
  }
}

function checkField(series: string, { name, validity, data }: FieldColumn, points: number): void {
  const length = data.type === 'string' ? data.values.lengths.length : data.values.length;
  if (length !== points) throw new GrammarFault('a column does not have one value per point');
  if (validity !== null) checkBooleans(validity, points);
  if (data.type === 'boolean') checkBooleans(data.values, points);
  if (data.type !== 'string') return;
  checkStrings(data.values);
  for (const bytes of data.values.lengths)
    if (bytes > maxStringBytes)
      throw new EngineError('InvalidValue', series, name, `is longer than ${maxStringBytes} bytes`);
}

function checkBooleans(values: Uint8Array, points: number): void {
  if (values.length !== points) throw new GrammarFault('validity does not have one entry per point');
  for (let i = 0; i < values.length; i++) if (values[i]! > 1) throw fault(String(values[i]), 'a boolean');
}
