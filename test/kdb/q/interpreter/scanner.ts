// The tokens of a piece of q text [basics/syntax].

import { numbers } from './literals.ts';
import { char, chars, fail, type Q, symbol, symbols } from './values.ts';

export type Token = { readonly at: number; readonly end: number; readonly isApart: boolean } & (
  | { readonly kind: 'constant'; readonly value: Q }
  | { readonly kind: 'name' | 'verb' | 'iterator' | 'mark' | 'assign'; readonly text: string }
);

const verbs = /[+\-*%&|^=<>~,#_!@?.$]/;
const patterns = {
  number: /0x[0-9a-fA-F]*|-?(?:0[nNwW][a-z]?|(?:\d[\d.]*|\.\d+)(?:e[-+]?\d+)?[0-9A-Za-z.:]*)/y,
  symbols: /(?:`(?::[\w.:/-]*|[A-Za-z0-9.][\w.]*(?::[\w.:/]*)?)?)+/y,
  name: /\.?[A-Za-z]\w*(?:\.[A-Za-z]\w*)*|\.[A-Za-z]\w*/y,
  iterator: /':|\/:|\\:|'|\/|\\/y,
  verb: /<=|>=|<>|[012]:(?!:)|[+\-*%&|^=<>~,#_!@?.$]/y,
};

export function scan(source: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const test = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(source)?.[0];
  };
  while (at < source.length) {
    const character = source[at]!;
    const isApart = at === 0 || /\s/.test(source[at - 1]!);
    if (/\s/.test(character)) {
      at++;
      continue;
    }
    if (character === '/' && isApart) {
      const end = source.indexOf('\n', at);
      at = end < 0 ? source.length : end;
      continue;
    }
    const start = at;
    const add = (token: object, length: number): void => {
      at = start + length;
      tokens.push({ at: start, end: at, isApart, ...token } as Token);
    };
    if (character === '"') {
      const { value, end } = stringAt(source, at);
      add({ kind: 'constant', value }, end - start);
      continue;
    }
    const symbolText = test(patterns.symbols);
    if (symbolText !== undefined) {
      const names = symbolText.slice(1).split('`');
      add({ kind: 'constant', value: names.length === 1 ? symbol(names[0]!) : symbols(names) }, symbolText.length);
      continue;
    }
    const found =
      (character !== '-' || startsNumber(tokens.at(-1), isApart)) && startsDigit(source, at, tokens.at(-1), isApart)
        ? numberRun(source, at)
        : undefined;
    if (found) {
      add({ kind: 'constant', value: numbers(found.texts) }, found.end - start);
      continue;
    }
    const name = test(patterns.name);
    if (name !== undefined) {
      add({ kind: 'name', text: name }, name.length);
      continue;
    }
    if (source.startsWith('::', at)) {
      add({ kind: 'assign', text: '::' }, 2);
      continue;
    }
    const verb = test(patterns.verb);
    if (verb !== undefined && verb !== ':') {
      const next = source[at + verb.length];
      const isAssign = next === ':' && source[at + verb.length + 1] !== ':' && !/^[012]:$/.test(verb);
      add({ kind: isAssign ? 'assign' : 'verb', text: isAssign ? `${verb}:` : verb }, verb.length + (isAssign ? 1 : 0));
      continue;
    }
    const iterator = test(patterns.iterator);
    if (iterator !== undefined) {
      add({ kind: 'iterator', text: iterator }, iterator.length);
      continue;
    }
    if (character === ':') {
      add({ kind: 'assign', text: ':' }, 1);
      continue;
    }
    if ('()[]{};'.includes(character)) {
      add({ kind: 'mark', text: character }, 1);
      continue;
    }
    fail('char');
  }
  return tokens;
}

/** A minus sign belongs to a number where nothing stands before it that it could subtract from. */
function startsNumber(before: Token | undefined, isApart: boolean): boolean {
  if (isApart || !before) return true;
  return !(
    before.kind === 'constant' ||
    before.kind === 'name' ||
    (before.kind === 'mark' && ')]}'.includes(before.text))
  );
}
function startsDigit(source: string, at: number, before: Token | undefined, isApart: boolean): boolean {
  if (/^-?\d/.test(source.slice(at, at + 2)))
    return !/^[012]:(?![\d])/.test(source.slice(at, at + 3)) || /^\d\d/.test(source.slice(at, at + 2));
  return /^-?\.\d/.test(source.slice(at, at + 3)) && startsNumber(before, isApart);
}

/** Numbers that only blanks part are one vector. */
function numberRun(source: string, start: number): { texts: string[]; end: number } {
  const texts: string[] = [];
  let at = start;
  let end = start;
  for (;;) {
    patterns.number.lastIndex = at;
    const text = patterns.number.exec(source)?.[0];
    if (text === undefined) break;
    if (texts.length > 0 && (/^0x/.test(text) || /^[01]+b$/.test(text) || /^0x|b$/.test(texts[0]!))) break;
    texts.push(text);
    end = at + text.length;
    const blanks = /^[ \t]+(?=-?\.?\d)/.exec(source.slice(end, end + 64))?.[0];
    if (!blanks) break;
    at = end + blanks.length;
    if (/^[012]:(?!\d)/.test(source.slice(at, at + 3))) break;
  }
  return { texts, end };
}

const escapes: Record<string, string> = { n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\' };
/** Text is bytes: what is not ASCII comes as UTF-8 already. */
function stringAt(source: string, start: number): { value: Q; end: number } {
  let text = '';
  for (let at = start + 1; at < source.length; at++) {
    const character = source[at]!;
    if (character === '"') return { value: text.length === 1 ? char(text) : chars(text), end: at + 1 };
    if (character !== '\\') {
      text += character;
      continue;
    }
    const octal = /^[0-7]{3}/.exec(source.slice(at + 1, at + 4))?.[0];
    if (octal) {
      text += String.fromCharCode(Number.parseInt(octal, 8));
      at += 3;
    } else {
      text += escapes[source[at + 1]!] ?? fail('char');
      at++;
    }
  }
  return fail('"');
}

export { verbs };
