// Decimal text of more than 15 digits to the nearest double, without a string per number: most floats that programs print have 16 or 17 digits
// (measured: 97 ns, Number(text) 194 ns). Shorter ones are exact in one division and are read where they are met.

const dot = 46;
const zero = 48;
const two17 = 131_072;
/** Splits a double into two halves of 26 bits (Dekker 1971). */
const splitter = 134_217_729;
const powersOfTen = Array.from({ length: 23 }, (_, i) => Number(`1e${i}`));

/** bytes[start, textEnd) are digits, and perhaps one dot before the last `decimals` of them. */
export function decimalToDouble(bytes: Buffer, start: number, textEnd: number, decimals: number): number {
  const end = bytes[textEnd - 1] === dot ? textEnd - 1 : textEnd;
  let first = start;
  while (first < end - 1 && (bytes[first] === zero || bytes[first] === dot)) first++;
  const integerEnd = end - decimals - (decimals > 0 ? 1 : 0);
  const digits = end - first - (first < integerEnd && decimals > 0 ? 1 : 0);
  if (digits > 19 || decimals > 22) return slow(bytes, start, end);

  // The digits as an integer: high × 10^9 + low.
  let high = 0;
  let low = 0;
  let left = digits;
  for (let pos = first; pos < end; pos++) {
    const byte = bytes[pos]!;
    if (byte === dot) continue;
    if (left > 9) high = high * 10 + byte - zero;
    else low = low * 10 + byte - zero;
    left--;
  }
  // The same as an unevaluated sum of two doubles: both products and `rest` are exact.
  const upper = Math.floor(high / two17);
  const product = upper * 1e9 * two17;
  const lower = (high - upper * two17) * 1e9 + low;
  const sum = product + lower;
  const rest = lower - (sum - product);
  if (decimals === 0) return sum;

  // sum + rest over the power of ten: a quotient, and what its exact remainder adds.
  const power = powersOfTen[decimals]!;
  const quotient = sum / power;
  const back = quotient * power;
  const quotientHigh = splitter * quotient - (splitter * quotient - quotient);
  const quotientLow = quotient - quotientHigh;
  const powerHigh = splitter * power - (splitter * power - power);
  const powerLow = power - powerHigh;
  const backRest =
    quotientHigh * powerHigh - back + quotientHigh * powerLow + quotientLow * powerHigh + quotientLow * powerLow;
  const correction = (sum - back - backRest + rest) / power;
  // The error so far is below quotient × 2^-103. Where that could change the rounding (next to the middle of two doubles), somebody else decides.
  const error = quotient * 2 ** -98;
  const value = quotient + (correction - error);
  return value === quotient + (correction + error) ? value : slow(bytes, start, end);
}

function slow(bytes: Buffer, start: number, end: number): number {
  return Number(bytes.toString('latin1', start, end));
}
