// .j.k and .j.j [ref/dotj]: numbers are floats, null is 0n, a list of objects with the same names is a table.

import { boolean, chars, dict, empty, fail, float, isNullCell, type Q, symbols, textOf, utf8 } from '../values.ts';

/** `collapse` makes a list the vector or table that q has for its items. */
export function fromJson(text: Q, collapse: (items: readonly Q[]) => Q): Q {
  const bytes = Buffer.from(textOf(text), 'latin1');
  let parsed: unknown;
  try {
    parsed = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    return fail((error as Error).message);
  }
  return fromParsed(parsed, collapse);
}

function fromParsed(json: unknown, collapse: (items: readonly Q[]) => Q): Q {
  if (json === null) return float(Number.NaN);
  if (typeof json === 'boolean') return boolean(json);
  if (typeof json === 'number') return float(json);
  if (typeof json === 'string') return utf8(json);
  if (Array.isArray(json)) return json.length === 0 ? empty : collapse(json.map((item) => fromParsed(item, collapse)));
  const names = Object.keys(json as object).map((name) => Buffer.from(name).toString('latin1'));
  const values = Object.values(json as object).map((item) => fromParsed(item, collapse));
  return dict(symbols(names), values.length === 0 ? empty : collapse(values));
}

/** Of what kdb/q and its tests hand over: dictionaries by name, lists, texts, numbers, booleans. */
export function toJson(x: Q): Q {
  return chars(textFor(x));
}

function textFor(x: Q): string {
  if (x.kind === 'atom') return cellText(x.t, x.v);
  if (x.kind === 'vector' && x.t === 10) return JSON.stringify(textOf(x));
  if (x.kind === 'vector') return `[${Array.from(x.v as ArrayLike<number>, (cell) => cellText(-x.t, cell)).join(',')}]`;
  if (x.kind === 'list') return `[${x.v.map(textFor).join(',')}]`;
  if (x.kind !== 'dict' || x.k.kind !== 'vector' || x.k.t !== 11) return fail('nyi .j.j');
  const items = x.v.kind === 'list' ? x.v.v.map(textFor) : vectorTexts(x.v);
  return `{${(x.k.v as string[]).map((name, i) => `${JSON.stringify(name)}:${items[i]}`).join(',')}}`;
}

function vectorTexts(x: Q): string[] {
  if (x.kind !== 'vector') return fail('nyi .j.j');
  return Array.from(x.v as ArrayLike<number>, (cell) => cellText(-x.t, cell));
}

function cellText(t: number, cell: number | bigint | string): string {
  if (t === -1) return cell ? 'true' : 'false';
  if (t === -11 || t === -2) return JSON.stringify(cell);
  if (t === -10) return JSON.stringify(String.fromCharCode(cell as number));
  if (t < -11) return fail('nyi .j.j');
  return isNullCell(t, cell) ? 'null' : String(cell);
}
