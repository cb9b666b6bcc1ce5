// Constants as they stand in q text: numbers and moments, alone or as vectors, whose last item says the type [basics/datatypes].

import { dateCell, momentCell, timeCell } from './moments.ts';
import {
  atom,
  type Cell,
  fail,
  infiniteCell,
  isBig,
  isFloating,
  nullCell,
  nullGuid,
  type Q,
  typeOfLetter,
  vector,
  vectorOf,
} from './values.ts';

const letters = 'ghijefpmdznuvt';

/** The type that a token shows; undefined where it takes that of the others. */
function shownType(text: string): number | undefined {
  if (/^-?0[NW][a-z]$/.test(text)) return typeOfLetter(text.at(-1)!);
  if (/^-?0[NW]$/.test(text)) return undefined;
  if (/^-?0[nw]$/.test(text)) return 9;
  if (/^-?\d{4}\.\d\d\.\d\dD/.test(text)) return 12;
  if (/^-?\d+D/.test(text)) return 16;
  if (/^\d{4}\.\d\d\.\d\dT/.test(text)) return 15;
  if (/^\d{4}\.\d\d\.\d\d[a-z]?$/.test(text)) return /[a-z]$/.test(text) ? typeOfLetter(text.at(-1)!) : 14;
  if (/^\d{4}\.\d\dm$/.test(text)) return 13;
  if (text.includes(':')) {
    const clock = text.replace(/[a-z]$/, '');
    if (clock !== text) return typeOfLetter(text.at(-1)!);
    if (/^-?\d\d:\d\d$/.test(clock)) return 17;
    if (/^-?\d\d:\d\d:\d\d$/.test(clock)) return 18;
    return /\.\d{1,3}$/.test(clock) ? 19 : 16;
  }
  const last = text.at(-1)!;
  if (letters.includes(last) && !/^-?\d+(\.\d*)?e$/.test(text)) return typeOfLetter(last);
  if (/e$/.test(text)) return 8;
  if (/[.e]/.test(text)) return 9;
  return undefined;
}

function cellOf(t: number, given: string): Cell {
  const bare = /^-?0[NW][a-z]?$/.exec(given);
  if (bare) {
    if (given.includes('N')) return t === 2 ? nullGuid : nullCell(t);
    const most = infiniteCell(t);
    return given.startsWith('-') ? (typeof most === 'bigint' ? -most : -(most as number)) : most;
  }
  if (/^-?0[nw]$/.test(given)) {
    if (!isFloating(t)) return fail('parse');
    return given.includes('n')
      ? Number.NaN
      : given.startsWith('-')
        ? Number.NEGATIVE_INFINITY
        : Number.POSITIVE_INFINITY;
  }
  const text = t >= 5 && letters.includes(given.at(-1)!) ? given.slice(0, -1) : given;
  const cell = plainCell(t, text);
  return cell ?? fail(given);
}
function plainCell(t: number, text: string): Cell | undefined {
  if (t === 12) return text.includes('.') ? momentCell(text) : BigInt(text);
  if (t === 14) return text.includes('.') ? dateCell(text) : Number(text);
  if (t === 13) return (Number(text.slice(0, 4)) - 2000) * 12 + Number(text.slice(5, 7)) - 1;
  if (t === 15) return Number(momentCell(text.replace('T', 'D'))! / 1_000_000n) / 86_400_000;
  if (t >= 16) return /[:D]/.test(text) ? timeCell(t, text) : t === 16 ? BigInt(text) : Number(text);
  if (isFloating(t)) return /^-?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/.test(text) ? Number(text) : undefined;
  if (!/^-?\d+$/.test(text)) return undefined;
  const whole = BigInt(text);
  const most = BigInt(infiniteCell(t) as number);
  if (whole > most || whole < -most - 1n) return undefined;
  return isBig(t) ? whole : Number(whole);
}

/** Of one or more tokens that stand beside each other. */
export function numbers(tokens: readonly string[]): Q {
  const only = tokens[0]!;
  if (tokens.length === 1 && /^[01]+b$/.test(only)) {
    const flags = Uint8Array.from(only.slice(0, -1), Number);
    return flags.length === 1 ? atom(1, flags[0]!) : vector(1, flags);
  }
  if (tokens.length === 1 && only.startsWith('0x')) {
    const digits = only.slice(2);
    const even = digits.length % 2 === 1 ? `0${digits}` : digits;
    const bytes = Uint8Array.from(Buffer.from(even, 'hex'));
    return digits.length <= 2 && digits.length > 0 ? atom(4, bytes[0]!) : vector(4, bytes);
  }
  const shown = tokens.map(shownType);
  const explicit = shown.at(-1);
  let type = explicit ?? shown.find((t) => t !== undefined) ?? 7;
  if (explicit === undefined && shown.some((t) => t === 9)) type = 9;
  if (shown.some((t) => t === 9) && type === 7) type = 9;
  const parsed = tokens.map((text) => cellOf(type, text));
  return parsed.length === 1 ? atom(type, parsed[0]!) : vectorOf(type, parsed);
}
