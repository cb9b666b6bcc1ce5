// CSV read slowly, character by character into texts: what the decoder must agree with.

import { maxTimeNs, minTimeNs, parseIsoNs } from '../../src/base/time.ts';
import { type Point, record, type Value } from './points.ts';

interface Row {
  readonly line: number;
  /** Null: its quotes are wrong. */
  readonly cells: readonly { readonly text: string; readonly quoted: boolean }[] | null;
}

export function readRows(text: string, delimiter: string): Row[] {
  const rows: Row[] = [];
  let line = 1;
  for (let pos = 0; pos < text.length; ) {
    const first = line;
    const cells: { text: string; quoted: boolean }[] = [];
    let bad = false;
    for (let ended = false; !ended; ) {
      const cell = { text: '', quoted: text[pos] === '"' };
      if (cell.quoted) {
        for (pos++; pos < text.length; pos++) {
          if (text[pos] === '"' && text[pos + 1] === '"') pos++;
          else if (text[pos] === '"') break;
          if (text[pos] === '\n') line++;
          cell.text += text[pos];
        }
        if (pos >= text.length) bad = true;
        pos++;
      }
      for (; pos < text.length && text[pos] !== delimiter && text[pos] !== '\n'; pos++) {
        if (text[pos] === '\r' && text[pos + 1] === '\n') continue;
        if (cell.quoted) bad = true;
        cell.text += text[pos];
      }
      cells.push(cell);
      ended = text[pos] !== delimiter;
      pos++;
    }
    line++;
    const [only] = cells;
    if (cells.length > 1 || only!.text !== '' || only!.quoted) rows.push({ line: first, cells: bad ? null : cells });
  }
  return rows;
}

export type Types = Readonly<Record<string, 'float' | 'long' | 'boolean' | 'string'>>;

/** All types are given. Numbers have the usual forms only. */
export function readCsv(
  text: string,
  { series, tags, types, delimiter }: { series: string; tags: readonly string[]; types: Types; delimiter: string },
): { points: Point[]; badLines: number[] } {
  const [header, ...rows] = readRows(text, delimiter);
  const names = header!.cells!.map((cell) => cell.text.trim());
  const points: Point[] = [];
  const badLines: number[] = [];
  for (const { line, cells } of rows) {
    const point = cells?.length === names.length ? readPoint(names, cells, tags, types) : null;
    if (point) points.push({ ...point, line, series });
    else badLines.push(line);
  }
  return { points, badLines };
}

function readPoint(
  names: readonly string[],
  cells: readonly { readonly text: string; readonly quoted: boolean }[],
  tags: readonly string[],
  types: Types,
): Pick<Point, 'tags' | 'fields' | 'time'> | null {
  const given: [string, string][] = [];
  const fields: [string, Value][] = [];
  let time: bigint | undefined;
  for (const [i, name] of names.entries()) {
    const { text, quoted } = cells[i]!;
    if (name === 'time') {
      time = /^-?\d+$/.test(text) ? BigInt(text) : parseIsoNs(text.trim());
    } else if (tags.includes(name)) {
      if (text !== '') given.push([name, text]);
    } else if (text !== '' || quoted) {
      const type = types[name]!;
      if (type !== 'string' && text.trim() === '') continue;
      const value = cellValue(text, type);
      if (value === null) return null;
      fields.push([name, value]);
    }
  }
  if (time === undefined || time < minTimeNs || time > maxTimeNs || fields.length === 0) return null;
  return { tags: record(given), fields: record(fields), time };
}

function cellValue(text: string, type: Types[string]): Value | null {
  if (type === 'string') return text;
  const word = text.trim();
  if (type === 'boolean') return /^(true|t)$/i.test(word) ? true : /^(false|f)$/i.test(word) ? false : null;
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(word)) return null;
  const value = Number(word);
  if (!Number.isFinite(value)) return null;
  if (type === 'float') return value;
  if (/^[+-]?\d+$/.test(word)) {
    const long = BigInt(word.replace('+', ''));
    return long > -(2n ** 63n) && long < 2n ** 63n ? long : null;
  }
  return Number.isSafeInteger(value) ? BigInt(value) : null;
}
