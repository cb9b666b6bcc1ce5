// Times as text: ISO 8601 or a number, as CSV cells have them.

import { parseDecimalNs, parseIsoNs } from '../base/time.ts';
import { Int64 } from './int64.ts';

const space = 32;
const dot = 46;
const minus = 45;
const zero = 48;
const colon = 58;
const letterT = 84;
const letterZ = 90;
/** By digits written: what makes nanoseconds of them. */
const toNanoseconds = [1e9, 1e8, 1e7, 1e6, 1e5, 1e4, 1e3, 100, 10, 1];

export class TimeReader {
  /** The time read last. */
  readonly time = new Int64();
  private readonly bytes: Buffer;
  /** Numbers are in units of 10^zeros ns. */
  private readonly zeros: number;
  private readonly pattern: ((text: string) => bigint | undefined) | null;
  /** The date read last: where it stands, and its first second since 1970. */
  private dateAt = -1;
  private dateS = 0;

  constructor(bytes: Buffer, zeros: number, pattern: ((text: string) => bigint | undefined) | null) {
    this.bytes = bytes;
    this.zeros = zeros;
    this.pattern = pattern;
  }

  /** Leaves bytes[start, end) in `time`. */
  read(start: number, end: number): 'ok' | 'InvalidTimestamp' | 'TimeOutOfRange' {
    if (this.pattern === null) {
      const quick = this.readDigits(start, end) ?? this.readIso(start, end);
      if (quick !== undefined) return quick ? 'ok' : 'TimeOutOfRange';
    }
    const text = this.bytes.toString('utf8', start, end).trim();
    const timeNs = this.pattern ? this.pattern(text) : (parseIsoNs(text) ?? this.parseNumber(text));
    if (timeNs === undefined) return 'InvalidTimestamp';
    const seconds = timeNs / 1_000_000_000n - (timeNs % 1_000_000_000n < 0n ? 1n : 0n);
    return this.time.setUnix(Number(seconds), Number(timeNs - seconds * 1_000_000_000n)) ? 'ok' : 'TimeOutOfRange';
  }

  /** Undefined: it is no integer. */
  private readDigits(start: number, end: number): boolean | undefined {
    const { bytes } = this;
    const negative = bytes[start] === minus;
    const first = negative ? start + 1 : start;
    if (first === end) return undefined;
    for (let pos = first; pos < end; pos++) {
      const digit = bytes[pos]! - zero;
      if (digit < 0 || digit > 9) return undefined;
    }
    return this.time.setTime(bytes, first, end, negative, this.zeros);
  }

  /** YYYY-MM-DD, T or a space, HH:MM:SS, perhaps a fraction, perhaps Z. Undefined: it is written in another way. */
  private readIso(start: number, end: number): boolean | undefined {
    const { bytes } = this;
    let last = end;
    if (bytes[last - 1] === letterZ) last--;
    if (last - start < 19 || last - start > 29) return undefined;
    const separator = bytes[start + 10];
    if ((separator !== letterT && separator !== space) || bytes[start + 13] !== colon || bytes[start + 16] !== colon)
      return undefined;
    if (!this.sameDate(start)) {
      const timeNs = parseIsoNs(bytes.toString('latin1', start, start + 10));
      if (timeNs === undefined) return undefined;
      this.dateAt = start;
      this.dateS = Number(timeNs / 1_000_000_000n);
    }
    const hours = this.twoDigits(start + 11);
    const minutes = this.twoDigits(start + 14);
    const seconds = this.twoDigits(start + 17);
    if (!(hours <= 23 && minutes <= 59 && seconds <= 59)) return undefined;
    let nanoseconds = 0;
    if (last - start > 19) {
      if (bytes[start + 19] !== dot || last - start === 20) return undefined;
      for (let pos = start + 20; pos < last; pos++) {
        const digit = bytes[pos]! - zero;
        if (digit < 0 || digit > 9) return undefined;
        nanoseconds = nanoseconds * 10 + digit;
      }
      nanoseconds *= toNanoseconds[last - start - 20]!;
    }
    return this.time.setUnix(this.dateS + hours * 3_600 + minutes * 60 + seconds, nanoseconds);
  }

  private sameDate(start: number): boolean {
    const { bytes, dateAt } = this;
    if (dateAt < 0) return false;
    for (let i = 9; i >= 0; i--) if (bytes[dateAt + i] !== bytes[start + i]) return false;
    return true;
  }

  /** NaN when they are none. */
  private twoDigits(at: number): number {
    const tens = this.bytes[at]! - zero;
    const ones = this.bytes[at + 1]! - zero;
    return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
  }

  /** A number with a fraction, such as seconds with milliseconds. */
  private parseNumber(text: string): bigint | undefined {
    const negative = text.startsWith('-');
    const value = parseDecimalNs(negative ? text.slice(1) : text, 10n ** BigInt(this.zeros));
    return negative && value !== undefined ? -value : value;
  }
}
