// Values as text: string, and the one-line form that .Q.s1 and -3! give.

import { cells, count, itemAt, itemsOf } from './lists.ts';
import {
  type Cell,
  chars,
  dict,
  type Iterator,
  infiniteCell,
  isFloating,
  isNullCell,
  letterOf,
  list,
  type Q,
  table,
  typeName,
} from './values.ts';

export const precision = { digits: 7 };

/** As %.7g of C does, which is what q prints [basics/syscmds#p-precision]. */
export function floatText(value: number, digits = precision.digits || 17): string {
  if (Number.isNaN(value)) return '0n';
  if (!Number.isFinite(value)) return value > 0 ? '0w' : '-0w';
  if (value === 0) return '0';
  const exponent = Number(value.toExponential(digits - 1).split('e')[1]);
  if (exponent < -5 || exponent >= digits) {
    const [mantissa, power] = value.toExponential(digits - 1).split('e') as [string, string];
    const size = Math.abs(Number(power));
    return `${stripped(mantissa)}e${Number(power) < 0 ? '-' : '+'}${size < 10 ? `0${size}` : size}`;
  }
  return stripped(value.toFixed(Math.max(0, digits - 1 - exponent)));
}
const stripped = (text: string): string => (text.includes('.') ? text.replace(/\.?0+$/, '') : text);

const two = (value: number | bigint): string => String(value).padStart(2, '0');
export function dateText(days: number): string {
  const date = new Date((days + 10_957) * 86_400_000);
  return `${String(date.getUTCFullYear()).padStart(4, '0')}.${two(date.getUTCMonth() + 1)}.${two(date.getUTCDate())}`;
}
const clock = (seconds: bigint): string =>
  `${two(seconds / 3600n)}:${two((seconds / 60n) % 60n)}:${two(seconds % 60n)}`;
const dayNs = 86_400_000_000_000n;
const floorDay = (ns: bigint): bigint => (ns - (((ns % dayNs) + dayNs) % dayNs)) / dayNs;
const nineDigits = (ns: bigint): string => String(ns).padStart(9, '0');

/** A cell that is neither null nor infinite. */
function plainText(t: number, cell: Cell): string {
  switch (Math.abs(t)) {
    case 4:
      return (cell as number).toString(16).padStart(2, '0');
    case 8:
    case 9:
      return floatText(cell as number);
    case 10:
      return String.fromCharCode(cell as number);
    case 12: {
      const days = floorDay(cell as bigint);
      const rest = (cell as bigint) - days * dayNs;
      return `${dateText(Number(days))}D${clock(rest / 1_000_000_000n)}.${nineDigits(rest % 1_000_000_000n)}`;
    }
    case 13:
      return dateText(Date.UTC(2000, cell as number, 1) / 86_400_000 - 10_957).slice(0, 7);
    case 14:
      return dateText(cell as number);
    case 15: {
      const ms = Math.round((cell as number) * 86_400_000);
      const days = Math.floor(ms / 86_400_000);
      const rest = ms - days * 86_400_000;
      return `${dateText(days)}T${clock(BigInt(Math.floor(rest / 1000)))}.${String(rest % 1000).padStart(3, '0')}`;
    }
    case 16: {
      const size = (cell as bigint) < 0n ? -(cell as bigint) : (cell as bigint);
      const rest = size % dayNs;
      return `${(cell as bigint) < 0n ? '-' : ''}${size / dayNs}D${clock(rest / 1_000_000_000n)}.${nineDigits(rest % 1_000_000_000n)}`;
    }
    case 17:
    case 18:
    case 19:
      return timeText(Math.abs(t), cell as number);
    default:
      return String(cell);
  }
}
function timeText(t: number, value: number): string {
  const sign = value < 0 ? '-' : '';
  const size = Math.abs(value);
  if (t === 17) return `${sign}${two(Math.floor(size / 60))}:${two(size % 60)}`;
  if (t === 18) return `${sign}${clock(BigInt(size))}`;
  return `${sign}${clock(BigInt(Math.floor(size / 1000)))}.${String(size % 1000).padStart(3, '0')}`;
}

function isInfinite(t: number, cell: Cell): -1 | 0 | 1 {
  const type = Math.abs(t);
  if ([1, 2, 4, 10, 11].includes(type)) return 0;
  const most = infiniteCell(type);
  if (cell === most) return 1;
  return cell === (typeof most === 'bigint' ? -most : -(most as number)) ? -1 : 0;
}

/** string of one cell: nulls are empty. */
export function cellText(t: number, cell: Cell): string {
  const type = Math.abs(t);
  if (type === 10) return String.fromCharCode(cell as number);
  if (type === 2 || type === 11) return cell as string;
  if (isNullCell(type, cell)) return '';
  const sign = isInfinite(type, cell);
  if (sign !== 0) return `${sign < 0 ? '-' : ''}0${isFloating(type) && type !== 15 ? 'w' : 'W'}`;
  return plainText(type, cell);
}

export function string(x: Q): Q {
  if (x.kind === 'atom') return chars(cellText(x.t, x.v));
  if (x.kind === 'vector') return list(Array.from(cells(x), (cell) => chars(cellText(x.t, cell))));
  if (x.kind === 'list') return list(x.v.map(string));
  if (x.kind === 'dict') return dict(x.k, string(x.v));
  if (x.kind === 'table') return table(x.names, x.columns.map(string));
  return chars(oneLine(x));
}

// ---- one line ----

const escapes: Record<string, string> = { '"': '\\"', '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };
const quoted = (text: string): string =>
  `"${text.replaceAll(/["\\\n\r\t]|[\0-\x1f\x7f]/g, (character) => escapes[character] ?? `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`)}"`;

/** The suffix of numbers that do not show their type. */
const suffix = (t: number): string => ({ 5: 'h', 6: 'i', 13: 'm' })[t] ?? '';

function atomText(t: number, cell: Cell): string {
  const type = Math.abs(t);
  if (type === 1) return `${cell}b`;
  if (type === 4) return `0x${plainText(4, cell)}`;
  if (type === 10) return quoted(String.fromCharCode(cell as number));
  if (type === 11) return `\`${cell}`;
  if (type === 2) return cell as string;
  const letter = letterOf(type);
  if (isNullCell(type, cell)) return type === 7 ? '0N' : type === 9 ? '0n' : `0N${letter}`;
  const sign = isInfinite(type, cell);
  if (sign !== 0) return `${sign < 0 ? '-' : ''}${type === 7 ? '0W' : type === 9 ? '0w' : `0W${letter}`}`;
  const text = plainText(type, cell);
  if (type === 9) return /^-?\d+$/.test(text) ? `${text}f` : text;
  return type === 8 ? `${text}e` : `${text}${suffix(type)}`;
}

function vectorText(x: Q & { kind: 'vector' }): string {
  const from = cells(x);
  if (from.length === 0) return x.t === 10 ? '""' : `\`${typeName(x.t)}$()`;
  const comma = from.length === 1 ? ',' : '';
  if (x.t === 1) return `${comma}${Array.from(from).join('')}b`;
  if (x.t === 4) return `${comma}0x${Array.from(from, (cell) => plainText(4, cell)).join('')}`;
  if (x.t === 10) return `${comma}${quoted(Buffer.from(x.v as Uint8Array).toString('latin1'))}`;
  if (x.t === 11) return `${comma}\`${Array.from(from).join('`')}`;
  if (x.t === 2) return `${comma}${Array.from(from).join(' ')}`;
  if (from.length === 1) return `,${atomText(x.t, from[0]!)}`;
  const texts = Array.from(from, (cell) => {
    if (isNullCell(x.t, cell)) return isFloating(x.t) ? '0n' : '0N';
    const sign = isInfinite(x.t, cell);
    if (sign !== 0) return `${sign < 0 ? '-' : ''}${isFloating(x.t) ? '0w' : '0W'}`;
    return plainText(x.t, cell);
  });
  const isBare = texts.every((text) => /^-?\d+$/.test(text) || /^-?0[nNwW]$/.test(text));
  const letter =
    x.t === 9
      ? texts.every((text) => /^-?\d+$/.test(text))
        ? 'f'
        : ''
      : x.t === 7
        ? ''
        : isBare
          ? letterOf(x.t)
          : suffix(x.t);
  return `${texts.join(' ')}${x.t === 8 ? 'e' : letter}`;
}

const isNested = (x: Q): boolean =>
  x.kind === 'dict' ||
  x.kind === 'table' ||
  (x.kind === 'list' && x.v.length === 1) ||
  (x.kind === 'vector' && x.v.length === 1);

export function oneLine(x: Q): string {
  switch (x.kind) {
    case 'atom':
      return atomText(x.t, x.v);
    case 'vector':
      return `${x.a === '' ? '' : `\`${x.a}#`}${vectorText(x)}`;
    case 'list':
      if (x.v.length === 0) return '()';
      if (x.v.length === 1) return `,${oneLine(x.v[0]!)}`;
      return `(${x.v.map(oneLine).join(';')})`;
    case 'dict': {
      const keys = oneLine(x.k);
      return `${isNested(x.k) || x.k.kind === 'table' ? `(${keys})` : keys}!${oneLine(x.v)}`;
    }
    case 'table': {
      const names = vectorText({ kind: 'vector', t: 11, v: [...x.names], a: '' });
      const columns = x.columns.length === 1 ? `,${oneLine(x.columns[0]!)}` : `(${x.columns.map(oneLine).join(';')})`;
      return `+${x.names.length === 1 ? `(${names})` : names}!${columns}`;
    }
    case 'lambda':
      return x.source;
    case 'primitive':
      return x.name;
    case 'projection':
      return `${oneLine(x.f)}[${x.args.map((arg) => (arg === undefined ? '' : oneLine(arg))).join(';')}]`;
    case 'composition':
      return x.fs.map(oneLine).join('');
    case 'derived':
      return `${oneLine(x.f)}${x.iterator satisfies Iterator}`;
  }
}
export { count, itemAt, itemsOf };
