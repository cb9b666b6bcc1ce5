// Names and tags of line protocol as text: the slow way, taken once for each distinct spelling in a body.

import { Refusal } from './series.ts';

const comma = 44;
const equals = 61;
const backslash = 92;

/** Where the next unescaped `byte` is, or `end`. A delimiter after a backslash is escaped, whatever stands before the backslash. */
function indexOfDelimiter(bytes: Buffer, byte: number, from: number, end: number): number {
  for (let i = from; i < end; i++) if (bytes[i] === byte && bytes[i - 1] !== backslash) return i;
  return end;
}

/** A series name: backslashes escape commas and spaces, elsewhere they are themselves. */
export function seriesName(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('utf8', start, end);
  return text.includes('\\') ? text.replace(/\\([, ])/g, '$1') : text;
}

/** A tag name, tag value or field name: backslashes escape commas, equals signs and spaces. */
export function columnText(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('utf8', start, end);
  return text.includes('\\') ? text.replace(/\\([,= ])/g, '$1') : text;
}

export interface Prefix {
  readonly series: string;
  /** [name, value, name, value, …] as written. */
  readonly tags: readonly string[];
}

/** measurement[,tag=value…] */
export function splitPrefix(bytes: Buffer, start: number, end: number): Prefix | Refusal {
  const tags: string[] = [];
  const seriesEnd = indexOfDelimiter(bytes, comma, start, end);
  for (let pos = seriesEnd + 1; pos <= end; ) {
    const tagEnd = indexOfDelimiter(bytes, comma, pos, end);
    const nameEnd = indexOfDelimiter(bytes, equals, pos, tagEnd);
    if (nameEnd === pos || nameEnd === tagEnd) {
      return new Refusal('InvalidLine', 'A tag must be name=value', `char ${pos - start + 1}`);
    }
    const name = columnText(bytes, pos, nameEnd);
    if (indexOfDelimiter(bytes, equals, nameEnd + 1, tagEnd) < tagEnd) {
      return new Refusal('InvalidLine', 'An equals sign in a tag value needs a backslash before it', name);
    }
    tags.push(name, columnText(bytes, nameEnd + 1, tagEnd));
    pos = tagEnd + 1;
  }
  return { series: seriesName(bytes, start, seriesEnd), tags };
}
