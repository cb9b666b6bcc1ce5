// Line protocol read slowly, by regular expressions over whole lines: what the decoder must agree with.

import { columnNameFault, maxTagsPerSeries, maxTagValueBytes, nameFault } from '../../src/base/limits.ts';
import { maxTimeNs, minTimeNs } from '../../src/base/time.ts';
import { type Point, record, type Value } from './points.ts';

interface Line {
  readonly number: number;
  /** One character per byte. */
  readonly text: string;
}

interface Result {
  /** A series has a name both as a tag and as a field. */
  readonly clash: boolean;
  readonly points: Point[];
  readonly badLines: number[];
}

export function readLineProtocol(body: Buffer, nowNs: bigint, unitNs: bigint): Result {
  const points: Point[] = [];
  const badLines: number[] = [];
  const types = new Map<string, string>();
  for (const line of splitLines(body.toString('latin1'))) {
    const point = readLine(line, nowNs, unitNs);
    if (point === null || !takeTypes(point, types)) badLines.push(line.number);
    else points.push(point);
  }
  const clash = points.some(({ series, tags }) => Object.keys(tags).some((tag) => types.has(`${series}\0${tag}`)));
  return { clash, points: points.map((point) => widened(point, types)), badLines };
}

/** A quote after an unescaped `=` of the part after the tags begins a string, unless no quote ends it; newlines in strings do not end a line. */
function splitLines(text: string): Line[] {
  const lines: Line[] = [];
  let number = 1;
  const whole =
    /[ \t\r]*(?:#[^\n]*|((?:(?<=\\) |[^ \n])+(?: (?:(?<=[^\\]=)"(?:\\["\\]|[^"\\]|\\(?!["\\]))*"|[^\n])*)?))?(?:\n|$)/sy;
  while (whole.lastIndex < text.length) {
    const match = whole.exec(text)!;
    if (match[1] !== undefined) lines.push({ number, text: match[1] });
    number += match[0].split('\n').length - 1;
  }
  return lines;
}

function readLine({ number, text }: Line, nowNs: bigint, unitNs: bigint): Point | null {
  const parts = /^((?:(?<=\\) |[^ ])+)(?<!\\) +(.*)$/s.exec(text);
  if (parts === null || !isUtf8(text)) return null;
  const [series, ...tagTexts] = split(parts[1]!, ',');
  const tags = tagTexts.map((tag) => split(tag, '=').map((part) => utf8(part.replace(/\\([,= ])/g, '$1'))));
  const rest = readFields(parts[2]!);
  if (rest === null || tags.some((tag) => tag.length !== 2)) return null;
  const time = /^ *(-?\d+)? *\r?$/.exec(rest.time);
  if (time === null) return null;
  const timeNs = time[1] === undefined ? nowNs : BigInt(time[1]) * unitNs;
  if (timeNs < minTimeNs || timeNs > maxTimeNs) return null;
  const name = utf8(series!.replace(/\\([, ])/g, '$1'));
  const names = tags.map(([tag]) => tag!);
  if (nameFault(name) || names.some((tag) => columnNameFault(tag))) return null;
  if (new Set(names).size < names.length || names.length > maxTagsPerSeries) return null;
  if (tags.some(([, value]) => value!.includes('\0') || Buffer.byteLength(value!) > maxTagValueBytes)) return null;
  return {
    line: number,
    series: name,
    tags: record(tags.filter(([, value]) => value !== '').map(([tag, value]) => [tag!, value!])),
    fields: rest.fields,
    time: timeNs,
  };
}

function readFields(text: string): { fields: Record<string, Value>; time: string } | null {
  const fields = new Map<string, Value>();
  const field =
    /((?:(?<=\\)[,= ]|[^,= \n])+)(?<!\\)=(?:"((?:\\["\\]|[^"\\]|\\(?!["\\]))*)"|([^", \r\n][^, \r\n]*))(?=[, \r]|$)/sy;
  for (;;) {
    const match = field.exec(text);
    if (match === null) return null;
    const name = utf8(match[1]!.replace(/\\([,= ])/g, '$1'));
    const value = match[3] === undefined ? utf8(match[2]!.replace(/\\(["\\])/g, '$1')) : readWord(match[3]);
    if (value === null || columnNameFault(name)) return null;
    if (fields.has(name) && typeOf(fields.get(name)!) !== typeOf(value)) {
      if (typeof value === 'string' || typeof fields.get(name) === 'string') return null;
      if (typeof value === 'boolean' || typeof fields.get(name) === 'boolean') return null;
      // A long and a float in one point: the field is a float.
      fields.set(name, Number(value));
    } else {
      fields.set(name, value);
    }
    const end = field.lastIndex;
    if (text[end] !== ',') return { fields: record(fields), time: text.slice(end) };
    field.lastIndex = end + 1;
  }
}

function readWord(text: string): Value | null {
  if (/^(t|T|true|True|TRUE)$/.test(text)) return true;
  if (/^(f|F|false|False|FALSE)$/.test(text)) return false;
  if (/^([+-]?\d+i|\+?\d+u)$/.test(text)) {
    const value = BigInt(text.replace(/^\+|[iu]$/g, ''));
    return value > -(2n ** 63n) && value < 2n ** 63n ? value : null;
  }
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)) return null;
  return Number.isFinite(Number(text)) ? Number(text) : null;
}

/** Splits at the delimiters that no backslash stands before. */
function split(text: string, delimiter: string): string[] {
  return text.split(new RegExp(`(?<!\\\\)${delimiter}`));
}

/** False: the point's fields do not have the types that earlier lines gave them. */
function takeTypes(point: Point, types: Map<string, string>): boolean {
  const key = (name: string): string => `${point.series}\0${name}`;
  const number = (type: string): boolean => type === 'float' || type === 'long';
  const fields = Object.entries(point.fields);
  for (const [name, value] of fields) {
    const known = types.get(key(name)) ?? typeOf(value);
    if (known !== typeOf(value) && !(number(known) && number(typeOf(value)))) return false;
  }
  for (const [name, value] of fields) if (types.get(key(name)) !== 'float') types.set(key(name), typeOf(value));
  return true;
}

/** A field that some line gives as a float is one everywhere. */
function widened(point: Point, types: ReadonlyMap<string, string>): Point {
  const fields = Object.entries(point.fields).map(
    ([name, value]) =>
      [name, types.get(`${point.series}\0${name}`) === 'float' ? Number(value) : value] as [string, Value],
  );
  return { ...point, fields: record(fields) };
}

function typeOf(value: Value): string {
  return { number: 'float', bigint: 'long', boolean: 'boolean', string: 'string', object: 'number' }[
    typeof value as 'number' | 'bigint' | 'boolean' | 'string' | 'object'
  ];
}

function isUtf8(text: string): boolean {
  try {
    new TextDecoder('utf8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(text, 'latin1'));
    return true;
  } catch {
    return false;
  }
}

function utf8(text: string): string {
  return Buffer.from(text, 'latin1').toString();
}
