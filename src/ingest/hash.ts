import { randomInt } from 'node:crypto';

/** Start value of every hash; unknown outside, so that collisions cannot be prepared. */
export const hashSeed = randomInt(2 ** 32) | 0;

/** One step of FNV-1a. */
export function hashByte(hash: number, byte: number): number {
  return Math.imul(hash ^ byte, 0x01000193);
}

/** Every bit of the result depends on every bit of the number (the finalizer of MurmurHash3). */
export function mixed(number: number): number {
  let hash = Math.imul(number ^ (number >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
