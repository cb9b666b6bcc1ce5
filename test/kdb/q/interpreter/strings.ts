// Text: like ss ssr vs sv lower upper trim.

import { cells, collapse, itemsOf, texts } from './lists.ts';
import { longVector } from './order.ts';
import {
  atom,
  boolean,
  type Cell,
  chars,
  dict,
  fail,
  isBig,
  isList,
  list,
  longs,
  nullLong,
  type Q,
  symbol,
  symbols,
  textOf,
  vector,
} from './values.ts';

// ---- patterns ----

type Part = { readonly isStar: boolean; readonly test: (character: string) => boolean };

/** ? one character, * any, [a-z] one of, [^a] none of [ref/like]. */
function partsOf(pattern: string): Part[] {
  const parts: Part[] = [];
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at]!;
    if (character === '*') parts.push({ isStar: true, test: () => true });
    else if (character === '?') parts.push({ isStar: false, test: () => true });
    else if (character === '[') {
      const end = pattern.indexOf(']', at + 2);
      if (end < 0) return fail('nyi');
      const isNegated = pattern[at + 1] === '^';
      const body = pattern.slice(at + (isNegated ? 2 : 1), end);
      const members = new Set<string>();
      for (let i = 0; i < body.length; i++) {
        if (body[i + 1] === '-' && i + 2 < body.length) {
          for (let code = body.charCodeAt(i); code <= body.charCodeAt(i + 2); code++)
            members.add(String.fromCharCode(code));
          i += 2;
        } else members.add(body[i]!);
      }
      parts.push({ isStar: false, test: (c) => members.has(c) !== isNegated });
      at = end;
    } else parts.push({ isStar: false, test: (c) => c === character });
  }
  return parts;
}
function isLike(text: string, parts: readonly Part[]): boolean {
  let [at, place, star, from] = [0, 0, -1, 0];
  while (at < text.length) {
    const part = parts[place];
    if (part?.isStar) {
      star = place++;
      from = at;
    } else if (part?.test(text[at]!)) {
      at++;
      place++;
    } else if (star >= 0) {
      place = star + 1;
      at = ++from;
    } else return false;
  }
  while (parts[place]?.isStar) place++;
  return place === parts.length;
}

export function like(x: Q, pattern: Q): Q {
  const parts = partsOf(textOf(pattern));
  const test = (item: Q): Q => {
    if (item.kind === 'vector' && item.t === 11)
      return vector(
        1,
        Uint8Array.from(item.v as string[], (name) => (isLike(name, parts) ? 1 : 0)),
      );
    if (item.kind === 'list') return item.v.length === 0 ? vector(1, new Uint8Array(0)) : collapse(item.v.map(test));
    if (item.kind === 'dict') return dict(item.k, test(item.v));
    return boolean(isLike(textOf(item), parts));
  };
  return test(x);
}

function occurrences(text: string, pattern: string): { start: number; length: number }[] {
  const parts = partsOf(pattern);
  if (parts.some((part) => part.isStar)) return fail('nyi');
  if (parts.length === 0) return fail('length');
  const found: { start: number; length: number }[] = [];
  for (let at = 0; at + parts.length <= text.length; ) {
    const start = at;
    if (parts.every((part, i) => part.test(text[start + i]!))) {
      found.push({ start: at, length: parts.length });
      at += parts.length;
    } else at++;
  }
  return found;
}
export const ss = (x: Q, pattern: Q): Q =>
  longVector(occurrences(textOf(x), textOf(pattern)).map((found) => found.start));
/** By a text, or what a function makes of each match [ref/ss#ssr]. */
export function ssr(x: Q, pattern: Q, by: Q, apply: (f: Q, args: Q[]) => Q): Q {
  const text = textOf(x);
  let result = '';
  let last = 0;
  for (const { start, length } of occurrences(text, textOf(pattern))) {
    const match = text.slice(start, start + length);
    result += text.slice(last, start) + textOf(by.t >= 100 ? apply(by, [chars(match)]) : by);
    last = start + length;
  }
  return chars(result + text.slice(last));
}

// ---- vs and sv ----

export function vs(x: Q, y: Q): Q {
  if (x.kind === 'atom' && x.t === -11 && x.v === '') {
    if (y.kind === 'atom' && y.t === -11) return splitSymbol(y.v as string);
    if (y.kind === 'vector' && y.t === 10) return texts(textOf(y).split(/\r?\n/));
    return fail('type');
  }
  if ((x.kind === 'atom' && x.t === -10) || (x.kind === 'vector' && x.t === 10)) {
    if (isList(y) && y.kind === 'list') return collapse(y.v.map((item) => vs(x, item)));
    const separator = textOf(x);
    return texts(textOf(y).split(separator));
  }
  if (x.kind === 'atom' && x.t === -4) return bytesOf(y);
  if (x.kind === 'atom' && x.t === -1) return fail('nyi 0b vs');
  if (x.kind === 'atom' && (x.t === -7 || x.t === -6)) {
    const digits: bigint[] = [];
    for (let left = BigInt((y as { v: number }).v); left > 0n; left /= BigInt(x.v as number))
      digits.unshift(left % BigInt(x.v as number));
    return longs(digits.length === 0 ? [0n] : digits);
  }
  return fail('nyi vs');
}
/** `:a/b of a path into folder and file; of a name by dots. */
function splitSymbol(name: string): Q {
  if (!name.startsWith(':')) return symbols(name.split('.'));
  const slash = name.lastIndexOf('/');
  return slash < 0 ? symbols([':', name.slice(1)]) : symbols([name.slice(0, slash), name.slice(slash + 1)]);
}
function bytesOf(y: Q): Q {
  if (y.kind !== 'atom') return fail('type');
  const size =
    isBig(y.t) || y.t === -9 || y.t === -15 ? 8 : y.t === -5 ? 2 : y.t === -4 || y.t === -10 || y.t === -1 ? 1 : 4;
  const bytes = Buffer.alloc(size);
  if (y.t === -9) bytes.writeDoubleBE(y.v as number);
  else if (y.t === -8) bytes.writeFloatBE(y.v as number);
  else if (size === 8) bytes.writeBigInt64BE(y.v as bigint);
  else if (y.t === -11 || y.t === -2) return fail('type');
  else bytes.writeIntBE(y.v as number, 0, size);
  return vector(4, new Uint8Array(bytes));
}

export function sv(x: Q, y: Q): Q {
  if (x.kind === 'atom' && x.t === -11 && x.v === '') {
    if (y.kind === 'vector' && y.t === 11) {
      const names = y.v as string[];
      return symbol(names[0]?.startsWith(':') ? names.join('/') : names.join('.'));
    }
    if (y.kind === 'list') return chars(y.v.map((item) => `${textOf(item)}\n`).join(''));
    return fail('type');
  }
  if ((x.kind === 'atom' && x.t === -10) || (x.kind === 'vector' && x.t === 10)) {
    if (!isList(y) || (y.kind === 'vector' && y.t !== 10)) return fail('type');
    const parts = itemsOf(y);
    if (parts.some((part) => part.t !== 10 && part.t !== -10)) return fail('type');
    return chars(parts.map(textOf).join(textOf(x)));
  }
  if (x.kind === 'atom' && x.t === -4 && y.kind === 'vector' && y.t === 4) return fromBytes(y.v as Uint8Array);
  if (x.kind === 'atom' && (x.t === -7 || x.t === -6) && y.kind === 'vector')
    return atom(
      7,
      Array.from(cells(y)).reduce<Cell>(
        (total, digit) => BigInt.asIntN(64, BigInt(total) * BigInt(x.v as number) + BigInt(digit)),
        0n,
      ),
    );
  return fail('nyi sv');
}
function fromBytes(bytes: Uint8Array): Q {
  const buffer = Buffer.from(bytes);
  if (buffer.length === 8) return atom(7, buffer.readBigInt64BE());
  if (buffer.length === 4) return atom(6, buffer.readInt32BE());
  return buffer.length === 2 ? atom(5, buffer.readInt16BE()) : fail('length');
}

// ---- case and blanks ----

function onText(x: Q, change: (text: string) => string): Q {
  if (x.kind === 'vector' && x.t === 11) return symbols((x.v as string[]).map(change));
  if (x.kind === 'atom' && x.t === -11) return symbol(change(x.v as string));
  if (x.kind === 'vector' && x.t === 10) return chars(change(textOf(x)));
  if (x.kind === 'atom' && x.t === -10) return atom(10, change(textOf(x)).charCodeAt(0));
  if (x.kind === 'list') return list(x.v.map((item) => onText(item, change)));
  if (x.kind === 'dict') return dict(x.k, onText(x.v, change));
  return fail('type');
}
export const lower = (x: Q): Q => onText(x, (text) => text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase()));
export const upper = (x: Q): Q => onText(x, (text) => text.replaceAll(/[a-z]/g, (letter) => letter.toUpperCase()));
export const trim = (x: Q): Q => onText(x, (text) => text.replace(/^ +| +$/g, ''));
export const ltrim = (x: Q): Q => onText(x, (text) => text.replace(/^ +/, ''));
export const rtrim = (x: Q): Q => onText(x, (text) => text.replace(/ +$/, ''));

/** Blanks to a width, before the text where it is negative [ref/pad]. */
export function pad(width: number, x: Q): Q {
  if (x.kind === 'list') return list(x.v.map((item) => pad(width, item)));
  const text = textOf(x);
  const size = Math.abs(width);
  return chars(width >= 0 ? text.slice(0, size).padEnd(size) : text.slice(-size).padStart(size));
}
export { nullLong };
