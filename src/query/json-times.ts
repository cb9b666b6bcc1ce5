import { writeFraction, writePadded, writeWhole } from './json-digits.ts';
import type { TimeFormat } from './request.ts';

/** Writes the time of a row at `at` and gives the position after it. */
export type TimeWriter = (out: Uint8Array, at: number, row: number) => number;

const dayNs = 86_400_000_000_000n;
const quote = 34;
const colon = 58;
const minus = 45;
const letterZ = 90;

const noDate = new Uint8Array(Buffer.from('0000-00-00T'));

/** The longest is an ISO time with 9 decimals and its quotes. */
export const maxTimeBytes = 32;

/** One time column in the format asked for: ISO and ns are JSON strings, the others are numbers with as many decimals as it takes. */
export function timeWriter(values: BigInt64Array, format: TimeFormat): TimeWriter {
  const day = new DayClock(values);
  return format === 'iso' ? isoWriter(day) : epochWriter(day, epochUnits[format], format === 'ns');
}

/**
 * Splits times into day, second and nanosecond. A time is read as two 32-bit halves (little endian, as every platform of Node's here is); its distance from
 * the start of a day is exact in a double, and results come sorted, so most times lie in the day of the one before: a cell takes 0.1 µs, where formatIsoNs
 * takes 1.9.
 */
class DayClock {
  /** `2024-01-01T`, as bytes. */
  readonly date = noDate.slice();
  /** Seconds from 1970 to the start of the day. */
  daySec = 0;
  secOfDay = 0;
  nsOfSec = 0;
  readonly #values: BigInt64Array;
  readonly #low: Uint32Array;
  readonly #high: Int32Array;
  /** In no day yet. */
  #dayLow = Number.NaN;
  #dayHigh = Number.NaN;

  constructor(values: BigInt64Array) {
    this.#values = values;
    this.#low = new Uint32Array(values.buffer, values.byteOffset, values.length * 2);
    this.#high = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
  }

  read(row: number): void {
    let ns = this.#nsOfDay(row);
    if (!(ns >= 0 && ns < 86_400e9)) {
      this.#enterDay(this.#values[row]!);
      ns = this.#nsOfDay(row);
    }
    this.secOfDay = Math.floor(ns / 1e9);
    this.nsOfSec = ns - this.secOfDay * 1e9;
  }

  #nsOfDay(row: number): number {
    return (this.#high[2 * row + 1]! - this.#dayHigh) * 2 ** 32 + (this.#low[2 * row]! - this.#dayLow);
  }

  #enterDay(timeNs: bigint): void {
    const startNs = timeNs - (((timeNs % dayNs) + dayNs) % dayNs);
    this.#dayLow = Number(BigInt.asUintN(32, startNs));
    this.#dayHigh = Number(startNs >> 32n);
    this.daySec = Number(startNs / 1_000_000_000n);
    const date = new Date(this.daySec * 1000);
    writePadded(this.date, 0, date.getUTCFullYear(), 4);
    writePadded(this.date, 5, date.getUTCMonth() + 1, 2);
    writePadded(this.date, 8, date.getUTCDate(), 2);
  }
}

/** As formatIsoNs: none, 3, 6 or 9 decimals. */
function isoWriter(day: DayClock): TimeWriter {
  return (out, at, row) => {
    day.read(row);
    out[at++] = quote;
    for (let i = 0; i < 11; i++) out[at++] = day.date[i]!;
    const minutes = (day.secOfDay / 60) | 0;
    at = writePadded(out, at, (minutes / 60) | 0, 2);
    out[at++] = colon;
    at = writePadded(out, at, minutes % 60, 2);
    out[at++] = colon;
    at = writePadded(out, at, day.secOfDay % 60, 2);
    const ns = day.nsOfSec;
    if (ns !== 0) {
      out[at++] = 46;
      if (ns % 1000 !== 0) at = writePadded(out, at, ns, 9);
      else if (ns % 1_000_000 !== 0) at = writePadded(out, at, ns / 1000, 6);
      else at = writePadded(out, at, ns / 1_000_000, 3);
    }
    out[at++] = letterZ;
    out[at++] = quote;
    return at;
  };
}

/** How many of the 9 decimals of a second are whole in the unit. */
const epochUnits = { s: 0, ms: 3, us: 6, ns: 9 } as const;

function epochWriter(day: DayClock, wholeDigits: number, quoted: boolean): TimeWriter {
  const fractionDigits = 9 - wholeDigits;
  const fractionUnit = 10 ** fractionDigits;
  return (out, at, row) => {
    day.read(row);
    let seconds = day.daySec + day.secOfDay;
    let ns = day.nsOfSec;
    if (quoted) out[at++] = quote;
    if (seconds < 0) {
      // The clock counts up from the second before; text counts from zero: -1 s + 0.25 s is -0.75 s.
      out[at++] = minus;
      seconds = ns === 0 ? -seconds : -seconds - 1;
      ns = ns === 0 ? 0 : 1e9 - ns;
    }
    const whole = Math.floor(ns / fractionUnit);
    // Seconds and their whole part are written one after the other: a sum in µs or ns would pass 2^53.
    if (seconds > 0 || wholeDigits === 0) {
      at = writeWhole(out, at, seconds);
      at = writePadded(out, at, whole, wholeDigits);
    } else {
      at = writeWhole(out, at, whole);
    }
    at = writeFraction(out, at, ns - whole * fractionUnit, fractionDigits);
    if (quoted) out[at++] = quote;
    return at;
  };
}
