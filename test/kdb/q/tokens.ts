// The tokens of a q script, line by line as q reads it. [x/y] is the page code.kx.com/q/x/y.

export type TokenKind =
  | 'name'
  | 'number'
  | 'string'
  | 'symbol'
  | 'operator'
  | 'iterator'
  | 'assign'
  | 'bracket'
  | 'end';

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  readonly line: number;
  /** Blanks stand before it. */
  readonly isApart: boolean;
  /** Stands at column 0: it begins a statement. */
  readonly isFirst: boolean;
  /** The first of a line that is indented. */
  readonly isContinuation: boolean;
}

export type Report = (rule: string, line: number, message: string) => void;

/** After these a minus sign subtracts, and a dot does not begin a number [basics/syntax#spaces]. */
const endsNoun = (token: Token | undefined): boolean =>
  token !== undefined &&
  (['name', 'number', 'string', 'symbol'].includes(token.kind) || [')', ']', '}'].includes(token.text));

const isBlank = (character: string): boolean => character === ' ' || character === '\t';

const patterns: readonly (readonly [TokenKind, RegExp])[] = [
  // A path goes on through slashes once it has a colon.
  ['symbol', /`(?::[\w.:/]*|[A-Za-z0-9.][\w.]*(?::[\w.:/]*)?)?/y],
  ['operator', /[012]:/y],
  [
    'number',
    /-?(?:0x[0-9a-fA-F]*|(?:\d[0-9A-Za-z.]*|\.\d[0-9A-Za-z.]*)(?:(?<=[\d.]e)-\d[0-9A-Za-z.]*|:\d[0-9A-Za-z.:]*)?)/y,
  ],
  ['name', /\.?[A-Za-z]\w*(?:\.[A-Za-z]\w*)*/y],
  ['iterator', /'|\/:|\\:|\/|\\/y],
  ['assign', /::|[-+*%&|^=<>~,#_!@?.$]:(?!:)|:/y],
  ['operator', /<=|>=|<>|[-+*%&|^=<>~,#_!@?.$]/y],
  ['bracket', /[()[\]{}]/y],
  ['end', /;/y],
];

export function tokensOf(text: string, report: Report): Token[] {
  const tokens: Token[] = [];
  let commentSince: number | undefined;
  for (const [at, whole] of text.split('\n').entries()) {
    const line = at + 1;
    if (whole.includes('\r')) report('character', line, 'a carriage return');
    const given = whole.replace(/[ \t\r]+$/, '');
    if (commentSince !== undefined) {
      if (given === '\\') commentSince = undefined;
      continue;
    }
    if (given === '/') {
      commentSince = line;
      continue;
    }
    if (given === '\\') {
      report('end of script', line, 'a lone \\ ends the script: nothing below it is loaded');
      break;
    }
    if (given.startsWith('\\')) {
      report('command', line, `a system command: ${given}`);
      continue;
    }
    if (/^[a-zA-Z]\)/.test(given)) {
      report('command', line, `another language or a prompt: ${given.slice(0, 2)}`);
      continue;
    }
    lineTokens(given, line, tokens, report);
  }
  if (commentSince !== undefined) report('comment', commentSince, 'a block comment is not ended by a lone \\');
  return tokens;
}

function lineTokens(text: string, line: number, tokens: Token[], report: Report): void {
  let isFirstOfLine = true;
  for (let at = 0; at < text.length; ) {
    const isApart = at === 0 || isBlank(text[at - 1]!);
    if (isBlank(text[at]!)) {
      at++;
      continue;
    }
    // Only behind a blank; elsewhere it is the iterator over [basics/syntax#comments].
    if (text[at] === '/' && isApart) return;
    const add = (kind: TokenKind, end: number): void => {
      const isIndented = isFirstOfLine && at > 0;
      tokens.push({ kind, text: text.slice(at, end), line, isApart, isFirst: at === 0, isContinuation: isIndented });
      isFirstOfLine = false;
      at = end;
    };
    if (text[at] === '"') {
      add('string', stringEnd(text, at, line, report));
      continue;
    }
    const subtracts = text[at] === '-' && !isApart && endsNoun(tokens.at(-1));
    const found = patterns.find(([kind, pattern]) => {
      pattern.lastIndex = at;
      return !(kind === 'number' && subtracts) && pattern.test(text);
    });
    if (found) add(found[0], found[1].lastIndex);
    else {
      report('character', line, `not a character of q: ${JSON.stringify(text[at])}`);
      at++;
    }
  }
}

/** Behind the closing quote. A string that goes on in the next line is a missing quote far more often than one that is meant. */
function stringEnd(text: string, start: number, line: number, report: Report): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '"') return at + 1;
    if (text[at] !== '\\') continue;
    const sequence = /^\\(?:["\\nrt]|[0-7]{3})/.exec(text.slice(at))?.[0];
    if (sequence) at += sequence.length - 1;
    else {
      report('escape', line, `not an escape of q: ${text.slice(at, at + 2)}`);
      at++;
    }
  }
  report('string', line, 'a string does not end in its line');
  return text.length;
}
