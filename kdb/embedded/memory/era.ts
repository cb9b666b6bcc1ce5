// Time inside the engine: an era of 2^52 ns (52 days) and an offset in it. Offsets are exact as doubles, and the upper and lower half of an
// int64 give both without a BigInt per row: era = upper >> 20, floored also before 1970.

export const eraSpan = 2 ** 52;
const eraSpanNs = 2n ** 52n;
const two32 = 2 ** 32;
/** Runs of one UTC day may begin in one era and end in the next, so an offset may pass eraSpan by a day; this is above every offset. */
export const offsetLimit = 2 ** 53;

export const dayNs = 86_400_000_000_000n;

export interface Instant {
  readonly era: number;
  readonly offset: number;
}

export function eraOf(upper: number): number {
  return upper >> 20;
}

export function offsetOf(upper: number, lower: number): number {
  return (upper & 0xfffff) * two32 + (lower >>> 0);
}

export function instantOf(timeNs: bigint): Instant {
  return { era: Number(timeNs >> 52n), offset: Number(timeNs & (eraSpanNs - 1n)) };
}

export function timeOf(era: number, offset: number): bigint {
  return BigInt(era) * eraSpanNs + BigInt(offset);
}

/** Writes the int64 at `index` of the vector that `words` views. */
export function writeTime(words: Int32Array, index: number, era: number, offset: number): void {
  const upper = Math.floor(offset / two32);
  words[2 * index] = offset - upper * two32;
  words[2 * index + 1] = era * 2 ** 20 + upper;
}

/** Below, at or above zero as a is before, at or after b. The sum of two exact doubles has the right sign even where it is rounded. */
export function compareInstants(eraA: number, offsetA: number, eraB: number, offsetB: number): number {
  return (eraA - eraB) * eraSpan + (offsetA - offsetB);
}

/** A time as an offset in an era, clamped to what a run can hold. */
export function offsetWithin(era: number, timeNs: bigint): number {
  const distance = timeNs - BigInt(era) * eraSpanNs;
  if (distance <= 0n) return 0;
  return distance >= 2n ** 53n ? offsetLimit : Number(distance);
}

/** The 32-bit halves of a vector of int64: lower at 2i, upper at 2i+1 (little endian, as every machine this runs on). */
export function wordsOf(values: BigInt64Array): Int32Array {
  return new Int32Array(values.buffer, values.byteOffset, values.length * 2);
}
